//! The Lambda function `payment-failed`.

use aws_adapters::{RunError, run_decide};
use payment_failed::PaymentFailedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(PaymentFailedHandler).await
}
