//! The Lambda function `balance-charged`.

use aws_adapters::{RunError, run_decide};
use balance_charged::BalanceChargedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(BalanceChargedHandler).await
}
