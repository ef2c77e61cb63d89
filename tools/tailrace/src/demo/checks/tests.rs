//! Tests of the checks: books that balance pass all of them, and each way to doctor the books fails one.

use ::tables::{Order, Product};
use event_schema::events::{
    NotificationChannel, NotificationKind, NotificationRequested, OrderStatus, StockUpdated,
};
use event_schema::{Envelope, Event, EventId, ProductId, Recipient};

use super::*;
use crate::demo::books::{Letter, Published};
use crate::demo::plan::tests::plan;
use crate::demo::plan::{Kind, PlannedOrder};

const PARTITIONS: usize = 6;

/// What a run that went well leaves behind.
struct World {
    plan: Plan,
    sent: Vec<Sent>,
    books: Books,
    delivered: u64,
}

impl World {
    /// Does what the function does, with a plan of 200 orders.
    fn balanced() -> Self {
        let plan = plan(1, 200);
        let mut world = Self {
            books: Books {
                products: on_sale(&plan),
                ..Books::default()
            },
            sent: Vec::new(),
            delivered: u64::try_from(plan.records.len()).unwrap() + 100,
            plan,
        };
        for (number, record) in world.plan.records.clone().iter().enumerate() {
            let (partition, offset) = (number % PARTITIONS, number / PARTITIONS);
            let position = (
                i32::try_from(partition).unwrap(),
                i64::try_from(offset).unwrap(),
            );
            let kind = record.kind;
            world.sent.push(Sent {
                kind,
                partition: position.0,
                offset: position.1,
            });
            match kind {
                Kind::Order | Kind::LegacyOrder => world.decide(&record.key),
                Kind::Duplicate => {}
                Kind::Poison(poison) => world.books.letters.push(Letter {
                    id: format!("letter-{number}"),
                    code: poison.code().to_owned(),
                    position: Some(position),
                }),
            }
        }
        world
    }

    fn decide(&mut self, id: &str) {
        let planned = self.plan.orders[id].clone();
        let products = &mut self.books.products;
        let in_stock = planned
            .quantities
            .iter()
            .all(|(product, quantity)| products[product.as_str()].available >= *quantity);
        let order = order(id, &planned, in_stock);
        if in_stock {
            let mut events = Vec::new();
            for (id, quantity) in &planned.quantities {
                let product = products.get_mut(id.as_str()).unwrap();
                product.available -= quantity;
                product.reserved += quantity;
                product.changes += 1;
                events.push(stock_updated(product, *quantity, &order));
            }
            for event in events {
                self.publish(event);
            }
        }
        self.publish(order.status_changed(OrderStatus::Pending));
        self.publish(notification(&order, in_stock));
        self.books.orders.insert(id.to_owned(), order);
    }

    fn publish<E: Event>(&mut self, event: E) {
        let event_id = format!("published-{}", self.books.published.len());
        let envelope = Envelope {
            event_id: Some(EventId::new(event_id.clone()).unwrap()),
            ..Envelope::new(event)
        };
        self.books.published.push(Published {
            event_id,
            event_type: E::SPEC.event_type.to_owned(),
            value: envelope.write().unwrap(),
        });
    }

    /// Returns the claims that do not hold.
    fn problems(&self) -> Vec<String> {
        let evidence = Evidence {
            plan: &self.plan,
            sent: &self.sent,
            books: &self.books,
            delivered: self.delivered,
        };
        let checks = evidence.checks().into_iter();
        checks.filter_map(|check| check.problem).collect()
    }

    fn any_order(&mut self, status: &OrderStatus) -> &mut Order {
        let mut orders = self.books.orders.values_mut();
        orders.find(|order| order.status == *status).unwrap()
    }

    fn any_event(&mut self, event_type: &str) -> usize {
        let published = self.books.published.iter();
        published
            .map(|event| event.event_type.as_str())
            .position(|found| found == event_type)
            .unwrap()
    }
}

