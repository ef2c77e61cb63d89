//! The Lambda function `stock-updated`.

use aws_adapters::{RunError, run_decide};
use stock_updated::StockUpdatedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(StockUpdatedHandler).await
}
