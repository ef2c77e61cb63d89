//! The Lambda function `metric-recorded`.

use aws_adapters::{RunError, run_decide};
use metric_recorded::MetricRecordedHandler;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    run_decide(MetricRecordedHandler).await
}
