//! An order with its timeline, and which statuses may follow each other.
//!
//! Who moves an order on, and who is told of it, is not said here; what it does to stock is in `pieces`.

mod pieces;

use std::collections::BTreeMap;

use event_schema::events::{OrderLine, OrderStatus, OrderStatusChanged};
use event_schema::{EventId, OrderId, PaymentId, ProductId, Timestamp, UserId};
use processing::{Item, Key};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The most entries of a timeline: no status comes back, so it has one of each at most.
pub const TIMELINE_ENTRIES_MAX: usize = 7;

/// An order as it is stored, keyed by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Who ordered.
    pub user_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it stands there, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the customer is to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_amount: Option<Decimal>,
    /// What it was paid with; none while it is not, and where only a status told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<OrderPayment>,
    /// Pieces by product: what is reserved, released or sold together.
    pub quantities: BTreeMap<ProductId, i64>,
    /// What was ordered, line by line; empty for orders stored before there were lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// The statuses that it had, the oldest first; empty for orders stored before there was a timeline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEntry>,
    /// When the customer ordered.
    pub ordered_at: Timestamp,
    /// When the status was set.
    pub updated_at: Timestamp,
}

/// What an order was paid with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPayment {
    /// The payment; old producers leave its id out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// What was paid.
    pub amount: Decimal,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The product; several lines may name the same one.
    pub product_id: ProductId,
    /// How many pieces of it.
    pub quantity: u32,
    /// The price of one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Decimal>,
}

/// A status that an order took on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The status.
    pub status: OrderStatus,
    /// When it was set.
    pub at: Timestamp,
    /// The event that led to it; of a pending order, the event that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A change of status that no order makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot become {to}")]
pub struct ImpossibleTransition {
    /// The status that the order has.
    pub from: OrderStatus,
    /// The status that it was to take on.
    pub to: OrderStatus,
}

impl Order {
    /// Moves the order on, and notes it in its timeline.
    ///
    /// # Errors
    /// Fails, and changes nothing, if the status cannot follow the one that the order has.
    pub fn advance(
        &mut self,
        to: OrderStatus,
        at: Timestamp,
        event_id: Option<EventId>,
    ) -> Result<(), ImpossibleTransition> {
        if !is_possible(&self.status, &to) {
            let from = self.status.clone();
            return Err(ImpossibleTransition { from, to });
        }
        self.status = to;
        self.updated_at = at;
        self.note(event_id);
        Ok(())
    }

    /// Notes the status that the order has in its timeline: for an order that is new.
    pub fn note(&mut self, event_id: Option<EventId>) {
        self.timeline.push(TimelineEntry {
            status: self.status.clone(),
            at: self.updated_at,
            event_id,
        });
    }

    /// Whether the order has this status or had it; every order was pending once.
    #[must_use]
    pub fn has_been(&self, status: &OrderStatus) -> bool {
        let mut before = self.timeline.iter().map(|entry| &entry.status);
        *status == OrderStatus::Pending || *status == self.status || before.any(|one| one == status)
    }

    /// Whether this amount is what the order costs; where that is not known, any amount is.
    #[must_use]
    pub fn is_paid_with(&self, amount: Decimal) -> bool {
        self.total_amount.is_none_or(|total| total == amount)
    }

    /// Whether the order was paid with this very payment.
    #[must_use]
    pub fn was_paid_with(&self, payment_id: Option<&PaymentId>) -> bool {
        let paid_with = self.payment.as_ref();
        let paid_with = paid_with.and_then(|payment| payment.payment_id.as_ref());
        paid_with.is_some() && paid_with == payment_id
    }

    /// Returns the event that tells of the order's status; its version counts the entries of the timeline.
    #[must_use]
    pub fn status_changed(&self, from: OrderStatus) -> OrderStatusChanged {
        OrderStatusChanged {
            order_id: self.order_id.clone(),
            user_id: Some(self.user_id.clone()),
            status: self.status.clone(),
            previous_status: Some(from),
            reason: self.reason.clone(),
            version: u64::try_from(self.timeline.len()).ok(),
        }
    }
}

/// Whether an order of one status may take on the other.
///
/// No status leads back to an earlier one, so an order changes a few times at most. A status that this version
/// does not know leads nowhere.
#[must_use]
pub fn is_possible(from: &OrderStatus, to: &OrderStatus) -> bool {
    use OrderStatus as S;
    match from {
        S::Pending => matches!(to, S::Placed | S::Rejected | S::Cancelled),
        S::Placed => matches!(to, S::Paid | S::PaymentFailed | S::Cancelled),
        S::Paid => matches!(to, S::Completed | S::Cancelled),
        S::Rejected | S::PaymentFailed | S::Completed | S::Cancelled | S::Other(_) => false,
    }
}

impl From<&OrderLine> for Line {
    fn from(line: &OrderLine) -> Self {
        Self {
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
        }
    }
}

impl From<&Line> for OrderLine {
    fn from(line: &Line) -> Self {
        Self {
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
        }
    }
}

impl Item for Order {
    const TABLE: &'static str = "orders";

