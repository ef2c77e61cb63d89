//! Tests of the replays: a small world that is right passes, and each way to doctor it fails a check.

use std::collections::BTreeMap;

use event_schema::events::{
    BalanceCharged, CouponIssueRequested, ErrorLogged, MetricRecorded, NotificationRequested,
    OrderCompleted, PaymentCompleted, ReservationCreated, UserActivityRecorded,
};
use event_schema::{Event, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::demo::books::{Books, Kept};
use crate::demo::plan::tests::plan;

const AT: i64 = 1_795_000_000_000;

/// What lies in Kafka and in tables.
#[derive(Default)]
struct World {
    books: Books,
}

impl World {
    /// Puts an event behind the others of its topic; `fields` are those of its value.
    fn sent<E: Event>(mut self, event_id: &str, fields: Value) -> Self {
        let mut value = fields;
        value["event_id"] = json!(event_id);
        let topic = self.books.topics.entry(E::SPEC.topic).or_default();
        topic.push(Kept {
            partition: 0,
            offset: i64::try_from(topic.len()).unwrap(),
            key: None,
            value: Some(value.to_string().into_bytes()),
            headers: Vec::new(),
            timestamp: Timestamp::from_ms(AT),
        });
        self
    }

    fn item(mut self, table: &'static str, key: [&str; 2], item: Value) -> Self {
        let Value::Object(body) = item else {
            panic!("{item}")
        };
        let items = self.books.tables.entry(table).or_default();
        items.insert((key[0].to_owned(), key[1].to_owned()), body);
        self
    }

    fn problems(&self, checks: fn(&Evidence<'_>) -> Vec<Check>) -> Vec<String> {
        let plan = plan(1, 100);
        let evidence = Evidence {
            plan: &plan,
            sent: &[],
            books: &self.books,
            delivered: 0,
        };
        let checks = checks(&evidence).into_iter();
        checks.filter_map(|check| check.problem).collect()
    }

    /// Passes as it is, and fails whenever one field of one item is another.
    fn judged_by(mut self, checks: fn(&Evidence<'_>) -> Vec<Check>, fields: &[(&str, &str)]) {
        assert_eq!(self.problems(checks), [""; 0]);
        for (table, field) in fields {
            let items = self
                .books
                .tables
                .iter_mut()
                .find(|(name, _)| *name == table);
            let (_, items) = items.unwrap();
            let item = items.values_mut().find(|item| item.contains_key(*field));
            let right = std::mem::replace(
                item.unwrap().get_mut(*field).unwrap(),
                json!("something else"),
            );
            assert!(
                !self.problems(checks).is_empty(),
                "{field} of {table} may be anything"
            );
            let items = self
                .books
                .tables
                .iter_mut()
                .find(|(name, _)| *name == table);
            for item in items.unwrap().1.values_mut() {
                if item.get(*field) == Some(&json!("something else")) {
                    item.insert((*field).to_owned(), right.clone());
                }
            }
        }
        // An item less is a difference, too.
        for (table, _) in fields {
            let before = self.books.tables.clone();
            let items = self
                .books
                .tables
                .iter_mut()
                .find(|(name, _)| *name == table);
            items.unwrap().1.pop_first();
            assert!(
                !self.problems(checks).is_empty(),
                "{table} may lack an item"
            );
            self.books.tables = before;
        }
    }
}

fn request(coupon: &str, user: &str) -> Value {
    json!({ "coupon_id": coupon, "user_id": user })
}

#[test]
fn coupons_are_for_those_who_ask_first() {
    World::default()
        .sent::<CouponIssueRequested>("e-1", request("spring", "u-2"))
        .sent::<CouponIssueRequested>("e-2", request("spring", "u-2"))
        .item("issued-coupons", ["spring", "u-2"], json!({ "number": 1 }))
        .item("coupons", ["spring", "-"], json!({ "issued": 1 }))
        .judged_by(coupons::checks, &[("coupons", "issued")]);
    let late = World::default()
        .sent::<CouponIssueRequested>("e-1", request("spring", "u-1"))
        .item("issued-coupons", ["spring", "u-9"], json!({}))
        .item("coupons", ["spring", "-"], json!({ "issued": 1 }));
    assert_eq!(late.problems(coupons::checks).len(), 1);
}

#[test]
fn balances_and_ledgers_are_replayed_in_order() {
    World::default()
        .sent::<BalanceCharged>("e-1", json!({ "user_id": "u-1", "amount": 500 }))
        .sent::<BalanceCharged>("e-2", json!({ "user_id": "u-1", "amount": -600 }))
        .sent::<BalanceCharged>("e-1", json!({ "user_id": "u-1", "amount": 500 }))
        .item("balances", ["u-1", "-"], json!({ "balance": "500" }))
        .item(
            "ledger",
            ["u-1", "0"],
            json!({ "outcome": "applied", "amount": "500", "event_id": "e-1" }),
        )
        .item(
            "ledger",
            ["u-1", "1"],
            json!({ "outcome": "insufficient_funds", "amount": "-600", "event_id": "e-2" }),
        )
        .judged_by(
            balances::checks,
            &[
                ("balances", "balance"),
                ("ledger", "outcome"),
                ("ledger", "amount"),
            ],
        );
}

#[test]
fn activities_are_counted_as_often_as_they_lie_there() {
    let login = json!({ "user_id": "u-1", "action": "login", "timestamp": AT });
    World::default()
        .sent::<UserActivityRecorded>("e-1", login.clone())
        .sent::<UserActivityRecorded>("e-1", login)
        .item(
            "user-activity",
            ["u-1", "2026-11-18"],
            json!({ "actions": { "login": 2 } }),
        )
        .judged_by(activity::checks, &[("user-activity", "actions")]);
}

#[test]
fn metrics_and_errors_are_rolled_up_exactly() {
    let minute = "2026-11-18T11:06:00.000Z";
    let at = minute.parse::<Timestamp>().unwrap().as_ms() + 1;
    let metric = |value: f64| {
        json!({ "metric_name": "cpu_usage", "value": value, "timestamp": at,
        "tags": { "service": "api" } })
    };
    let error =
        json!({ "service": "mail", "error_type": "Bounce", "message": "m", "timestamp": minute });
    World::default()
        .sent::<MetricRecorded>("e-1", metric(10.1))
        .sent::<MetricRecorded>("e-2", metric(96.2))
        .sent::<ErrorLogged>("e-3", error.clone())
        .sent::<ErrorLogged>("e-3", error)
        .sent::<NotificationRequested>(
            "e-4",
            json!({ "recipient": "operations", "kind": "metric_threshold", "data": {
                "metric_name": "cpu_usage", "tags": "service=api", "minute": minute } }),
        )
        .item(
            "metric-rollups",
            ["cpu_usage#1", minute],
            json!({ "metric_name": "cpu_usage", "tags": { "service": "api" }, "minute": minute,
                "count": 2, "sum": "106.3", "min": "10.1", "max": "96.2" }),
        )
        .item(
            "error-groups",
            ["f", "-"],
            json!({ "service": "mail", "error_type": "Bounce", "count": 1,
                "first_seen": minute, "last_seen": minute }),
        )
        .judged_by(
            telemetry::checks,
            &[
                ("metric-rollups", "count"),
                ("metric-rollups", "sum"),
                ("metric-rollups", "min"),
                ("metric-rollups", "max"),
                ("error-groups", "count"),
                ("error-groups", "last_seen"),
            ],
        );
}

#[test]
fn a_notification_is_delivered_once() {
    let asked = json!({ "recipient": "u-1", "kind": "welcome" });
    let world = World::default()
        .sent::<NotificationRequested>("e-1", asked)
        .item("mailbox", ["u-1", "t-1"], json!({ "event_id": "e-1" }));
    let twice = World {
        books: world.books.clone(),
    }
    .item("mailbox", ["u-1", "t-2"], json!({ "event_id": "e-1" }));
    assert_eq!(twice.problems(notifications::checks).len(), 1);
    world.judged_by(notifications::checks, &[("mailbox", "event_id")]);
}

#[test]
fn sales_and_totals_are_what_events_come_to() {
    let order = json!({ "order_id": "o-1", "user_id": "u-1", "total_amount": 300, "timestamp": AT,
        "items": [{ "product_id": "p-1", "quantity": 3, "unit_price": 100 }] });
    let payment = json!({ "order_id": "o-1", "payment_id": "p", "user_id": "u-1", "amount": 300,
        "method": "card", "timestamp": AT });
    let sold = json!({ "pieces": 3, "amount": 300 });
    World::default()
        .sent::<OrderCompleted>("e-1", order)
        .sent::<PaymentCompleted>("e-2", payment)
        .item("sales", ["day#2026-11-18", "h"], sold.clone())
        .item("sales", ["user#u-1", "h"], sold.clone())
        .item("sales", ["product#p-1", "h"], sold)
        .item("sales", ["order#o-1", "-"], json!({}))
        .item(
            "totals",
            ["hour#2026-11-18T11", "s"],
            json!({ "events": 2, "amount": 600 }),
        )
        .item(
            "totals",
            ["user#u-1", "s"],
            json!({ "events": 2, "amount": 600 }),
        )
        .item(
            "totals",
            ["method#card", "s"],
            json!({ "events": 1, "amount": 300 }),
        )
        .item("raw-events", ["order.completed#o-1", "0000"], json!({}))
        .item("raw-events", ["payment.completed#p", "0000"], json!({}))
        .judged_by(
            books::checks,
            &[
                ("sales", "pieces"),
                ("sales", "amount"),
                ("totals", "events"),
                ("totals", "amount"),
            ],
        );
}

/// The largest concert with two reservations, of which one found its seat taken.
fn hall() -> World {
    let mut world = World::default();
    for (id, user) in [("r-1", "u-1"), ("r-2", "u-2")] {
        let fields = json!({ "reservation_id": id, "user_id": user, "concert_id": "encore",
            "seat": "A-1", "timestamp": AT });
        world = world.sent::<ReservationCreated>(&format!("e-{id}"), fields);
    }
    for (concert, seats) in [("aurora", 40), ("nocturne", 60), ("encore", 199)] {
        world = world.item("concerts", [concert, "-"], json!({ "available": seats }));
    }
    let reservation = |user: &str, state: &str| json!({ "concert_id": "encore", "user_id": user, "seat": "A-1", "state": state });
    world
        .item(
            "reservations",
            ["r-1", "-"],
            reservation("u-1", "confirmed"),
        )
        .item("reservations", ["r-2", "-"], reservation("u-2", "refused"))
        .item(
            "seats",
            ["encore", "A-1"],
            json!({ "state": "confirmed", "reservation_id": "r-1" }),
        )
        .item("waiting", ["encore", "u-2"], json!({}))
        .item(
            "daily-bookings",
            ["2026-11-18", "encore"],
            json!({ "bookings": 2 }),
        )
}

#[test]
fn a_seat_is_one_users_and_the_other_waits() {
    hall().judged_by(
        concerts::checks,
        &[
            ("concerts", "available"),
            ("reservations", "state"),
            ("reservations", "user_id"),
            ("seats", "reservation_id"),
            ("daily-bookings", "bookings"),
        ],
    );
    let both = hall().item(
        "reservations",
        ["r-2", "-"],
        json!({ "concert_id": "encore", "user_id": "u-2", "seat": "A-1", "state": "confirmed" }),
    );
    let problems = both.problems(concerts::checks);
    assert!(
        problems.iter().any(|one| one.contains("r-1")),
        "{problems:?}"
    );
}

/// All orders of a plan where their payments lead, one after the other.
fn shop(plan: &crate::demo::plan::Plan) -> World {
    use crate::demo::plan::{Kind, Payment};
    let mut world = World::default();
    let mut left: BTreeMap<String, (i64, i64)> = (plan.products.iter())
        .map(|(id, stock)| (id.to_string(), (stock.pieces, 0)))
        .collect();
    for record in &plan.records {
        if !matches!(record.kind, Kind::Order | Kind::LegacyOrder) {
            continue;
        }
        let value: Value = serde_json::from_str(record.value.as_ref().unwrap()).unwrap();
        let id = value["event_id"].as_str().map(str::to_owned);
        let id = id.unwrap_or_else(|| format!("legacy-{}", record.key));
        let mut fields = value;
        fields.as_object_mut().unwrap().remove("eventId");
        world = world.sent::<event_schema::events::OrderCreated>(&id, fields);
        let planned = &plan.orders[&record.key];
        let quantities = planned.quantities.iter();
        let mut quantities = quantities.map(|(id, quantity)| (id.to_string(), *quantity));
        let is_there = quantities.all(|(id, quantity)| left[&id].0 >= quantity);
        let walk: &[&str] = match planned.payment {
            _ if !is_there => &["rejected"],
            Payment::Declined => &["placed", "payment_failed"],
            Payment::Accepted | Payment::Early => &["placed", "paid", "completed"],
        };
        for status in walk {
            let told = json!({ "order_id": record.key, "status": status });
            let id = format!("{}-{status}", record.key);
            world = world.sent::<event_schema::events::OrderStatusChanged>(&id, told);
        }
        if walk.contains(&"completed") {
            for (id, quantity) in &planned.quantities {
                let (available, sold) = left.get_mut(id.as_str()).unwrap();
                (*available, *sold) = (*available - quantity, *sold + quantity);
                let told =
                    json!({ "product_id": id, "available": 0, "version": 1, "delta": -quantity });
                let event_id = format!("{}-{id}", record.key);
                world = world.sent::<event_schema::events::StockUpdated>(&event_id, told);
            }
            let told = json!({ "order_id": record.key, "user_id": planned.user_id });
            world = world.sent::<OrderCompleted>(&format!("{}-done", record.key), told);
        }
        let timeline = walk.iter();
        let timeline: Vec<_> = timeline
            .map(|status| json!({ "status": status, "at": "2026-11-18T10:00:00.000Z" }))
            .collect();
        let order = json!({ "order_id": record.key, "user_id": planned.user_id, "status": walk.last(),
            "quantities": planned.quantities, "timeline": timeline,
            "ordered_at": "2026-11-18T10:00:00.000Z", "updated_at": "2026-11-18T10:00:00.000Z" });
        world = world.item("orders", [&record.key, "-"], order);
    }
    for (id, (available, sold)) in left {
        let product =
            json!({ "product_id": id, "available": available, "reserved": 0, "sold": sold });
        world = world.item("products", [&id, "-"], product);
    }
    world
}

#[test]
fn orders_end_where_their_payments_lead_and_stock_follows() {
    shop(&plan(1, 100)).judged_by(
        orders::checks,
        &[
            ("orders", "status"),
            ("orders", "user_id"),
            ("orders", "timeline"),
            ("products", "available"),
            ("products", "sold"),
        ],
    );
}
