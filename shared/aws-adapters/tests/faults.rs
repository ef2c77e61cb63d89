//! What each failure of a call becomes, with a server that fails as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_adapters::{DynamoStore, LOAD_ROUNDS_MAX, SqsDeadLetters};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use event_schema::Timestamp;
use processing::{
    Body, Cancellation, Change, CommitError, DeadLetter, DeadLetters, Expect, ItemKey, Query,
    Store, StoreError, Transaction, Write,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Answers call after call as it is told, the last answer again and again; keeps the requests.
#[derive(Clone)]
struct FaultyService {
    address: SocketAddr,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl FaultyService {
    async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            address: listener.local_addr().unwrap(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            requests: Arc::default(),
        };
        let told = service.clone();
        let router = Router::new().fallback(async move |body: String| told.answer(&body));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    fn answer(&self, body: &str) -> impl IntoResponse + use<> {
        self.requests
            .lock()
            .unwrap()
            .push(serde_json::from_str(body).unwrap());
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        let content_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        (
            StatusCode::from_u16(status).unwrap(),
            content_type,
            body.to_string(),
        )
    }

    async fn store(&self) -> DynamoStore {
        DynamoStore::new(&common::dynamodb_client(self.address).await, "")
    }

    fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn fault(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "as told"})
}

fn key(partition: &str) -> ItemKey {
    ItemKey {
        table: "orders",
        partition: partition.into(),
        sort: "-".into(),
    }
}

fn transaction(writes: usize) -> Transaction {
    let write = |n| Write {
        key: key(&format!("p{n}")),
        expect: Expect::Absent,
        change: Change::Put(Body::new()),
    };
    Transaction {
        token: "token-1".into(),
        writes: (0..writes).map(write).collect(),
    }
}

async fn commit_error(status: u16, code: &str) -> CommitError {
    let service = FaultyService::start([(status, fault(code))]).await;
    let error = service
        .store()
        .await
        .commit(&transaction(1))
        .await
        .unwrap_err();
    // The engine repeats commits, the SDK must not.
    assert_eq!(service.calls(), 1, "{code}");
    error
}

#[tokio::test]
async fn a_throttled_commit_may_be_sent_again() {
    for code in [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    ] {
        let error = commit_error(400, code).await;
        assert!(
            matches!(error, CommitError::Throttled(_)),
            "{code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_without_a_clear_answer_has_an_unknown_outcome() {
    for (status, code) in [
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (400, "TransactionInProgressException"),
    ] {
        let error = commit_error(status, code).await;
        assert!(
            matches!(error, CommitError::Unknown(_)),
            "{code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_that_can_never_apply_is_invalid() {
    for code in [
        "ValidationException",
        "IdempotentParameterMismatchException",
    ] {
        let error = commit_error(400, code).await;
        assert!(
            matches!(error, CommitError::Invalid(_)),
            "{code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_that_is_denied_is_unavailable() {
    for code in [
        "AccessDeniedException",
        "ResourceNotFoundException",
        "SomethingNewException",
    ] {
        let error = commit_error(400, code).await;
        assert!(
            matches!(error, CommitError::Unavailable(_)),
            "{code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_cause_names_the_call_and_the_code() {
    let error = commit_error(400, "AccessDeniedException").await;
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "TransactWriteItems failed (AccessDeniedException, request unknown)"
    );
}

#[tokio::test]
async fn a_cancelled_commit_says_why_write_by_write() {
    let reasons = json!([
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "m"},
        {"Code": "TransactionConflict", "Message": "m"},
        {"Code": "ThrottlingError", "Message": "m"},
        {"Code": "ValidationError", "Message": "m"},
    ]);
    let mut body = fault("TransactionCanceledException");
    body["CancellationReasons"] = reasons;
    let service = FaultyService::start([(400, body)]).await;
    let error = service
        .store()
        .await
        .commit(&transaction(5))
        .await
        .unwrap_err();
    let CommitError::Cancelled(reasons) = error else {
        unreachable!("cancelled, not {error:?}")
    };
    let expected = [
        None,
        Some(Cancellation::ConditionFailed),
        Some(Cancellation::Conflict),
        Some(Cancellation::Throttled),
        Some(Cancellation::Invalid("ValidationError: m".into())),
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn a_cancellation_that_does_not_match_the_writes_is_not_guessed_at() {
    let service = FaultyService::start([(400, fault("TransactionCanceledException"))]).await;
    let error = service
        .store()
        .await
        .commit(&transaction(2))
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Unavailable(_)), "{error:?}");
}

/// A server that takes each request and hangs up, or keeps silent.
async fn mute_server(hangs_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 64];
            connection.read_exact(&mut request).await.unwrap();
            if !hangs_up {
                silent.push(connection);
            }
        }
    });
    address
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_has_an_unknown_outcome() {
    for hangs_up in [true, false] {
        let client = common::dynamodb_client(mute_server(hangs_up).await).await;
        let error = DynamoStore::new(&client, "")
            .commit(&transaction(1))
            .await
            .unwrap_err();
        assert!(matches!(error, CommitError::Unknown(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_commit_to_nobody_has_an_unknown_outcome() {
    let client = common::dynamodb_client(([127, 0, 0, 1], 1).into()).await;
    let error = DynamoStore::new(&client, "")
        .commit(&transaction(1))
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn reads_are_throttled_or_unavailable() {
    let query = Query {
        table: "orders",
        partition: "p".into(),
        sort_prefix: String::new(),
        after: None,
        limit: 1,
    };
    for (status, code, throttled) in [
        (400, "ThrottlingException", true),
        (400, "ProvisionedThroughputExceededException", true),
        (500, "InternalServerError", false),
        (400, "ValidationException", false),
        (400, "AccessDeniedException", false),
    ] {
        let service = FaultyService::start([(status, fault(code))]).await;
        let store = service.store().await;
        let errors = [
            store.load(&[key("p")]).await.unwrap_err(),
            store.query(&query).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(
                matches!(error, StoreError::Throttled(_)),
                throttled,
                "{code}: {error:?}"
            );
        }
        assert_eq!(service.calls(), 2, "{code}");
    }
}

fn item(partition: &str) -> Value {
    json!({"pk": {"S": partition}, "sk": {"S": "-"}, "_v": {"N": "1"}})
}

fn unprocessed(partition: &str) -> Value {
    json!({"orders": {"Keys": [{"pk": {"S": partition}, "sk": {"S": "-"}}]}})
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again_consistently() {
    let answers = [
        json!({"Responses": {"orders": [item("b")]}, "UnprocessedKeys": unprocessed("a")}),
        json!({"Responses": {}, "UnprocessedKeys": unprocessed("a")}),
        json!({"Responses": {"orders": [item("a")]}, "UnprocessedKeys": {}}),
    ];
    let service = FaultyService::start(answers.map(|answer| (200, answer))).await;
    let loaded = service
        .store()
        .await
        .load(&[key("a"), key("c"), key("b")])
        .await
        .unwrap();
    let found: Vec<bool> = loaded.iter().map(Option::is_some).collect();
    assert_eq!(found, [true, false, true]);

    let requests = service.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|r| r["RequestItems"]["orders"]["ConsistentRead"] == true)
    );
    assert_eq!(
        requests[2]["RequestItems"]["orders"]["Keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_throttled_in_the_end() {
    let never = json!({"Responses": {}, "UnprocessedKeys": unprocessed("a")});
    let service = FaultyService::start([(200, never)]).await;
    let error = service.store().await.load(&[key("a")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Throttled(_)), "{error:?}");
    assert_eq!(service.calls(), usize::try_from(LOAD_ROUNDS_MAX).unwrap());
}

fn letter(number: u128) -> DeadLetter {
    DeadLetter {
        id: Uuid::from_u128(number),
        function: "order-created",
        code: "invalid_value",
        causes: vec!["the event is invalid".into()],
        attempts: 1,
        first_failed_at: Timestamp::from_ms(0),
        last_failed_at: Timestamp::from_ms(0),
        event_type: None,
        schema_version: "1.0".into(),
        code_version: "0.1.0".into(),
        trace_id: None,
        key_hash: None,
        cluster: "c".into(),
        position: None,
        topic_partition: "orders.v1-3".into(),
        record: RawValue::from_string("{}".into()).unwrap(),
    }
}

async fn send(answers: impl IntoIterator<Item = (u16, Value)>) -> (Vec<bool>, usize) {
    let service = FaultyService::start(answers).await;
    let client = aws_sdk_sqs::Client::new(&common::sdk_config(service.address).await);
    let port = SqsDeadLetters::new(&client, format!("http://{}/1/q", service.address));
    let sent = port.send(&[letter(1), letter(2), letter(3)]).await;
    (sent.iter().map(Result::is_ok).collect(), service.calls())
}

fn taken(id: &str) -> Value {
    json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": "x"})
}

#[tokio::test]
async fn each_letters_own_result_counts() {
    let refused = json!({"Id": "1", "Code": "InternalError", "SenderFault": false});
    let answer = json!({"Successful": [taken("0"), taken("2")], "Failed": [refused]});
    assert_eq!(send([(200, answer)]).await, (vec![true, false, true], 1));
}

#[tokio::test]
async fn a_letter_without_a_result_counts_as_unsent() {
    let answer = json!({"Successful": [taken("0")], "Failed": []});
    assert_eq!(send([(200, answer)]).await.0, [true, false, false]);
}

#[tokio::test]
async fn a_failing_queue_is_tried_again_within_bounds() {
    let everything = json!({"Successful": [taken("0"), taken("1"), taken("2")], "Failed": []});
    let outage = || {
        (
            500,
            json!({"__type": "InternalError", "message": "as told"}),
        )
    };
    assert_eq!(
        send([outage(), (200, everything)]).await,
        (vec![true; 3], 2)
    );
    assert_eq!(send([outage()]).await, (vec![false; 3], 3));
}
