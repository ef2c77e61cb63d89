//! The Lambda function `error-logged`.

use aws_adapters::{RunError, run_decide};
use error_logged::ErrorLoggedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(ErrorLoggedHandler).await
}
