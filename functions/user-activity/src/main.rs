//! The Lambda function `user-activity`.

use aws_adapters::{RunError, run_decide};
use user_activity::UserActivityHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(UserActivityHandler).await
}