fn on_sale(plan: &Plan) -> std::collections::BTreeMap<String, Product> {
    let products = plan.products.iter().map(|(id, stock)| {
        let product = Product {
            available: stock.pieces,
            ..Product::new(id.clone())
        };
        (id.to_string(), product)
    });
    products.collect()
}

fn order(id: &str, planned: &PlannedOrder, in_stock: bool) -> Order {
    let at = "2026-11-21T10:15:30.123Z".parse().unwrap();
    Order {
        order_id: event_schema::OrderId::new(id).unwrap(),
        user_id: planned.user_id.clone(),
        status: if in_stock {
            OrderStatus::Placed
        } else {
            OrderStatus::Rejected
        },
        reason: None,
        total_amount: None,
        payment: None,
        quantities: planned.quantities.clone(),
        lines: Vec::new(),
        timeline: Vec::new(),
        ordered_at: at,
        updated_at: at,
    }
}

fn stock_updated(product: &Product, quantity: i64, order: &Order) -> StockUpdated {
    StockUpdated {
        product_id: product.product_id.clone(),
        available: u64::try_from(product.available).unwrap(),
        delta: Some(-quantity),
        version: u64::try_from(product.changes).unwrap(),
        order_id: Some(order.order_id.clone()),
    }
}

fn notification(order: &Order, in_stock: bool) -> NotificationRequested {
    NotificationRequested {
        recipient: Recipient::new(order.user_id.as_str()).unwrap(),
        kind: if in_stock {
            NotificationKind::OrderPlaced
        } else {
            NotificationKind::OrderRejected
        },
        channel: NotificationChannel::default(),
        locale: None,
        data: [("order_id", order.order_id.as_str())]
            .into_iter()
            .collect(),
    }
}

/// Doctors balanced books and returns the one problem that shows it.
fn only_problem(doctor: impl FnOnce(&mut World)) -> String {
    let mut world = World::balanced();
    doctor(&mut world);
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

/// Doctors balanced books and returns all problems that show it.
fn problems(doctor: impl FnOnce(&mut World)) -> String {
    let mut world = World::balanced();
    doctor(&mut world);
    world.problems().join("\n")
}

#[test]
fn books_that_balance_pass_every_check() {
    assert_eq!(World::balanced().problems(), Vec::<String>::new());
}

#[test]
fn a_lost_order_is_noticed() {
    let text = problems(|world| {
        let id = world.any_order(&OrderStatus::Rejected).order_id.to_string();
        world.books.orders.remove(&id);
    });
    assert!(text.contains("expected order o-"), "{text}");
}

#[test]
fn an_order_that_nobody_sent_is_noticed() {
    let text = problems(|world| {
        let order = world.any_order(&OrderStatus::Rejected).clone();
        world.books.orders.insert("bad-1".to_owned(), order);
    });
    assert!(
        text.contains("expected no order bad-1, found one"),
        "{text}"
    );
}

#[test]
fn an_order_with_another_content_is_noticed() {
    let text = only_problem(|world| {
        let order = world.any_order(&OrderStatus::Rejected);
        let product = ProductId::new("p-scarce-1").unwrap();
        order.quantities.insert(product, 1_000);
    });
    assert!(text.contains("found another content"), "{text}");
}

#[test]
fn an_order_that_is_still_pending_is_noticed() {
    let text = problems(|world| {
        world.any_order(&OrderStatus::Rejected).status = OrderStatus::Pending;
    });
    assert!(text.contains("placed or rejected, found pending"), "{text}");
}

#[test]
fn an_order_that_is_rejected_although_there_is_stock_is_noticed() {
    let text = problems(|world| {
        let products = world.books.products.values_mut();
        products.for_each(|product| product.available += 1_000);
    });
    assert!(text.contains("since there is stock for it"), "{text}");
}

#[test]
fn a_run_without_rejections_is_noticed() {
    let text = problems(|world| {
        let orders = world.books.orders.values_mut();
        orders.for_each(|order| order.status = OrderStatus::Placed);
    });
    assert!(
        text.contains("placed and rejected orders, found 200 and 0"),
        "{text}"
    );
}

#[test]
fn a_piece_that_vanished_is_noticed() {
    let text = only_problem(|world| {
        world.books.products.get_mut("p-01").unwrap().available -= 1;
    });
    assert!(text.contains("pieces of p-01"), "{text}");
}

#[test]
fn pieces_that_are_owed_are_noticed() {
    let text = problems(|world| {
        let product = world.books.products.get_mut("p-scarce-1").unwrap();
        product.reserved += product.available + 1;
        product.available = -1;
    });
    assert!(text.contains("-1 available"), "{text}");
    assert!(text.contains("reserved pieces of p-scarce-1"), "{text}");
}

#[test]
fn an_order_that_took_effect_twice_is_noticed() {
    let text = only_problem(|world| {
        world.books.products.get_mut("p-01").unwrap().changes += 1;
    });
    assert!(text.contains("changes of p-01"), "{text}");
}

#[test]
fn a_missing_dead_letter_is_noticed() {
    let text = only_problem(|world| {
        world.books.letters.pop();
    });
    assert!(text.contains("expected one letter"), "{text}");
    assert!(text.contains("found []"), "{text}");
}

#[test]
fn a_dead_letter_with_another_code_is_noticed() {
    let text = only_problem(|world| {
        world.books.letters[0].code = "panic".to_owned();
    });
    assert!(text.contains("found [panic]"), "{text}");
}

#[test]
fn two_dead_letters_of_one_record_are_noticed_unless_they_are_the_same() {
    let again = |id: &'static str| {
        problems(move |world| {
            let mut letter = world.books.letters[0].clone();
            if !id.is_empty() {
                letter.id = id.to_owned();
            }
            world.books.letters.push(letter);
        })
    };
    assert_eq!(again(""), "");
    assert!(again("another-id").contains("expected one letter"));
}

