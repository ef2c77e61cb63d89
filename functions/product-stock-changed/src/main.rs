//! The Lambda function `product-stock-changed`.

use aws_adapters::{RunError, run_decide};
use product_stock_changed::ProductStockChangedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(ProductStockChangedHandler).await
}
