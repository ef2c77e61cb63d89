//! The Lambda function `orders-api`.

use aws_adapters::{HttpAnswer, HttpPorts, RunError, run_http};
use orders_api::{Answer, NAME, OrdersApi};

#[tokio::main]
async fn main() -> Result<(), RunError> {
    let make = |ports: HttpPorts| OrdersApi::new(ports.store, ports.timer, ports.deadline_margin);
    run_http(NAME, make, |api, request, invocation| {
        Box::pin(async move {
            let Answer {
                response,
                code,
                causes,
            } = api.answer(&request, &invocation).await;
            HttpAnswer {
                response,
                code,
                causes,
            }
        })
    })
    .await
}
