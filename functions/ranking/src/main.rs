//! The Lambda function `ranking`.

use aws_adapters::{RunError, run_decide};
use ranking::RankingHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(RankingHandler).await
}
