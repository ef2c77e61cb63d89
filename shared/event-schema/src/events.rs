//! The event types of the catalogue, one file each.
//!
//! A field is required only where nothing can be done without it: messages of existing producers
//! are read without change. Every `snake_case` name has its camelCase alias, which a test checks.
//! What an event leads to is written in the functions, not here.

mod balance_charged;
mod concert_sold_out;
mod coupon_issue_requested;
mod error_logged;
mod metric_recorded;
mod notification_requested;
mod order_completed;
mod order_created;
mod order_status_changed;
mod payment_completed;
mod payment_failed;
mod product_stock_changed;
mod reservation_created;
mod rules;
mod stock_updated;
mod user_activity_recorded;
mod user_registered;

pub use balance_charged::BalanceCharged;
pub use concert_sold_out::ConcertSoldOut;
pub use coupon_issue_requested::CouponIssueRequested;
pub use error_logged::{ErrorLogged, LogLevel};
pub use metric_recorded::MetricRecorded;
pub use notification_requested::{NotificationChannel, NotificationKind, NotificationRequested};
pub use order_completed::OrderCompleted;
pub use order_created::{ORDER_LINES_MAX, OrderCreated, OrderLine, QUANTITY_MAX};
pub use order_status_changed::{OrderStatus, OrderStatusChanged};
pub use payment_completed::{PaymentCompleted, PaymentMethod};
pub use payment_failed::PaymentFailed;
pub use product_stock_changed::{ProductStockChanged, StockChangeReason};
pub use reservation_created::{ReservationCreated, ReservationStatus};
pub use stock_updated::StockUpdated;
pub use user_activity_recorded::{ACTION_BYTES_MAX, UserActivityRecorded};
pub use user_registered::UserRegistered;

/// Reads `null` as the default: many producers write every field, also those they do not know.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}
