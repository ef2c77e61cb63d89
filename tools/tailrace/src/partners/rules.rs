//! What the partners answer: a payment for what is to be paid, and the delivery of what is paid.
//!
//! The same event gets the same answer, under the same id, so that hearing twice is saying the same twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use event_schema::events::{
    NotificationKind, NotificationRequested, OrderCreated, OrderStatus, OrderStatusChanged,
    PaymentCompleted, PaymentFailed, PaymentMethod, ReservationCreated,
};
use event_schema::{
    Decimal, Envelope, Event, EventId, Hints, OrderId, PaymentId, Read, ReservationId, Timestamp,
    UserId, WriteError, header,
};

/// Amounts above this one are declined, as a card's limit does.
pub(crate) const DECLINED_ABOVE: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// Orders and reservations whose amounts are remembered; beyond them the oldest are forgotten, and not paid.
const REMEMBERED_MAX: usize = 100_000;

event_schema::one_of! {
    /// What the partners listen to.
    pub(super) enum Heard {
        OrderCreated,
        OrderStatusChanged,
        ReservationCreated,
        NotificationRequested,
    }
}

/// An event of theirs, as a record for Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) headers: [(&'static str, String); 3],
}

/// What is to be paid.
#[derive(Clone, Debug, PartialEq)]
struct Bill {
    order_id: Option<OrderId>,
    reservation_id: Option<ReservationId>,
    user_id: UserId,
    amount: Decimal,
    at: Timestamp,
}

/// What the partners remember.
#[derive(Debug, Default)]
pub(super) struct Rules {
    paid_otherwise: BTreeSet<OrderId>,
    bills: BTreeMap<String, Bill>,
    /// Bills in the order in which they came.
    came: VecDeque<String>,
    /// Due before their bill was heard of: the topics have no common order.
    due: BTreeSet<String>,
}

impl Rules {
    pub(super) fn new(paid_otherwise: BTreeSet<OrderId>) -> Self {
        Self {
            paid_otherwise,
            ..Self::default()
        }
    }

    /// Hears a record, and returns what there is to say; what is no event of theirs is nothing to them.
    ///
    /// # Errors
    /// If an answer cannot be written.
    pub(super) fn hear(&mut self, value: &[u8], topic: &str) -> Result<Vec<Said>, WriteError> {
        let hints = Hints {
            topic: Some(topic),
            ..Hints::default()
        };
        let Ok(Read::Event(envelope)) = Envelope::<Heard>::read(value, hints) else {
            return Ok(Vec::new());
        };
        let at = envelope.timestamp.unwrap_or(Timestamp::from_ms(0));
        match envelope.payload {
            Heard::OrderCreated(order) => self.bill_of_order(order, at),
            Heard::ReservationCreated(reservation) => self.bill_of_reservation(reservation, at),
            Heard::OrderStatusChanged(changed) => self.status(changed, at),
            Heard::NotificationRequested(notification) => self.notified(&notification),
        }
    }

    fn bill_of_order(
        &mut self,
        order: OrderCreated,
        at: Timestamp,
    ) -> Result<Vec<Said>, WriteError> {
        let Some(order_id) = order.order_id else {
            return Ok(Vec::new());
        };
        let key = format!("order {order_id}");
        let lines = order.items.iter();
        let prices =
            lines.map(|line| line.unit_price.unwrap_or_default() * Decimal::from(line.quantity));
        let amount = order.total_amount.unwrap_or_else(|| prices.sum());
        let bill = Bill {
            order_id: Some(order_id),
            reservation_id: None,
            user_id: order.user_id,
            amount,
            at,
        };
        self.remember(key, bill)
    }

    fn bill_of_reservation(
        &mut self,
        reservation: ReservationCreated,
        at: Timestamp,
    ) -> Result<Vec<Said>, WriteError> {
        let key = format!("reservation {}", reservation.reservation_id);
        let bill = Bill {
            order_id: None,
            reservation_id: Some(reservation.reservation_id),
            user_id: reservation.user_id,
            amount: reservation.amount.unwrap_or_default(),
            at,
        };
        self.remember(key, bill)
    }

