//! The HTTP adapters against small servers of this process: what goes over the wire, and how answers are read.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use esm_emulator::memory::MemoryTopic;
use esm_emulator::{
    HttpInvoke, Invoke as _, InvokeError, InvokeFn, InvokeRequest, Mapping, MappingConfig,
    ProvisionedPollers, SqsOnFailure, Switches,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);

/// What a server was asked, and how it answers.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
    answer: fn() -> Response,
}

/// Starts a server that answers everything alike; it ends with the test's runtime.
async fn serve(answer: fn() -> Response) -> (String, Server) {
    let server = Server {
        asked: Arc::default(),
        answer,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(note).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (endpoint, server)
}

async fn note(State(server): State<Server>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    server
        .asked
        .lock()
        .unwrap()
        .push((uri.path().to_owned(), headers, body));
    (server.answer)()
}

fn request() -> InvokeRequest {
    InvokeRequest {
        function_name: "order-created".to_owned(),
        event: b"{\"records\":{}}".to_vec(),
    }
}

#[tokio::test]
async fn an_invocation_is_posted_to_the_invoke_api() {
    let (endpoint, server) =
        serve(|| ([("x-amz-executed-version", "7")], "null").into_response()).await;
    let answer = HttpInvoke::new(&endpoint, LIMIT)
        .unwrap()
        .invoke(request())
        .await
        .unwrap();
    assert_eq!(
        (answer.function_error, answer.executed_version.as_deref()),
        (None, Some("7"))
    );
    assert_eq!(answer.body, b"null");
    let asked = server.asked.lock().unwrap();
    let (path, headers, body) = asked.first().unwrap();
    assert_eq!(path, "/2015-03-31/functions/order-created/invocations");
    assert_eq!(
        headers.get("x-amz-invocation-type").unwrap(),
        "RequestResponse"
    );
    assert_eq!(body, "{\"records\":{}}");
}

#[tokio::test]
async fn a_function_error_comes_with_status_200() {
    let (endpoint, _) =
        serve(|| ([("x-amz-function-error", "Unhandled")], "{}").into_response()).await;
    let answer = HttpInvoke::new(&endpoint, LIMIT)
        .unwrap()
        .invoke(request())
        .await
        .unwrap();
    assert_eq!(answer.function_error.as_deref(), Some("Unhandled"));
}

#[tokio::test]
async fn a_response_larger_than_lambda_takes_is_a_function_error() {
    let (endpoint, _) = serve(|| " ".repeat(6_291_557).into_response()).await;
    let answer = HttpInvoke::new(&endpoint, LIMIT)
        .unwrap()
        .invoke(request())
        .await
        .unwrap();
    assert_eq!(
        (answer.function_error.as_deref(), answer.body.len()),
        (Some("Unhandled"), 0)
    );
}

#[tokio::test]
async fn other_statuses_are_errors() {
    let (endpoint, _) = serve(|| StatusCode::TOO_MANY_REQUESTS.into_response()).await;
    let error = HttpInvoke::new(&endpoint, LIMIT)
        .unwrap()
        .invoke(request())
        .await
        .unwrap_err();
    assert!(matches!(error, InvokeError::Throttled), "{error}");

    let not_found = || {
        (
            StatusCode::NOT_FOUND,
            [("x-amzn-errortype", "ResourceNotFoundException")],
            "{}",
        )
            .into_response()
    };
    let (endpoint, _) = serve(not_found).await;
    let error = HttpInvoke::new(&endpoint, LIMIT)
        .unwrap()
        .invoke(request())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the Invoke API answered with status 404: ResourceNotFoundException"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unreachable() {
    let invoke = HttpInvoke::new("http://127.0.0.1:1", LIMIT).unwrap();
    let error = invoke.invoke(request()).await.unwrap_err();
    assert!(matches!(error, InvokeError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let invoke = HttpInvoke::new(&endpoint, Duration::from_millis(50)).unwrap();
    let error = invoke.invoke(request()).await.unwrap_err();
    assert!(matches!(error, InvokeError::TimedOut), "{error}");
}

/// Runs a mapping whose function always fails over this destination.
async fn give_up_one_record(endpoint: &str) -> esm_emulator::Metrics {
    let cluster = "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/1";
    let config = MappingConfig {
        maximum_batching_window_seconds: Some(0),
        maximum_retry_attempts: 0,
        on_failure_destination: Some("arn:aws:sqs:eu-central-1:111122223333:failed".to_owned()),
        provisioned_pollers: Some(ProvisionedPollers {
            minimum_pollers: Some(1),
            ..ProvisionedPollers::default()
        }),
        ..MappingConfig::new(cluster, "order-created", "orders.v1")
    };
    let topic = MemoryTopic::new(1);
    topic.produce(0, None, Some(b"{}"));
    let function = InvokeFn(|_request| async { Err(InvokeError::TimedOut) });
    let source = topic.source(&config);
    let destination = SqsOnFailure::new(endpoint).unwrap();
    let mapping =
        Mapping::new(&config, Switches::default(), source, function, destination).unwrap();
    let handle = mapping.handle();
    mapping
        .run(async move { handle.wait_until_idle(LIMIT).await.unwrap() })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_document_is_sent_to_the_queue_of_the_destination() {
    let (endpoint, server) = serve(|| "{\"MessageId\":\"1\"}".into_response()).await;
    let metrics = give_up_one_record(&endpoint).await;
    assert_eq!(metrics.on_failure_destination_delivered_event_count, 1);
    let asked = server.asked.lock().unwrap();
    let (path, headers, body) = asked.first().unwrap();
    assert_eq!((path.as_str(), asked.len()), ("/", 1));
    assert_eq!(
        headers.get("x-amz-target").unwrap(),
        "AmazonSQS.SendMessage"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["QueueUrl"], format!("{endpoint}/111122223333/failed"));
    let document: Value = serde_json::from_str(body["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(
        document["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
}

#[tokio::test]
async fn a_queue_that_refuses_loses_the_document_but_not_the_progress() {
    let (endpoint, _) = serve(|| StatusCode::BAD_REQUEST.into_response()).await;
    let metrics = give_up_one_record(&endpoint).await;
    assert_eq!(metrics.on_failure_destination_delivery_error_count, 1);
    assert_eq!(metrics.dropped_event_count, 1);
    assert_eq!(metrics.committed_event_count, 1);
}
