//! The HTTP front with a real function process behind it: plain HTTP in and out.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

use local_platform::{Function, HttpFront, HttpFrontError, LocalLambda};
use serde_json::{Value, json};

const NAME: &str = "probe";
/// The seconds that the function has for one invocation.
const FUNCTION_SECONDS_MAX: u64 = 20;

struct Served {
    lambda: LocalLambda,
    front: HttpFront,
    client: reqwest::Client,
}

impl Served {
    async fn start() -> Self {
        Self::with(Duration::from_secs(FUNCTION_SECONDS_MAX), 10).await
    }

    async fn with(timeout: Duration, environments_max: usize) -> Self {
        let probe = Function {
            timeout,
            environments_max,
            ..Function::new(NAME, env!("CARGO_BIN_EXE_probe-function"))
        };
        let lambda = LocalLambda::start(0, vec![probe]).await.unwrap();
        let front = HttpFront::start(0, &lambda, NAME).await.unwrap();
        Self {
            lambda,
            front,
            client: reqwest::Client::new(),
        }
    }

    async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self.client.post(format!("{}/a/b?c=d", self.front.url()));
        let request = request.header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    }

    async fn asked(&self, command: Value) -> reqwest::Response {
        self.post(command.to_string()).await
    }
}

#[tokio::test]
async fn a_request_reaches_the_function_as_an_event() {
    let served = Served::start().await;
    let response = served.post("{\"a\":1}").await;
    assert_eq!(response.status(), 200);
    let event: Value = response.json().await.unwrap();
    assert_eq!(
        (&event["version"], &event["rawPath"]),
        (&json!("2.0"), &json!("/a/b"))
    );
    assert_eq!(event["queryStringParameters"], json!({ "c": "d" }));
    assert_eq!(event["body"], "{\"a\":1}");
    assert_eq!(event["headers"]["host"], served.front.address().to_string());
    assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.1");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
}

#[tokio::test]
async fn an_answer_of_the_function_is_the_response() {
    let served = Served::start().await;
    let answer = json!({ "statusCode": 418, "body": "AAH/", "isBase64Encoded": true,
        "headers": { "content-type": "application/octet-stream", "x-a": "b" },
        "cookies": ["a=1", "b=2"] });
    let response = served
        .asked(json!({ "do": "respond", "with": answer }))
        .await;
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["x-a"], "b");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(&response.bytes().await.unwrap()[..], [0, 1, 255]);
}

#[tokio::test]
async fn a_function_that_fails_is_a_bad_gateway() {
    let served = Served::with(Duration::from_secs(1), 10).await;
    for command in [
        json!({ "do": "error" }),
        json!({ "do": "exit" }),
        json!({ "do": "sleep", "seconds": 30 }),
        json!({ "do": "respond", "with": { "statusCode": 1 } }),
    ] {
        let response = served.asked(command.clone()).await;
        assert_eq!(response.status(), 502, "{command}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({ "Message": "Internal Server Error" }));
    }
}

#[tokio::test]
async fn a_body_beyond_lambdas_payload_is_refused_before_the_function() {
    let served = Served::start().await;
    let response = served.post(vec![b'1'; 6 * 1024 * 1024 + 1]).await;
    assert_eq!(response.status(), 413);
    // In Base64 it is a third larger.
    let request = served.client.post(served.front.url());
    let response = request.body(vec![0; 5 * 1024 * 1024]).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(served.lambda.stats()[NAME].invocations, 0);
}

#[tokio::test]
async fn one_request_more_than_there_may_be_is_throttled() {
    let served = Served::with(Duration::from_secs(FUNCTION_SECONDS_MAX), 1).await;
    let busy = served.asked(json!({ "do": "sleep", "seconds": 2 }));
    let more = async {
        loop {
            let stats = served.lambda.stats()[NAME];
            if stats.environments_running > stats.environments_idle {
                return served.asked(json!({})).await;
            }
            tokio::task::yield_now().await;
        }
    };
    let (busy, more) = tokio::join!(busy, more);
    assert_eq!((busy.status().as_u16(), more.status().as_u16()), (200, 429));
}

#[tokio::test]
async fn after_the_end_of_lambda_the_service_is_unavailable() {
    let served = Served::start().await;
    served.lambda.shutdown().await;
    let response = served.client.get(served.front.url()).send().await.unwrap();
    assert_eq!(response.status(), 503);
    served.front.shutdown().await;
}

#[tokio::test]
async fn a_front_needs_its_function_and_its_port() {
    let served = Served::start().await;
    let missing = HttpFront::start(0, &served.lambda, "missing").await;
    assert!(
        matches!(missing, Err(HttpFrontError::Function(_))),
        "{missing:?}"
    );
    let taken = HttpFront::start(served.front.address().port(), &served.lambda, NAME).await;
    assert!(
        matches!(taken, Err(HttpFrontError::Bind { .. })),
        "{taken:?}"
    );
}
