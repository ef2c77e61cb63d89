//! The suite passes what conforms and names what does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use event_schema::events::{OrderCreated, StockUpdated, UserActivityRecorded};
use futures_util::FutureExt;
use processing::{Decide, Dedup, Item, Key, OnPoison, Record, Rejection, Work};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::conformance::Suite;
use testkit::item_key;

#[derive(Serialize, Deserialize)]
struct Product {
    product_id: String,
    stock: i64,
}

impl Item for Product {
    const TABLE: &'static str = "products";
    fn key(&self) -> Key {
        Key::from(&self.product_id)
    }
}

#[derive(Serialize, Deserialize)]
struct Order {
    order_id: String,
    times: u64,
}

impl Item for Order {
    const TABLE: &'static str = "orders";
    fn key(&self) -> Key {
        Key::from(&self.order_id)
    }
}

/// Reserves stock and counts the events of each order.
#[derive(Default)]
struct Reserve<const PARKS: bool>;

impl<const PARKS: bool> Decide for Reserve<PARKS> {
    type Event = OrderCreated;
    const NAME: &'static str = "reserve";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = if PARKS {
        OnPoison::ParkKey
    } else {
        OnPoison::Skip
    };

    fn decide(&self, record: &Record<OrderCreated>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let order_id = record
            .event
            .order_id
            .as_ref()
            .map_or("none", |id| id.as_ref());
        let order: Option<Order> = work.get(order_id)?;
        for line in &record.event.items {
            let id = line.product_id.as_ref();
            let product: Option<Product> = work.peek(id)?;
            let stock = product.map_or(0, |product| product.stock);
            let quantity = i64::from(line.quantity);
            let Ok(available) = u64::try_from(stock - quantity) else {
                return Err(Rejection::permanent(
                    "too_little_stock",
                    "there is too little stock",
                ));
            };
            work.add::<Product>(id, "stock", -quantity).at_least(0);
            work.publish(StockUpdated {
                product_id: line.product_id.clone(),
                available,
                delta: Some(-quantity),
                version: 1,
                order_id: record.event.order_id.clone(),
            });
        }
        let times = order.map_or(0, |order| order.times) + 1;
        work.put(&Order {
            order_id: order_id.to_owned(),
            times,
        });
        Ok(())
    }
}

fn order(id: &str, product: &str, quantity: i32) -> Value {
    json!({ "order_id": id, "user_id": "u-1", "items": [{ "product_id": product, "quantity": quantity }] })
}

fn orders<H: Decide, F: Fn() -> H>(make: F) -> Suite<F> {
    Suite::new(make)
        .seed(
            item_key("products", "p-1", "-"),
            &Product {
                product_id: "p-1".into(),
                stock: 10,
            },
        )
        .seed(
            item_key("products", "p-2", "-"),
            &json!({ "product_id": "p-2", "stock": 5 }),
        )
        .event(order("o-1", "p-1", 2), "o-1")
        .event(order("o-2", "p-2", 1), "o-2")
        .event(order("o-1", "p-1", 3), "o-1")
        .event(order("o-1", "p-1", 1), "o-1")
}

#[tokio::test]
async fn a_handler_that_skips_poison_conforms() {
    orders(|| Reserve::<false>)
        .poison(order("o-9", "p-1", 99))
        .run()
        .await;
}

#[tokio::test]
async fn a_handler_that_parks_keys_conforms() {
    orders(|| Reserve::<true>)
        .poison(order("o-9", "p-1", 99))
        .run()
        .await;
}

/// Counts by position.
struct CountActivity;

impl Decide for CountActivity {
    type Event = UserActivityRecorded;
    const NAME: &'static str = "count-activity";
    const DEDUP: Dedup = Dedup::Position;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<UserActivityRecorded>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        work.add::<Product>(record.event.user_id.as_ref(), &record.event.action, 1);
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_goes_by_position_conforms() {
    let activity = |user: &str, action: &str| json!({ "user_id": user, "action": action });
    Suite::new(|| CountActivity)
        .event(activity("u-1", "login"), "u-1")
        .event(activity("u-1", "view"), "u-1")
        .event_without_key(activity("u-2", "login"))
        .event(activity("u-1", "login"), "u-1")
        .poison(json!({ "action": "nobody" }))
        .run()
        .await;
}

async fn complaint<H: Decide>(suite: Suite<impl Fn() -> H>) -> String {
    let panic = AssertUnwindSafe(suite.run())
        .catch_unwind()
        .await
        .unwrap_err();
    *panic.downcast::<String>().unwrap()
}

/// Is not pure: what it writes depends on how often it ran.
#[derive(Default)]
struct CountsItsRuns(AtomicU64);

impl Decide for CountsItsRuns {
    type Event = OrderCreated;
    const NAME: &'static str = "counts-its-runs";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<OrderCreated>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let order_id = record
            .event
            .order_id
            .as_ref()
            .map_or("none", |id| id.as_ref());
        work.get::<Order>(order_id)?;
        let times = self.0.fetch_add(1, Ordering::Relaxed);
        work.put(&Order {
            order_id: order_id.to_owned(),
            times,
        });
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_is_not_pure_is_found_out() {
    let complaint = complaint(orders(CountsItsRuns::default)).await;
    assert!(
        complaint.contains("a batch leaves what its records leave"),
        "{complaint}"
    );
    assert!(complaint.contains("`counts-its-runs`"), "{complaint}");
}

#[tokio::test]
async fn poison_that_is_applied_is_found_out() {
    let suite = orders(|| Reserve::<false>).poison(order("o-9", "p-1", 1));
    let complaint = complaint(suite).await;
    assert!(
        complaint.contains("poison 0 becomes a dead letter"),
        "{complaint}"
    );
}

#[tokio::test]
async fn a_sample_that_is_refused_is_found_out() {
    let suite = orders(|| Reserve::<false>).event(order("o-3", "p-1", 99), "o-3");
    let complaint = complaint(suite).await;
    assert!(complaint.contains("every sample is applied"), "{complaint}");
}

#[tokio::test]
async fn a_suite_without_samples_checks_nothing_and_says_so() {
    let panic = AssertUnwindSafe(Suite::new(|| CountActivity).run())
        .catch_unwind()
        .await;
    let complaint = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(complaint.contains("has no sample"), "{complaint}");
}
