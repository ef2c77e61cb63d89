//! Draws orders, and the stock for them.
//!
//! A few products are scarce: there is less of them than is ordered, so that some orders must be rejected
//! whatever the sequence. Of all others there is enough.

use std::collections::BTreeMap;

use event_schema::events::{OrderCreated, OrderLine, PaymentCompleted, PaymentMethod};
use event_schema::{
    Decimal, Envelope, Event as _, EventId, OrderId, PaymentId, ProductId, Timestamp, UserId,
    header,
};
use serde_json::json;

use super::{Kind, Payment, PlanError, PlannedOrder, PlannedRecord, Recipe, Stock, record};
use crate::demo::random::Random;
use crate::partners::DECLINED_ABOVE;

const SCARCE_PRODUCTS: u32 = 4;
const PLENTIFUL_PRODUCTS: u32 = 36;
const USERS: u32 = 250;
/// Of a hundred orders, those with a scarce product.
const SCARCE_PERCENT: u32 = 30;
/// Of a hundred other orders, those that cost too much for their payment.
const DECLINED_PERCENT: u32 = 12;
/// Of a hundred of the rest, those that are paid before they are sent.
const EARLY_PERCENT: u32 = 15;
/// Of a hundred orders, those that an older producer sends.
const LEGACY_PERCENT: u32 = 10;
/// Of a hundred pieces of a scarce product that are ordered, those that are there.
const SCARCE_STOCK_PERCENT: i64 = 60;

/// An order on its way to become a record.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) number: u32,
    pub(super) is_legacy: bool,
    pub(super) event_id: EventId,
    pub(super) order_id: OrderId,
    pub(super) timestamp: Timestamp,
    pub(super) event: OrderCreated,
    pub(super) payment: Payment,
}

impl Draft {
    pub(super) fn new(
        recipe: &Recipe,
        number: u32,
        random: &mut Random,
    ) -> Result<Self, PlanError> {
        let is_legacy = random.percent(LEGACY_PERCENT);
        let event_id = if is_legacy {
            // Older producers count.
            format!("{}", 1_000_000 + number)
        } else {
            format!("{:016x}{:016x}", random.next(), random.next())
        };
        let order_id = OrderId::new(format!("o-{number:05}"))?;
        let (items, payment) = lines(random)?;
        let total = items
            .iter()
            .filter_map(|line| Some(line.unit_price? * Decimal::from(line.quantity)))
            .sum();
        let user_id = UserId::new(format!("u-{:03}", random.between(1, USERS)))?;
        Ok(Self {
            number,
            is_legacy,
            event_id: EventId::new(event_id)?,
            order_id: order_id.clone(),
            timestamp: Timestamp::from_ms(recipe.starts_at.as_ms() + i64::from(number)),
            event: OrderCreated {
                order_id: Some(order_id),
                user_id,
                total_amount: Some(total),
                coupon_id: None,
                items,
            },
            payment,
        })
    }

    /// The order by its id, as it must be in the books.
    pub(super) fn order(&self) -> (String, PlannedOrder) {
        let mut quantities = BTreeMap::new();
        for line in &self.event.items {
            *quantities.entry(line.product_id.clone()).or_default() += i64::from(line.quantity);
        }
        let user_id = self.event.user_id.clone();
        let order = PlannedOrder {
            user_id,
            quantities,
            payment: self.payment,
        };
        (self.order_id.to_string(), order)
    }

    /// The record as its producer writes it.
    pub(super) fn record(&self) -> Result<PlannedRecord, PlanError> {
        let (kind, value, headers) = if self.is_legacy {
            (Kind::LegacyOrder, self.legacy(), Vec::new())
        } else {
            (Kind::Order, self.canonical()?, self.headers())
        };
        Ok(PlannedRecord {
            kind,
            topic: OrderCreated::SPEC.topic,
            key: self.order_id.to_string(),
            value: Some(value),
            headers,
        })
    }

    /// The event as it is written today.
    pub(super) fn canonical(&self) -> Result<String, PlanError> {
        let envelope = Envelope {
            event_id: Some(self.event_id.clone()),
            timestamp: Some(self.timestamp),
            ..Envelope::new(self.event.clone())
        };
        Ok(envelope.write()?)
    }