    fn key(&self) -> Key {
        Key::from(self.order_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const STATUSES: [OrderStatus; 7] = [
        OrderStatus::Pending,
        OrderStatus::Placed,
        OrderStatus::Rejected,
        OrderStatus::Paid,
        OrderStatus::PaymentFailed,
        OrderStatus::Completed,
        OrderStatus::Cancelled,
    ];

    /// The least an order was stored with before it had lines and a timeline.
    fn stored_earlier() -> Order {
        serde_json::from_value(json!({
            "order_id": "o-1", "user_id": "u-1", "status": "pending", "quantities": { "p-1": 2 },
            "ordered_at": "2026-11-21T10:15:30.123Z", "updated_at": "2026-11-21T10:15:30.123Z",
        }))
        .unwrap()
    }

    #[test]
    fn an_order_that_was_stored_earlier_is_read_and_written_as_it_was() {
        let order = stored_earlier();
        assert!(order.lines.is_empty() && order.timeline.is_empty());
        let written = serde_json::to_value(&order).unwrap();
        assert_eq!(written.as_object().unwrap().len(), 6);
    }

    #[test]
    fn an_order_moves_on_and_notes_it() {
        let mut order = stored_earlier();
        let (at, event_id) = (Timestamp::from_ms(1_000), EventId::new("e-1").ok());
        order
            .advance(OrderStatus::Placed, at, event_id.clone())
            .unwrap();
        let entry = TimelineEntry {
            status: OrderStatus::Placed,
            at,
            event_id,
        };
        assert_eq!((order.updated_at, order.timeline), (at, vec![entry]));
    }

    #[test]
    fn a_refused_change_leaves_the_order_as_it_was() {
        let mut order = stored_earlier();
        let refused = order.advance(OrderStatus::Paid, Timestamp::from_ms(1_000), None);
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "an order that is pending cannot become paid");
        assert_eq!(order, stored_earlier());
    }

    /// Follows every possible change from every status; a status that is met again would go on for ever.
    #[test]
    fn no_status_comes_back_and_the_timeline_is_bounded() {
        fn longest(from: &OrderStatus, before: usize) -> usize {
            assert!(before < TIMELINE_ENTRIES_MAX, "{from} is met again");
            let next = STATUSES.iter().filter(|to| is_possible(from, to));
            next.map(|to| longest(to, before + 1))
                .max()
                .unwrap_or(before + 1)
        }
        for status in &STATUSES {
            assert!(longest(status, 0) <= TIMELINE_ENTRIES_MAX);
        }
    }

    #[test]
    fn an_order_has_been_what_its_timeline_says_what_it_is_and_pending() {
        let mut order = stored_earlier();
        assert!(!order.has_been(&OrderStatus::Placed));
        for status in [OrderStatus::Placed, OrderStatus::Paid] {
            order
                .advance(status, Timestamp::from_ms(1_000), None)
                .unwrap();
        }
        for status in [OrderStatus::Pending, OrderStatus::Placed, OrderStatus::Paid] {
            assert!(order.has_been(&status), "{status}");
        }
        assert!(!order.has_been(&OrderStatus::Cancelled));
        order.timeline.clear();
        assert!(order.has_been(&OrderStatus::Paid), "it is paid now");
    }

    #[test]
    fn an_order_is_paid_with_what_it_costs_and_with_anything_where_that_is_unknown() {
        let mut order = stored_earlier();
        assert!(order.is_paid_with(1.into()));
        order.total_amount = Some("30000.00".parse().unwrap());
        assert!(order.is_paid_with(30_000.into()));
        assert!(!order.is_paid_with(29_999.into()));
    }

    #[test]
    fn only_a_payment_with_an_id_is_known_again() {
        let mut order = stored_earlier();
        let ids = ["pay-1", "pay-2"].map(|id| PaymentId::new(id).unwrap());
        let was = |order: &Order| ids.each_ref().map(|id| order.was_paid_with(Some(id)));
        assert_eq!(was(&order), [false, false]);
        let amount = Decimal::ONE;
        let payment_id = None;
        order.payment = Some(OrderPayment { payment_id, amount });
        assert!(!order.was_paid_with(None));
        let payment_id = Some(ids[0].clone());
        order.payment = Some(OrderPayment { payment_id, amount });
        assert_eq!(was(&order), [true, false]);
        assert!(!order.was_paid_with(None));
    }

    #[test]
    fn the_event_of_a_status_counts_the_timeline() {
        let mut order = stored_earlier();
        order
            .advance(OrderStatus::Placed, Timestamp::from_ms(1_000), None)
            .unwrap();
        let event = order.status_changed(OrderStatus::Pending);
        let told = serde_json::to_value(&event).unwrap();
        let right = json!({ "order_id": "o-1", "user_id": "u-1", "status": "placed",
            "previous_status": "pending", "version": 1 });
        assert_eq!(told, right);
    }

    #[test]
    fn an_unknown_status_leads_nowhere() {
        let unknown: OrderStatus = "on_hold".parse().unwrap();
        assert!(STATUSES.iter().all(|to| !is_possible(&unknown, to)));
        assert!(STATUSES.iter().all(|from| !is_possible(from, &unknown)));
    }

    #[test]
    fn a_line_is_the_same_in_an_event_and_in_the_store() {
        let line: Line = serde_json::from_value(
            json!({ "product_id": "p-1", "quantity": 2, "unit_price": "19.90" }),
        )
        .unwrap();
        assert_eq!(Line::from(&OrderLine::from(&line)), line);
    }
}
