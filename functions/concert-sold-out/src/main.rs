//! The Lambda function `concert-sold-out`.

use aws_adapters::{RunError, run_decide};
use concert_sold_out::ConcertSoldOutHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(ConcertSoldOutHandler).await
}
