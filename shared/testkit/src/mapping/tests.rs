//! The model delivers as each reading of the mapping says.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Mutex;

use msk_event::{Delivered, EventError, KafkaEvent, Position};
use processing::{Effort, Invocation, Processed};

use super::*;
use crate::lock;

/// Answers what a test wrote down for the nth invocation; finishes everything after that.
struct Scripted(Mutex<HashMap<usize, Act>>, Mutex<usize>);

enum Act {
    Name(Vec<Position>),
    Fail,
    Hang,
}

impl Scripted {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self(
            Mutex::new(acts.into_iter().enumerate().collect()),
            Mutex::default(),
        )
    }
}

impl Processor for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn process(&self, payload: &[u8], _: &Invocation) -> Result<Processed, EventError> {
        let event = KafkaEvent::read(payload)?;
        assert!(
            event
                .records
                .iter()
                .all(|record| matches!(record, Delivered::Record(_)))
        );
        let number = {
            let mut calls = lock(&self.1);
            *calls += 1;
            *calls - 1
        };
        let act = lock(&self.0).remove(&number);
        let answer = match act {
            None => Answer::Respond(BatchResponse::default()),
            Some(Act::Name(positions)) => Answer::Respond(positions.into_iter().collect()),
            Some(Act::Fail) => Answer::Fail {
                unfinished: 1,
                code: "on_purpose",
            },
            Some(Act::Hang) => pending().await,
        };
        Ok(Processed {
            answer,
            records: Vec::new(),
            effort: Effort::default(),
        })
    }
}

fn position(partition: i32, offset: i64) -> Position {
    Position {
        topic: "t".into(),
        partition,
        offset,
    }
}

fn records() -> Vec<KafkaRecord> {
    let places = (0..2).flat_map(|partition| (0..3).map(move |offset| (partition, offset)));
    places
        .map(|(partition, offset)| KafkaRecord::new("t", partition, offset))
        .collect()
}

async fn run(reading: Reading, acts: impl IntoIterator<Item = Act>) -> Deliveries {
    let timer = VirtualTimer::automatic();
    let model = MappingModel::new(reading, &timer)
        .records(records())
        .deliveries_max(5);
    model.run(&Scripted::new(acts)).await
}

fn second_delivery(deliveries: &Deliveries) -> Vec<Position> {
    let mut positions = deliveries.invocations[1].positions.clone();
    positions.sort();
    positions
}

#[tokio::test]
async fn only_the_listed_records_come_again() {
    let listed = vec![position(0, 1), position(1, 0)];
    let deliveries = run(Reading::ListedOnly, [Act::Name(listed.clone())]).await;
    assert_eq!(second_delivery(&deliveries), listed);
    assert_eq!(deliveries.times(&position(0, 2)), 1);
    assert!(deliveries.is_complete());
}

#[tokio::test]
async fn everything_from_the_lowest_listed_offset_comes_again() {
    let deliveries = run(Reading::FromLowestOffset, [Act::Name(vec![position(0, 1)])]).await;
    assert_eq!(
        second_delivery(&deliveries),
        [position(0, 1), position(0, 2)]
    );
}

#[tokio::test]
async fn on_demand_pollers_do_not_read_the_answer() {
    let deliveries = run(Reading::OnDemand, [Act::Name(vec![position(0, 1)])]).await;
    assert_eq!(deliveries.invocations.len(), 1);
}

#[tokio::test]
async fn a_failed_or_hanging_invocation_brings_the_whole_batch_again() {
    for reading in Reading::ALL {
        let deliveries = run(reading, [Act::Fail, Act::Hang]).await;
        assert_eq!(deliveries.invocations.len(), 3);
        assert_eq!(deliveries.times(&position(1, 2)), 3);
        assert!(deliveries.is_complete());
    }
}

#[tokio::test]
async fn an_answer_that_names_a_stranger_fails_the_whole_batch() {
    let strangers = [position(0, 9), position(7, 0)];
    for stranger in strangers {
        let deliveries = run(Reading::ListedOnly, [Act::Name(vec![stranger])]).await;
        assert_eq!(second_delivery(&deliveries).len(), 6);
        assert_eq!(deliveries.answers_refused, 1);
    }
}

#[tokio::test]
async fn a_batch_is_given_up_after_its_deliveries() {
    let acts = (0..5).map(|_| Act::Name(vec![position(0, 0)]));
    let deliveries = run(Reading::ListedOnly, acts).await;
    assert_eq!(deliveries.given_up, [position(0, 0)]);
    assert_eq!(deliveries.committed[&("t".to_owned(), 0)], 3);
}

#[tokio::test]
async fn batches_take_from_all_partitions_in_turn_and_keep_their_order() {
    let timer = VirtualTimer::automatic();
    let model = MappingModel::new(Reading::ListedOnly, &timer).records(records());
    let deliveries = model
        .batch_records_max(2)
        .copies(1)
        .run(&Scripted::new([]))
        .await;
    assert_eq!(deliveries.invocations.len(), 6);
    assert_eq!(
        deliveries.invocations[2].positions,
        [position(0, 1), position(1, 1)]
    );
    assert_eq!(
        deliveries.invocations[3].positions,
        deliveries.invocations[2].positions
    );
}
