//! The Lambda function `order-status-changed`.

use aws_adapters::{RunError, run_decide};
use order_status_changed::OrderStatusChangedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(OrderStatusChangedHandler).await
}
