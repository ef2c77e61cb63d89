//! The Lambda function `payment-completed`.

use aws_adapters::{RunError, run_decide};
use payment_completed::PaymentCompletedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(PaymentCompletedHandler).await
}