    fn status(
        &mut self,
        changed: OrderStatusChanged,
        at: Timestamp,
    ) -> Result<Vec<Said>, WriteError> {
        match changed.status {
            OrderStatus::Placed if self.paid_otherwise.contains(&changed.order_id) => {
                Ok(Vec::new())
            }
            OrderStatus::Placed => self.fall_due(format!("order {}", changed.order_id)),
            OrderStatus::Paid => {
                let id = format!("delivery-{}", changed.order_id);
                let delivered = OrderStatusChanged {
                    status: OrderStatus::Completed,
                    previous_status: Some(OrderStatus::Paid),
                    reason: None,
                    version: None,
                    ..changed
                };
                Ok(said(&id, at, delivered)?.into_iter().collect())
            }
            OrderStatus::Pending
            | OrderStatus::Rejected
            | OrderStatus::PaymentFailed
            | OrderStatus::Completed
            | OrderStatus::Cancelled
            | OrderStatus::Other(_) => Ok(Vec::new()),
        }
    }

    /// A user is asked to pay for a reservation by being told of it.
    fn notified(&mut self, notification: &NotificationRequested) -> Result<Vec<Said>, WriteError> {
        let id = notification.data.get("reservation_id");
        match (&notification.kind, id) {
            (NotificationKind::ReservationCreated, Some(id)) => {
                self.fall_due(format!("reservation {id}"))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn remember(&mut self, key: String, bill: Bill) -> Result<Vec<Said>, WriteError> {
        if self.due.remove(&key) {
            return payment(&bill);
        }
        if self.bills.insert(key.clone(), bill).is_none() {
            self.came.push_back(key);
        }
        if self.came.len() > REMEMBERED_MAX
            && let Some(oldest) = self.came.pop_front()
        {
            self.bills.remove(&oldest);
        }
        Ok(Vec::new())
    }

    fn fall_due(&mut self, key: String) -> Result<Vec<Said>, WriteError> {
        if let Some(bill) = self.bills.get(&key) {
            return payment(bill);
        }
        if self.due.len() < REMEMBERED_MAX {
            self.due.insert(key);
        }
        Ok(Vec::new())
    }
}

/// Pays a bill, or declines to.
fn payment(bill: &Bill) -> Result<Vec<Said>, WriteError> {
    let what = bill.order_id.as_ref().map(ToString::to_string);
    let what = what.or(bill.reservation_id.as_ref().map(ToString::to_string));
    let id = format!("payment-{}", what.unwrap_or_default());
    let payment_id = PaymentId::new(&id).ok();
    let said = if bill.amount > DECLINED_ABOVE {
        let failed = PaymentFailed {
            payment_id,
            order_id: bill.order_id.clone(),
            reservation_id: bill.reservation_id.clone(),
            user_id: Some(bill.user_id.clone()),
            amount: Some(bill.amount),
            method: Some(PaymentMethod::Card),
            reason: Some("card_limit_exceeded".to_owned()),
            failed_at: None,
        };
        said(&id, bill.at, failed)?
    } else {
        let completed = PaymentCompleted {
            payment_id,
            order_id: bill.order_id.clone(),
            reservation_id: bill.reservation_id.clone(),
            user_id: Some(bill.user_id.clone()),
            amount: bill.amount,
            method: Some(PaymentMethod::Card),
            paid_at: None,
        };
        said(&id, bill.at, completed)?
    };
    Ok(said.into_iter().collect())
}

/// Writes an event; none if its id cannot be one, which a bound on the ids of events forbids.
fn said<E: Event>(id: &str, at: Timestamp, event: E) -> Result<Option<Said>, WriteError> {
    let Ok(event_id) = EventId::new(id) else {
        return Ok(None);
    };
    let key = event.ordering_key().unwrap_or_default();
    let envelope = Envelope {
        event_id: Some(event_id),
        timestamp: Some(at),
        ..Envelope::new(event)
    };
    Ok(Some(Said {
        topic: E::SPEC.topic,
        key,
        value: envelope.write()?,
        headers: [
            (header::EVENT_ID, id.to_owned()),
            (header::EVENT_TYPE, E::SPEC.event_type.to_owned()),
            (header::TIMESTAMP, at.to_string()),
        ],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ORDERS: &str = "order.order.created";
    const STATUSES: &str = "order.order.status-changed";

    fn hear(rules: &mut Rules, topic: &str, value: &Value) -> Vec<(String, Value)> {
        let said = rules.hear(value.to_string().as_bytes(), topic).unwrap();
        let said = said.into_iter();
        said.map(|said| {
            let value: Value = serde_json::from_str(&said.value).unwrap();
            assert_eq!(said.headers[0].1, value["event_id"]);
            (said.topic.to_owned(), value)
        })
        .collect()
    }

    fn order(amount: i64) -> Value {
        json!({ "event_id": "e-1", "timestamp": "2026-11-21T10:15:30.000Z", "order_id": "o-1",
            "user_id": "u-1", "total_amount": amount,
            "items": [{ "product_id": "p-1", "quantity": 1 }] })
    }

    fn status(status: &str) -> Value {
        json!({ "event_id": "e-2", "order_id": "o-1", "status": status })
    }

    #[test]
    fn a_placed_order_is_paid_in_whichever_order_its_events_are_heard() {
        let mut one = Rules::default();
        assert!(hear(&mut one, ORDERS, &order(500)).is_empty());
        let paid = hear(&mut one, STATUSES, &status("placed"));
        let mut other = Rules::default();
        assert!(hear(&mut other, STATUSES, &status("placed")).is_empty());
        assert_eq!(hear(&mut other, ORDERS, &order(500)), paid);
        let [(topic, payment)] = &paid[..] else {
            panic!("{paid:?}")
        };
        assert_eq!(topic, "payment.payment.completed");
        assert_eq!(payment["order_id"], "o-1");
        assert_eq!(payment["amount"], 500);
    }

    #[test]
    fn hearing_twice_is_saying_the_same_twice() {
        let mut rules = Rules::default();
        hear(&mut rules, ORDERS, &order(500));
        let first = hear(&mut rules, STATUSES, &status("placed"));
        hear(&mut rules, ORDERS, &order(500));
        assert_eq!(hear(&mut rules, STATUSES, &status("placed")), first);
    }

    #[test]
    fn an_amount_above_the_limit_is_declined_and_the_limit_itself_is_not() {
        for (amount, topic) in [
            (1_000_000, "payment.payment.completed"),
            (1_000_001, "payment.payment.failed"),
        ] {
            let mut rules = Rules::default();
            hear(&mut rules, ORDERS, &order(amount));
            let said = hear(&mut rules, STATUSES, &status("placed"));
            assert_eq!(said[0].0, topic);
        }
    }

    #[test]
    fn an_order_without_a_total_costs_what_its_lines_do() {
        let mut rules = Rules::default();
        let order = json!({ "event_id": "e-1", "order_id": "o-1", "user_id": "u-1", "items": [
            { "product_id": "p-1", "quantity": 3, "unit_price": 200 },
            { "product_id": "p-2", "quantity": 1 },
        ] });
        hear(&mut rules, ORDERS, &order);
        let said = hear(&mut rules, STATUSES, &status("placed"));
        assert_eq!(said[0].1["amount"], 600);
    }

    #[test]
    fn an_order_that_is_paid_otherwise_is_left_alone_and_still_delivered() {
        let mut rules = Rules::new([OrderId::new("o-1").unwrap()].into());
        hear(&mut rules, ORDERS, &order(500));
        assert!(hear(&mut rules, STATUSES, &status("placed")).is_empty());
        let delivered = hear(&mut rules, STATUSES, &status("paid"));
        assert_eq!(delivered[0].1["status"], "completed");
        assert_eq!(delivered[0].1["previous_status"], "paid");
    }

    #[test]
    fn a_rejected_order_is_not_paid() {
        let mut rules = Rules::default();
        hear(&mut rules, ORDERS, &order(500));
        for other in ["rejected", "payment_failed", "completed", "cancelled"] {
            assert!(hear(&mut rules, STATUSES, &status(other)).is_empty());
        }
    }

    #[test]
    fn a_held_reservation_is_paid_when_its_user_is_told_of_it() {
        let mut rules = Rules::default();
        let reservation = json!({ "event_id": "e-3", "timestamp": 0, "reservation_id": "r-1",
            "user_id": "u-1", "concert_id": "c-1", "amount": 700 });
        hear(&mut rules, "reservation.reservation.created", &reservation);
        let told = json!({ "event_id": "e-4", "recipient": "u-1", "kind": "reservation_created",
            "data": { "reservation_id": "r-1" } });
        let said = hear(&mut rules, "notification.notification.requested", &told);
        assert_eq!(said[0].1["reservation_id"], "r-1");
    }

    #[test]
    fn what_is_no_event_is_nothing_to_them() {
        let mut rules = Rules::default();
        assert!(rules.hear(b"{", ORDERS).unwrap().is_empty());
    }
}
