//! What changes of stock add up to, and when running low is told.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use event_schema::events::{NotificationKind, NotificationRequested};
use serde_json::{Value, json};
use stock_updated::{INVENTORY_RECIPIENT, LOW_STOCK_PIECES, StockLevel, StockUpdatedHandler};
use testkit::{Rig, item_key};

fn update(available: i64, delta: i64, version: u64) -> Value {
    json!({ "product_id": "p-1", "available": available, "delta": delta, "version": version,
        "timestamp": format!("2026-11-21T10:00:{version:02}.000Z") })
}

fn level(rig: &Rig<StockUpdatedHandler>) -> StockLevel {
    rig.item("p-1").unwrap()
}

fn told(rig: &Rig<StockUpdatedHandler>) -> usize {
    rig.published::<NotificationRequested>().len()
}

#[tokio::test]
async fn the_level_is_what_the_first_change_found_and_all_deltas_since() {
    let rig = Rig::new(StockUpdatedHandler);
    rig.send([update(97, -3, 1), update(92, -5, 2), update(142, 50, 3)])
        .await;
    let level = level(&rig);
    assert_eq!(
        (level.available, level.version, level.opening),
        (142, 3, 100)
    );
    assert_eq!(level.changed_at.to_string(), "2026-11-21T10:00:03.000Z");
}

#[tokio::test]
async fn changes_that_saw_the_same_stock_are_both_counted() {
    let rig = Rig::new(StockUpdatedHandler);
    // Two orders at the same moment: neither saw the other, so both tell of version 1.
    rig.send([update(97, -3, 1), update(95, -5, 1), update(91, -1, 3)])
        .await;
    assert_eq!(level(&rig).available, 91);
}

#[tokio::test]
async fn the_level_is_the_same_in_whichever_order_the_changes_come() {
    let changes = [
        update(97, -3, 1),
        update(95, -5, 1),
        update(142, 50, 3),
        update(102, -40, 4),
    ];
    for order in [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
        [2, 0, 3, 1],
        [1, 3, 0, 2],
        [3, 0, 2, 1],
    ] {
        let rig = Rig::new(StockUpdatedHandler);
        for n in order {
            rig.send([changes[n].clone()]).await;
        }
        let level = level(&rig);
        let found = (level.available, level.opening, level.version);
        assert_eq!(found, (102, 100, 4), "{order:?}");
    }
}

#[tokio::test]
async fn a_producer_without_deltas_sets_the_level_unless_something_newer_did() {
    let rig = Rig::new(StockUpdatedHandler);
    let whole = |available: i64, version: u64| json!({ "product_id": "p-1", "available": available, "version": version });
    rig.send([whole(50, 5)]).await;
    rig.send([whole(70, 4), whole(60, 5)]).await;
    assert_eq!(level(&rig).available, 50);
    rig.send([whole(40, 6), update(38, -2, 7)]).await;
    let level = level(&rig);
    assert_eq!((level.available, level.version), (38, 7));
}

#[tokio::test]
async fn running_low_is_told_once_for_each_time() {
    let rig = Rig::new(StockUpdatedHandler);
    rig.send([update(20, 20, 1)]).await;
    assert_eq!(told(&rig), 0);
    rig.send([update(LOW_STOCK_PIECES + 1, -9, 2)]).await;
    assert_eq!(told(&rig), 0, "one piece more than is low");
    rig.send([update(LOW_STOCK_PIECES, -1, 3)]).await;
    assert_eq!(told(&rig), 1);
    rig.send([update(4, -6, 4), update(1, -3, 5)]).await;
    assert_eq!(told(&rig), 1, "it was told already");
    rig.send([update(51, 50, 6), update(2, -49, 7)]).await;
    assert_eq!(told(&rig), 2, "restocked, and low again");
}

#[tokio::test]
async fn who_keeps_the_stock_is_told_which_product_and_how_many() {
    let rig = Rig::new(StockUpdatedHandler);
    rig.send([update(7, -5, 1)]).await;
    let request = &rig.published::<NotificationRequested>()[0];
    assert_eq!(request.kind, NotificationKind::LowStock);
    assert_eq!(request.recipient.as_str(), INVENTORY_RECIPIENT);
    let data = ["product_id", "available", "low_stock_pieces"].map(|name| request.data.get(name));
    assert_eq!(data, [Some("p-1"), Some("7"), Some("10")]);
}

#[tokio::test]
async fn a_product_that_was_low_before_its_first_change_has_not_crossed() {
    let rig = Rig::new(StockUpdatedHandler);
    rig.send([update(5, 5, 1)]).await;
    assert_eq!(
        told(&rig),
        0,
        "none became five: a delivery, not a shortage"
    );
    let rig = Rig::new(StockUpdatedHandler);
    rig.send([json!({ "product_id": "p-1", "available": 5, "version": 1 })])
        .await;
    assert_eq!(told(&rig), 1, "what it was before is not known");
}

#[tokio::test]
async fn a_product_may_have_a_bound_of_its_own_which_stays() {
    let rig = Rig::new(StockUpdatedHandler);
    let level_of = |available: i64| {
        json!({ "product_id": "p-1", "available": available, "version": 1,
        "opening": available, "opening_version": 1, "low_stock_pieces": 2,
        "changed_at": "2026-11-21T10:00:00.000Z" })
    };
    rig.store.seed(item_key("stock", "p-1", "-"), &level_of(12));
    rig.send([update(4, -8, 2)]).await;
    assert_eq!(told(&rig), 0);
    rig.send([update(2, -2, 3)]).await;
    assert_eq!(told(&rig), 1);
    assert_eq!(level(&rig).low_stock_pieces, Some(2));
}
