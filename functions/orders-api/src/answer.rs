//! What a client is told when its request is done.

use event_schema::events::OrderStatus;
use event_schema::{EventId, OrderId, ProductId, Timestamp, UserId};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tables::Order;

/// A response, and what is logged of it.
#[derive(Debug)]
pub struct Answer {
    /// The response.
    pub response: Response<String>,
    /// What it is called in logs, from a bounded set; of what failed, the code of the cause.
    pub code: &'static str,
    /// Why it failed, outermost first; no value of the request.
    pub causes: Vec<String>,
}

impl Answer {
    /// An answer to what went well.
    pub(crate) fn of(response: Response<String>, code: &'static str) -> Self {
        Self {
            response,
            code,
            causes: Vec::new(),
        }
    }
}

/// An order that is stored, and not decided yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The order.
    pub order_id: OrderId,
    /// Where it stands: pending.
    pub status: OrderStatus,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OrderView {
    /// Its id.
    pub order_id: OrderId,
    /// Who ordered.
    pub user_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it stands there, as a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the customer is to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub total_amount: Option<Decimal>,
    /// What was ordered.
    pub items: Vec<Item>,
    /// The statuses that it had, the oldest first.
    pub timeline: Vec<Moment>,
    /// When the customer ordered.
    pub ordered_at: Timestamp,
    /// When the status was set.
    pub updated_at: Timestamp,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// The product.
    pub product_id: ProductId,
    /// How many pieces of it.
    pub quantity: i64,
    /// The price of one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub unit_price: Option<Decimal>,
}

/// A status that an order took on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Moment {
    /// The status.
    pub status: OrderStatus,
    /// When it was set.
    pub at: Timestamp,
    /// The event that led to it; of a pending order, the event that tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// That the function runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schemars(extend("const" = "ok"))]
    pub(crate) status: &'static str,
}

impl Accepted {
    /// Where the order is found.
    pub(crate) fn location(&self) -> String {
        format!("/orders/{}", self.order_id)
    }

    pub(crate) fn answer(&self, code: &'static str) -> Answer {
        let mut response = json(StatusCode::ACCEPTED, self);
        if let Ok(location) = HeaderValue::try_from(self.location()) {
            response.headers_mut().insert(LOCATION, location);
        }
        Answer::of(response, code)
    }
}

impl OrderView {
    /// Shows an order; one that was stored before there were lines shows its pieces by product.
    #[must_use]
    pub fn of(order: Order) -> Self {
        let items = if order.lines.is_empty() {
            let pieces = order.quantities.into_iter();
            let item = |(product_id, quantity)| Item {
                product_id,
                quantity,
                unit_price: None,
            };
            pieces.map(item).collect()
        } else {
            let item = |line: tables::Line| Item {
                product_id: line.product_id,
                quantity: i64::from(line.quantity),
                unit_price: line.unit_price,
            };
            order.lines.into_iter().map(item).collect()
        };
        let moment = |entry: tables::TimelineEntry| Moment {
            status: entry.status,
            at: entry.at,
            event_id: entry.event_id,
        };
        Self {
            order_id: order.order_id,
            user_id: order.user_id,
            status: order.status,
            reason: order.reason,
            total_amount: order.total_amount,
            items,
            timeline: order.timeline.into_iter().map(moment).collect(),
            ordered_at: order.ordered_at,
            updated_at: order.updated_at,
        }
    }
}

/// An answer in JSON that no cache keeps: an order moves on.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<String> {
    // Texts, numbers and lists of them always can be written.
    let mut response = Response::new(serde_json::to_string(body).unwrap_or_default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
