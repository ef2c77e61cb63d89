//! The Lambda function `user-registered`.

use aws_adapters::{RunError, run_decide};
use user_registered::UserRegisteredHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(UserRegisteredHandler).await
}
