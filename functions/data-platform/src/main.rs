//! The Lambda function `data-platform`.

use aws_adapters::{RunError, run_decide};
use data_platform::DataPlatformHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(DataPlatformHandler).await
}