    /// The payment, for an order that is paid before it is sent.
    pub(super) fn early_payment(&self) -> Result<Option<PlannedRecord>, PlanError> {
        if self.payment != Payment::Early {
            return Ok(None);
        }
        let id = format!("payment-{}", self.order_id);
        let paid = PaymentCompleted {
            payment_id: Some(PaymentId::new(id.clone())?),
            order_id: Some(self.order_id.clone()),
            reservation_id: None,
            user_id: Some(self.event.user_id.clone()),
            amount: self.event.total_amount.unwrap_or_default(),
            method: Some(PaymentMethod::Wallet),
            paid_at: None,
        };
        record(paid, &id, self.timestamp).map(Some)
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            (header::EVENT_ID, self.event_id.to_string()),
            (header::EVENT_TYPE, OrderCreated::SPEC.event_type.to_owned()),
            (header::TIMESTAMP, self.timestamp.to_string()),
        ]
    }

    /// The event as older producers write it: camelCase, amounts as texts and ids as numbers.
    fn legacy(&self) -> String {
        let items = self.event.items.iter().map(|line| {
            json!({
                "productId": line.product_id,
                "qty": line.quantity,
                "price": line.unit_price.map(|price| price.to_string()),
            })
        });
        json!({
            "eventId": 1_000_000 + self.number,
            "eventType": "ORDER_CREATED",
            "timestamp": self.timestamp.as_ms(),
            "orderId": self.order_id,
            "userId": self.event.user_id,
            "totalAmount": self.event.total_amount.map(|amount| amount.to_string()),
            "items": items.collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// Draws lines, and how they are paid. An order of a scarce product costs less than what is declined, so that
/// scarce stock only falls: whoever is rejected could not have been served at any time before.
fn lines(random: &mut Random) -> Result<(Vec<OrderLine>, Payment), PlanError> {
    let mut lines = Vec::new();
    let mut payment = Payment::Accepted;
    if random.percent(SCARCE_PERCENT) {
        let product = scarce_product(random.between(1, SCARCE_PRODUCTS))?;
        lines.push(line(product, random.between(1, 3), random));
    } else if random.percent(DECLINED_PERCENT) {
        payment = Payment::Declined;
        let product = plentiful_product(random.between(1, PLENTIFUL_PRODUCTS))?;
        lines.push(OrderLine {
            product_id: product,
            quantity: random.between(1, 3),
            unit_price: Some(DECLINED_ABOVE + Decimal::ONE),
        });
    } else if random.percent(EARLY_PERCENT) {
        payment = Payment::Early;
    }
    for _ in 0..random.between(1, 3) {
        let product = plentiful_product(random.between(1, PLENTIFUL_PRODUCTS))?;
        lines.push(line(product, random.between(1, 5), random));
    }
    Ok((lines, payment))
}

fn line(product_id: ProductId, quantity: u32, random: &mut Random) -> OrderLine {
    OrderLine {
        product_id,
        quantity,
        unit_price: Some(Decimal::from(random.between(10, 500) * 100)),
    }
}

fn scarce_product(number: u32) -> Result<ProductId, PlanError> {
    Ok(ProductId::new(format!("p-scarce-{number}"))?)
}

fn plentiful_product(number: u32) -> Result<ProductId, PlanError> {
    Ok(ProductId::new(format!("p-{number:02}"))?)
}

/// Returns the stock that these orders are to meet.
pub(super) fn stock(
    orders: &BTreeMap<String, PlannedOrder>,
    random: &mut Random,
) -> Result<BTreeMap<ProductId, Stock>, PlanError> {
    let mut ordered: BTreeMap<&ProductId, i64> = BTreeMap::new();
    for (product, quantity) in orders.values().flat_map(|order| &order.quantities) {
        *ordered.entry(product).or_default() += quantity;
    }
    let mut stock = BTreeMap::new();
    for number in 1..=SCARCE_PRODUCTS {
        let product = scarce_product(number)?;
        let ordered = ordered.get(&product).copied().unwrap_or(0);
        let pieces = ordered * SCARCE_STOCK_PERCENT / 100;
        let is_scarce = true;
        stock.insert(product, Stock { pieces, is_scarce });
    }
    for number in 1..=PLENTIFUL_PRODUCTS {
        let product = plentiful_product(number)?;
        let ordered = ordered.get(&product).copied().unwrap_or(0);
        let pieces = ordered + i64::from(random.between(10, 50));
        let is_scarce = false;
        stock.insert(product, Stock { pieces, is_scarce });
    }
    Ok(stock)
}
