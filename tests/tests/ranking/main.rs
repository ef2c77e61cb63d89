//! Boards read by their real indexes, filled by the real function: real binary, real protocols.
//!
//! What a booking counts for is in the function's own tests.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

use aws_adapters::{DynamoStore, IndexQuery};
use event_schema::catalogue::{self, IndexSpec};
use local_platform::LocalLambda;
use processing::StoreError;
use ranking::{Board, Order, Place, top};
use serde_json::{Value, json};
use system_tests::system::System;
use testkit::{EventBuilder, KafkaRecord};

const DAY: &str = "2026-09-21";

/// A partition of an index.
struct Indexed {
    store: DynamoStore,
    table: &'static str,
    partition: &'static str,
}

impl Indexed {
    fn index(&self) -> &'static IndexSpec {
        catalogue::indexes_of(self.table)
            .first()
            .expect("it has one")
    }
}

impl Board for Indexed {
    type Error = StoreError;

    async fn page(
        &self,
        order: Order,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<Place>, StoreError> {
        let index = self.index();
        // A table whose partitions are days has the concert as its sort key, the other as its partition key.
        let by_sort = index.partition == "pk";
        let after = after.map(|place| {
            let concert = place.concert_id.clone();
            let (partition, sort) = if by_sort {
                (self.partition.to_owned(), concert)
            } else {
                (concert, "-".to_owned())
            };
            let body = [(index.sort.to_owned(), json!(place.score))];
            let key = testkit::item_key(self.table, partition, sort);
            let body = body.into_iter().collect();
            (key, processing::Stored { version: 1, body })
        });
        let query = IndexQuery {
            table: self.table,
            index,
            partition: self.partition,
            ascending: order == Order::LowestFirst,
            after: after.as_ref(),
            limit,
        };
        let items = self.store.query_index(query).await?.into_iter();
        let place = |(key, stored): (processing::ItemKey, processing::Stored)| Place {
            concert_id: if by_sort { key.sort } else { key.partition },
            score: stored.body.get(index.sort).and_then(Value::as_i64).unwrap(),
        };
        Ok(items.map(place).collect())
    }
}

fn reservation(n: i64, concert: &str) -> KafkaRecord {
    let partition = i32::try_from(n % 3).unwrap();
    KafkaRecord::new("reservation.reservation.created", partition, n).json(&json!({
        "event_id": format!("e-{n}"), "event_type": "reservation.created",
        "timestamp": format!("{DAY}T12:00:00.000Z"), "reservation_id": format!("r-{n}"),
        "user_id": "u-1", "concert_id": concert,
    }))
}

fn sold_out(n: i64, concert: &str, minutes: i64) -> KafkaRecord {
    KafkaRecord::new("concert.concert.sold-out", 0, n).json(&json!({
        "event_id": format!("s-{n}"), "event_type": "concert.sold-out",
        "timestamp": format!("{DAY}T12:{minutes:02}:00.000Z"), "concert_id": concert,
        "booking_started_at": format!("{DAY}T12:00:00.000Z"),
    }))
}

async fn invoke(lambda: &LocalLambda, records: &[KafkaRecord]) {
    let payload = EventBuilder::new().records(records).build();
    let outcome = lambda.invoke("ranking", payload).await.unwrap();
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
}

fn told(places: Vec<Place>) -> Vec<(String, i64)> {
    let places = places.into_iter();
    places
        .map(|place| (place.concert_id, place.score))
        .collect()
}

fn expected(places: &[(&str, i64)]) -> Vec<(String, i64)> {
    let places = places.iter();
    places
        .map(|(concert, score)| ((*concert).to_owned(), *score))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_each_board_are_read_by_its_index_and_stay_when_all_comes_again() {
    let system = System::start().await;
    let function = system.function("ranking", true);
    let lambda = LocalLambda::start(0, vec![function]).await.unwrap();
    let mut bookings = vec![("c-a", 3), ("c-b", 12), ("c-c", 3), ("c-d", 12), ("c-e", 1)];
    // More concerts of one booking each than a page of the index has.
    let others: Vec<_> = (0..250).rev().map(|n| format!("x-{n:03}")).collect();
    bookings.extend(others.iter().map(|concert| (concert.as_str(), 1)));
    let concerts = bookings
        .iter()
        .flat_map(|(concert, times)| vec![*concert; *times]);
    let mut records: Vec<_> = (0_i64..)
        .zip(concerts)
        .map(|(n, concert)| reservation(n, concert))
        .collect();
    let sell_outs = [("c-a", 30), ("c-b", 5), ("c-c", 30), ("c-d", 59)];
    let sell_outs = (0_i64..).zip(sell_outs);
    records.extend(sell_outs.map(|(n, (concert, minutes))| sold_out(n, concert, minutes)));
    let board = |table, partition| Indexed {
        store: system.store(),
        table,
        partition,
    };
    for _ in 0..2 {
        invoke(&lambda, &records).await;
        let day = board("daily-bookings", DAY);
        let first = top(&day, Order::HighestFirst, 3).await.unwrap();
        assert_eq!(
            told(first),
            expected(&[("c-b", 12), ("c-d", 12), ("c-a", 3)])
        );
        let first = top(&day, Order::HighestFirst, 7).await.unwrap();
        assert_eq!(
            told(first).split_off(4),
            expected(&[("c-e", 1), ("x-000", 1), ("x-001", 1)])
        );
        let month = board("sell-outs", "2026-09");
        let first = top(&month, Order::LowestFirst, 3).await.unwrap();
        let minute = 60_000;
        assert_eq!(
            told(first),
            expected(&[
                ("c-b", 5 * minute),
                ("c-a", 30 * minute),
                ("c-c", 30 * minute)
            ])
        );
        let none = top(
            &board("daily-bookings", "2026-09-22"),
            Order::HighestFirst,
            3,
        )
        .await;
        assert!(none.unwrap().is_empty());
    }
    lambda.shutdown().await;
}
