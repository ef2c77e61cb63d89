//! Tests of the plan: it is what the recipe says, each time, and each record is what it is meant to be.

use std::collections::BTreeSet;

use event_schema::events::{OrderCreated, PaymentCompleted};
use event_schema::{Envelope, Event as _, Hints, Read, ReadError};

use super::*;

/// A plan that other tests may use, too.
pub(crate) fn plan(seed: u64, orders: u32) -> Plan {
    let starts_at = Timestamp::from_ms(1_795_000_000_000);
    Plan::new(&Recipe {
        seed,
        orders,
        starts_at,
    })
    .unwrap()
}

fn hints(record: &PlannedRecord) -> Hints<'_> {
    let hint = |name: &str| {
        let header = record.headers.iter().find(|(header, _)| *header == name);
        header.map(|(_, value)| value.as_str())
    };
    Hints {
        event_id: hint("event_id"),
        event_type: hint("event_type"),
        timestamp: hint("timestamp"),
        topic: None,
    }
}

fn read(record: &PlannedRecord) -> Result<Envelope<OrderCreated>, ReadError> {
    let value = record.value.as_deref().unwrap().as_bytes();
    match Envelope::read(value, hints(record))? {
        Read::Event(envelope) => Ok(envelope),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_recipe_makes_the_same_plan_and_another_seed_another_one() {
    assert_eq!(plan(1, 200), plan(1, 200));
    assert_ne!(plan(1, 200).records, plan(2, 200).records);
}

#[test]
fn a_demo_has_these_orders() {
    let plan = plan(1, 1_200);
    assert_eq!(plan.orders.len(), 1_200);
    let of_orders = |is: fn(Kind) -> bool| {
        let records = plan.records.iter();
        let records = records.filter(|record| record.topic == OrderCreated::SPEC.topic);
        records.filter(|record| is(record.kind)).count()
    };
    let orders = of_orders(|kind| matches!(kind, Kind::Order | Kind::LegacyOrder));
    assert_eq!(orders, 1_200);
    assert_eq!(of_orders(|kind| kind == Kind::Duplicate), 60);
    assert!((80..=160).contains(&plan.count(|kind| kind == Kind::LegacyOrder)));
    for poison in Poison::ALL {
        assert_eq!(plan.count(|kind| kind == Kind::Poison(poison)), 3);
    }
    for payment in [Payment::Accepted, Payment::Declined, Payment::Early] {
        let orders = plan.orders.values();
        let count = orders.filter(|order| order.payment == payment).count();
        assert!(count > 50, "{payment:?}: {count}");
    }
}

#[test]
fn an_early_payment_is_sent_before_its_order() {
    let plan = plan(1, 400);
    let place = |topic: &str, key: &str| {
        let mut records = plan.records.iter();
        records.position(|record| record.topic == topic && record.key == key)
    };
    let early = plan.paid_early();
    assert!(!early.is_empty());
    for order in &early {
        let payment = place(PaymentCompleted::SPEC.topic, order.as_str()).unwrap();
        let ordered = place(OrderCreated::SPEC.topic, order.as_str()).unwrap();
        assert!(payment < ordered, "{order}");
    }
}

#[test]
fn the_smallest_demo_has_every_kind_of_record() {
    let plan = plan(3, 100);
    assert!(plan.count(|kind| kind == Kind::LegacyOrder) > 0);
    assert!(plan.count(|kind| kind == Kind::Duplicate) > 0);
    for poison in Poison::ALL {
        assert_eq!(plan.count(|kind| kind == Kind::Poison(poison)), 1);
    }
}

#[test]
fn every_order_is_read_as_what_the_books_must_hold() {
    let plan = plan(1, 400);
    let mut event_ids = BTreeSet::new();
    for record in &plan.records {
        if !matches!(record.kind, Kind::Order | Kind::LegacyOrder) {
            continue;
        }
        let envelope = read(record).unwrap();
        assert!(event_ids.insert(envelope.event_id.unwrap()));
        let order = &plan.orders[&record.key];
        assert_eq!(envelope.payload.user_id, order.user_id);
        let lines = envelope.payload.items.iter();
        let pieces: i64 = lines.map(|line| i64::from(line.quantity)).sum();
        assert_eq!(pieces, order.quantities.values().sum::<i64>());
    }
    assert_eq!(event_ids.len(), 400);
}

#[test]
fn a_duplicate_is_byte_for_byte_a_record_sent_before() {
    let plan = plan(1, 400);
    for (place, record) in plan.records.iter().enumerate() {
        if record.kind == Kind::Duplicate {
            let same = |one: &PlannedRecord| {
                (one.topic, &one.key, &one.value) == (record.topic, &record.key, &record.value)
            };
            let sent_before = plan.records[..place]
                .iter()
                .any(|before| before.kind != Kind::Duplicate && same(before));
            assert!(sent_before, "{} {}", record.topic, record.key);
        }
    }
}

#[test]
fn poison_is_refused_with_the_code_it_says() {
    let plan = plan(1, 400);
    for (place, record) in plan.records.iter().enumerate() {
        let Kind::Poison(poison) = record.kind else {
            continue;
        };
        match poison {
            Poison::Tombstone => assert_eq!(record.value, None),
            Poison::MissingEventId => assert_eq!(read(record).unwrap().event_id, None),
            Poison::ReusedEventId => {
                let id = read(record).unwrap().event_id;
                let original = plan.records[..place]
                    .iter()
                    .find(|before| before.kind == Kind::Order && before.key == record.key)
                    .unwrap();
                assert_eq!(read(original).unwrap().event_id, id);
                assert_ne!(original.value, record.value);
            }
            Poison::InvalidJson | Poison::UnknownMajorVersion | Poison::TooManyLines => {
                assert_eq!(read(record).unwrap_err().code(), poison.code());
            }
        }
        let is_an_order = plan.orders.contains_key(&record.key);
        assert_eq!(is_an_order, poison == Poison::ReusedEventId);
    }
}

#[test]
fn scarce_products_are_ordered_more_than_they_are_there_and_others_less() {
    let plan = plan(1, 400);
    for (product, stock) in &plan.products {
        let orders = plan.orders.values();
        let ordered: i64 = orders
            .filter_map(|order| order.quantities.get(product))
            .sum();
        assert_eq!(stock.is_scarce, ordered > stock.pieces, "{product}");
    }
    let orders = plan.orders.values();
    let mut ordered = orders.flat_map(|order| order.quantities.keys());
    assert!(ordered.all(|product| plan.products.contains_key(product)));
}
