//! The Lambda function `order-created`.

use aws_adapters::{RunError, run_decide};
use order_created::OrderCreatedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(OrderCreatedHandler).await
}
