//! The Lambda function `outbox-relay`.

use aws_adapters::{NoPublisher, RunError, SettingsProblem, run_relay};
use outbox_relay::{KafkaPublisher, NAME, NotMadeError};

#[tokio::main]
async fn main() -> Result<(), RunError> {
    let publisher = || KafkaPublisher::from_environment().map_err(no_publisher);
    run_relay(NAME, publisher).await
}

/// The problems of the Kafka settings are told together with those of the function's own.
fn no_publisher(error: NotMadeError) -> NoPublisher {
    let problem = |problem: kafka::SettingsProblem| SettingsProblem {
        name: problem.name,
        found: problem.found,
        expected: problem.expected,
    };
    match error {
        NotMadeError::Settings(error) => {
            NoPublisher::Settings(error.problems.into_iter().map(problem).collect())
        }
        NotMadeError::Producer(error) => NoPublisher::Failed(error.into()),
    }
}
