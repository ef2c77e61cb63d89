//! The Lambda function `order-completed`.

use aws_adapters::{RunError, run_decide};
use order_completed::OrderCompletedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(OrderCompletedHandler).await
}