#[test]
fn a_dead_letter_of_a_good_record_is_noticed() {
    for position in [Some((0, 0)), None] {
        let text = only_problem(|world| {
            let letter = Letter {
                id: "l".to_owned(),
                code: "panic".to_owned(),
                position,
            };
            world.books.letters.push(letter);
        });
        assert!(text.contains("expected no letter of"), "{text}");
    }
}

#[test]
fn records_that_the_mapping_gave_up_are_noticed() {
    let text = only_problem(|world| world.books.given_up = 2);
    assert!(text.contains("gave up, found 2"), "{text}");
}

#[test]
fn an_event_id_that_comes_twice_is_noticed() {
    let text = only_problem(|world| {
        world.books.published[1].event_id = world.books.published[0].event_id.clone();
    });
    assert!(text.contains("once, found it again"), "{text}");
}

#[test]
fn a_missing_event_of_each_type_is_noticed() {
    for event_type in [
        "stock.updated",
        "order.status-changed",
        "notification.requested",
    ] {
        let text = only_problem(|world| {
            let place = world.any_event(event_type);
            world.books.published.remove(place);
        });
        assert!(text.contains(&format!("expected 1 {event_type}")), "{text}");
        assert!(text.contains("found 0"), "{text}");
    }
}

#[test]
fn an_event_that_cannot_be_read_is_noticed() {
    let text = only_problem(|world| {
        let place = world.any_event("stock.updated");
        world.books.published[place].value = "{".to_owned();
    });
    assert!(text.contains("nothing known"), "{text}");
}

#[test]
fn a_mapping_that_did_everything_once_is_noticed() {
    let text = only_problem(|world| {
        world.delivered = u64::try_from(world.sent.len()).unwrap();
    });
    assert!(text.contains("expected more deliveries"), "{text}");
}

#[test]
fn a_group_that_is_behind_is_noticed() {
    let text = only_problem(|world| world.books.lag = 3);
    assert_eq!(text, "expected a lag of 0, found 3");
}

#[test]
fn many_differences_are_counted_rather_than_listed() {
    let text = only_problem(|world| world.books.letters.clear());
    assert!(text.ends_with("; and 3 more differences"), "{text}");
}
