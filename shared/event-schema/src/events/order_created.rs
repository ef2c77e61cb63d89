//! `order.created`: a customer has ordered; stock is to be reserved.
//!
//! It says nothing of payment or delivery.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::{
    AmountSchema, CouponId, Deduplication, Event, EventSpec, InvalidEvent, OrderId, ProductId,
    SchemaVersion, UserId,
};

/// The most lines of one order: what one transaction can reserve, with room for the rest of it.
pub const ORDER_LINES_MAX: usize = 50;

/// The largest quantity of one line.
pub const QUANTITY_MAX: u32 = 1_000_000;

/// A customer has ordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCreated {
    /// The order; old producers leave it out.
    #[serde(default, alias = "orderId", skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Who ordered.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// What the customer is to pay, discounts included.
    #[serde(
        default,
        with = "crate::amount::optional",
        alias = "totalAmount",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<AmountSchema>")]
    pub total_amount: Option<Decimal>,
    /// The coupon that was used.
    #[serde(default, alias = "couponId", skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<CouponId>,
    /// What was ordered; a product may stand in several lines.
    #[schemars(length(min = 1, max = 50))]
    pub items: Vec<OrderLine>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// The product.
    #[serde(alias = "productId")]
    pub product_id: ProductId,
    /// How many of it.
    #[serde(alias = "qty")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub quantity: u32,
    /// The price of one.
    #[serde(
        default,
        with = "crate::amount::optional",
        alias = "unitPrice",
        alias = "price",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<AmountSchema>")]
    pub unit_price: Option<Decimal>,
}

impl Event for OrderCreated {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "order.created",
        topic: "order.order.created",
        alias_topics: &["order.created"],
        legacy_types: &["ORDER_CREATED"],
        key: "order_id",
        dedup: Deduplication::EventId,
        partitions: 6,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        self.order_id.as_ref().map(OrderId::to_string)
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        if self.items.is_empty() {
            return Err(InvalidEvent::new("items", "at least one line"));
        }
        rules::order_lines(&self.items, ORDER_LINES_MAX)?;
        rules::not_negative("total_amount", self.total_amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lines: usize, quantity: u32) -> OrderCreated {
        let line = OrderLine {
            product_id: ProductId::new("p-1").unwrap(),
            quantity,
            unit_price: None,
        };
        OrderCreated {
            order_id: None,
            user_id: UserId::new("u-1").unwrap(),
            total_amount: None,
            coupon_id: None,
            items: vec![line; lines],
        }
    }

    #[test]
    fn an_order_has_one_to_fifty_lines() {
        assert!(order(0, 1).validate().is_err());
        assert!(order(1, 1).validate().is_ok());
        assert!(order(50, 1).validate().is_ok());
        assert_eq!(order(51, 1).validate().unwrap_err().path(), "items");
    }

    #[test]
    fn a_line_has_a_quantity() {
        assert_eq!(
            order(1, 0).validate().unwrap_err().path(),
            "items[0].quantity"
        );
        assert!(order(1, QUANTITY_MAX).validate().is_ok());
        assert!(order(1, QUANTITY_MAX + 1).validate().is_err());
    }

    #[test]
    fn amounts_are_not_negative() {
        let mut negative = order(1, 1);
        negative.total_amount = Some(Decimal::NEGATIVE_ONE);
        assert_eq!(negative.validate().unwrap_err().path(), "total_amount");
    }

    #[test]
    fn an_order_without_id_has_no_key() {
        let mut order = order(1, 1);
        assert_eq!(order.ordering_key(), None);
        order.order_id = OrderId::new("o-1").ok();
        assert_eq!(order.ordering_key().as_deref(), Some("o-1"));
    }
}
