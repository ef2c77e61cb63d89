//! The Lambda function `reservation-created`.

use aws_adapters::{RunError, run_decide};
use reservation_created::ReservationCreatedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(ReservationCreatedHandler).await
}
