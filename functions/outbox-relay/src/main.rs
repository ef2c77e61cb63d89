//! The Lambda function `outbox-relay`.

use aws_adapters::{RunError, run_relay};
use outbox_relay::{KafkaPublisher, NAME};

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_relay(NAME, KafkaPublisher::from_environment).await
}
