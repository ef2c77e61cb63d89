//! The local Lambda with a real function process, through both of its APIs.
//!
//! What happens to environments that are killed from outside is in `kills`.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod kills;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use local_platform::lambda::{LambdaOptions, LogLine, LogStream, PAYLOAD_BYTES_MAX};
use local_platform::{Function, Invocation, InvokeError, LambdaError, LocalLambda};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

const NAME: &str = "probe";

/// How long any one thing in these tests may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn probe() -> Function {
    let timeout = Duration::from_secs(20);
    Function {
        timeout,
        ..Function::new(NAME, env!("CARGO_BIN_EXE_probe-function"))
    }
}

fn probe_with_init(how: &str) -> Function {
    let environment = BTreeMap::from([("PROBE_INIT".to_owned(), how.to_owned())]);
    Function {
        environment,
        ..probe()
    }
}

async fn lambda(function: Function) -> LocalLambda {
    LocalLambda::start(0, vec![function]).await.unwrap()
}

async fn invoke(lambda: &LocalLambda, command: Value) -> Invocation {
    timeout(PATIENCE, lambda.invoke(NAME, command.to_string()))
        .await
        .unwrap()
        .unwrap()
}

async fn describe(lambda: &LocalLambda) -> Value {
    document(&invoke(lambda, json!({"do": "describe"})).await)
}

fn document(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap()
}

fn error_type(invocation: &Invocation) -> String {
    assert_eq!(invocation.status, 200);
    assert_eq!(invocation.function_error.as_deref(), Some("Unhandled"));
    document(invocation)["errorType"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A local Lambda whose functions' lines come out of the channel.
async fn lambda_with_logs(function: Function) -> (LocalLambda, mpsc::UnboundedReceiver<LogLine>) {
    let (sender, lines) = mpsc::unbounded_channel();
    let logs = Arc::new(move |line: LogLine| {
        if sender.send(line).is_err() {
            // The test is over and its function still writes.
        }
    });
    let options = LambdaOptions {
        logs,
        ..LambdaOptions::default()
    };
    (
        LocalLambda::start_with(0, vec![function], options)
            .await
            .unwrap(),
        lines,
    )
}

/// Waits for the line the probe writes when it begins to sleep: the URL of its answer.
async fn sleeping(lines: &mut mpsc::UnboundedReceiver<LogLine>) -> String {
    loop {
        let line = timeout(PATIENCE, lines.recv()).await.unwrap().unwrap();
        if let Some(url) = line.text.strip_prefix("sleeping ") {
            assert_eq!(
                (line.function.as_str(), line.stream),
                (NAME, LogStream::Stdout)
            );
            return url.to_owned();
        }
    }
}

#[tokio::test]
async fn a_function_answers_and_is_reused_warm() {
    let lambda = lambda(probe()).await;
    let echoed = invoke(&lambda, json!({"hello": "world"})).await;
    assert!(echoed.is_success());
    assert_eq!(document(&echoed), json!({"hello": "world"}));
    let described = describe(&lambda).await;
    assert_eq!(described["served"], 2);
    let stats = lambda.stats()[NAME];
    assert_eq!((stats.environments_started, stats.invocations), (1, 2));
    assert_eq!(
        (stats.environments_running, stats.environments_idle),
        (1, 1)
    );
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_function_is_told_what_lambda_tells_it_and_nothing_of_the_shell() {
    let mut function = probe_with_init("none");
    function.memory_mb = 256;
    let lambda = lambda(function).await;
    let described = describe(&lambda).await;
    let environment = &described["environment"];
    for (name, value) in [
        ("_HANDLER", "bootstrap"),
        ("AWS_LAMBDA_FUNCTION_NAME", NAME),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/probe"),
        ("AWS_REGION", "us-east-1"),
        ("PROBE_INIT", "none"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert_eq!(environment["CARGO_MANIFEST_DIR"], Value::Null);
    let head = described["head"].as_str().unwrap();
    for header in [
        "lambda-runtime-aws-request-id: ",
        "lambda-runtime-deadline-ms: ",
        "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:probe",
        "lambda-runtime-trace-id: Root=1-",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
}

#[tokio::test]
async fn an_empty_payload_reaches_the_function_as_an_empty_object() {
    let lambda = lambda(probe()).await;
    let echoed = lambda.invoke(NAME, Vec::new()).await.unwrap();
    assert_eq!(echoed.payload, b"{}");
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_the_next_invocation_starts_afresh() {
    let function = Function {
        timeout: Duration::from_secs(1),
        environments_max: 1,
        ..probe()
    };
    let lambda = lambda(function).await;
    let before = describe(&lambda).await;
    let timed_out = invoke(&lambda, json!({"do": "sleep", "seconds": 60})).await;
    assert_eq!(error_type(&timed_out), "Sandbox.Timedout");
    let message = document(&timed_out)["errorMessage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.starts_with("RequestId: "), "{message}");
    assert!(
        message.ends_with(" Error: Task timed out after 1.00 seconds"),
        "{message}"
    );
    let after = describe(&lambda).await;
    assert_ne!(before["pid"], after["pid"]);
    assert_eq!(after["served"], 1);
    assert_eq!(lambda.stats()[NAME].timeouts, 1);
}

#[tokio::test]
async fn a_function_that_exits_fails_its_invocation_only() {
    let lambda = lambda(Function {
        environments_max: 1,
        ..probe()
    })
    .await;
    let crashed = invoke(&lambda, json!({"do": "exit"})).await;
    assert_eq!(error_type(&crashed), "Runtime.ExitError");
    let message = document(&crashed)["errorMessage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.ends_with("Error: Runtime exited with error: exit status 7"),
        "{message}"
    );
    assert!(invoke(&lambda, json!({})).await.is_success());
}

#[tokio::test]
async fn a_function_that_exits_after_its_answer_costs_the_next_invocation_nothing() {
    let lambda = lambda(Function {
        environments_max: 1,
        ..probe()
    })
    .await;
    for _ in 0..5 {
        let answered = invoke(&lambda, json!({"do": "answer-then-exit"})).await;
        assert_eq!(document(&answered), json!({"answered": true}));
    }
}

#[tokio::test]
async fn an_error_of_the_function_is_passed_on_and_the_environment_stays() {
    let lambda = lambda(probe()).await;
    let failed = invoke(&lambda, json!({"do": "error"})).await;
    assert_eq!(error_type(&failed), "Probe.Error");
    assert_eq!(describe(&lambda).await["served"], 2);
    assert_eq!(lambda.stats()[NAME].function_errors, 1);
}

#[tokio::test]
async fn an_init_that_fails_exits_or_hangs_fails_the_invocation() {
    let failed = lambda(probe_with_init("error")).await;
    assert_eq!(error_type(&invoke(&failed, json!({})).await), "Probe.Init");
    let exited = lambda(probe_with_init("exit")).await;
    assert_eq!(
        error_type(&invoke(&exited, json!({})).await),
        "Runtime.ExitError"
    );
    let options = LambdaOptions {
        init_timeout: Duration::from_millis(300),
        ..LambdaOptions::default()
    };
    let hung = LocalLambda::start_with(0, vec![probe_with_init("sleep")], options)
        .await
        .unwrap();
    let invocation = invoke(&hung, json!({})).await;
    assert_eq!(error_type(&invocation), "Sandbox.Timedout");
    let message = document(&invocation)["errorMessage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.ends_with("Init timed out after 0.30 seconds"),
        "{message}"
    );
}

#[tokio::test]
async fn a_binary_that_is_not_there_fails_the_invocation() {
    let lambda = lambda(Function::new(NAME, "no/such/bootstrap")).await;
    let failed = invoke(&lambda, json!({})).await;
    assert_eq!(error_type(&failed), "Runtime.InvalidEntrypoint");
}

#[tokio::test]
async fn a_response_that_is_too_large_is_a_function_error() {
    let lambda = lambda(probe()).await;
    let failed = invoke(&lambda, json!({"do": "large"})).await;
    assert_eq!(error_type(&failed), "Function.ResponseSizeTooLarge");
    assert_eq!(describe(&lambda).await["served"], 2);
}

#[tokio::test]
async fn more_invocations_than_environments_are_throttled() {
    let (lambda, mut lines) = lambda_with_logs(Function {
        environments_max: 2,
        ..probe()
    })
    .await;
    let sleep = || invoke(&lambda, json!({"do": "sleep", "seconds": 2.0}));
    let client = reqwest::Client::new();
    let third = async {
        sleeping(&mut lines).await;
        sleeping(&mut lines).await;
        let throttled = lambda.invoke(NAME, "{}").await;
        let error = InvokeError::Throttled {
            name: NAME.to_owned(),
            environments_max: 2,
        };
        assert_eq!(throttled, Err(error));
        let response = client
            .post(lambda.url(NAME))
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(
            response.headers()["x-amzn-errortype"],
            "TooManyRequestsException"
        );
        let document: Value = response.json().await.unwrap();
        assert_eq!(document["Type"], "User");
    };
    let (first, second, ()) = tokio::join!(sleep(), sleep(), third);
    assert!(first.is_success() && second.is_success());
    let stats = lambda.stats()[NAME];
    assert_eq!((stats.environments_started, stats.throttled), (2, 2));
    assert!(invoke(&lambda, json!({})).await.is_success());
}

#[tokio::test]
async fn answers_to_invocations_that_are_over_or_given_up_are_refused() {
    let function = Function {
        timeout: Duration::from_secs(1),
        ..probe()
    };
    let (lambda, mut lines) = lambda_with_logs(function).await;
    let client = reqwest::Client::new();
    let answered = describe(&lambda).await["answer_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let response = client.post(&answered).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["errorType"], "InvalidRequestID");
    let sleep = invoke(&lambda, json!({"do": "sleep", "seconds": 60}));
    let (timed_out, given_up) = tokio::join!(sleep, sleeping(&mut lines));
    assert_eq!(error_type(&timed_out), "Sandbox.Timedout");
    let late = client.post(&given_up).body("{}").send().await.unwrap();
    assert_eq!(late.status(), 403);
}

#[tokio::test]
async fn an_answer_to_the_invocation_before_is_not_taken_for_the_running_one() {
    let (lambda, mut lines) = lambda_with_logs(probe()).await;
    let before = describe(&lambda).await["answer_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let sleep = invoke(&lambda, json!({"do": "sleep", "seconds": 1.0}));
    let late = async {
        let running = sleeping(&mut lines).await;
        assert_eq!(running.split("/2018").next(), before.split("/2018").next());
        let post = reqwest::Client::new().post(&before).body("\"late\"");
        assert_eq!(post.send().await.unwrap().status(), 400);
    };
    let (slept, ()) = tokio::join!(sleep, late);
    assert_eq!(document(&slept), json!({"slept": 1.0}));
}

#[tokio::test]
async fn work_cannot_be_asked_for_while_an_answer_is_owed() {
    let lambda = lambda(probe()).await;
    let refused = invoke(&lambda, json!({"do": "next-without-answer"})).await;
    assert_eq!(document(&refused), json!({"status": 403}));
}

#[tokio::test]
async fn the_invoke_api_answers_as_lambda_does() {
    let lambda = lambda(probe()).await;
    let client = reqwest::Client::new();
    let post = |url: String, body: Vec<u8>| client.post(url).body(body).send();
    let echoed = post(lambda.url(NAME), b"[1]".to_vec()).await.unwrap();
    assert_eq!(echoed.status(), 200);
    assert_eq!(echoed.headers()["x-amz-executed-version"], "$LATEST");
    assert!(!echoed.headers().contains_key("x-amz-function-error"));
    assert_eq!(echoed.bytes().await.unwrap(), "[1]");
    let failed = post(lambda.url(NAME), br#"{"do":"error"}"#.to_vec())
        .await
        .unwrap();
    assert_eq!(failed.status(), 200);
    assert_eq!(failed.headers()["x-amz-function-error"], "Unhandled");
    let unknown = post(lambda.url("unknown"), Vec::new()).await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        unknown.headers()["x-amzn-errortype"],
        "ResourceNotFoundException"
    );
    let not_json = post(lambda.url(NAME), b"{".to_vec()).await.unwrap();
    assert_eq!(not_json.status(), 400);
    let dry_run = client
        .post(lambda.url(NAME))
        .header("X-Amz-Invocation-Type", "DryRun");
    assert_eq!(dry_run.send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_payload_of_6_mib_is_taken_and_one_more_byte_is_refused() {
    let lambda = lambda(probe()).await;
    let payload = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    let largest = lambda
        .invoke(NAME, payload(PAYLOAD_BYTES_MAX))
        .await
        .unwrap();
    assert_eq!(
        (largest.is_success(), largest.payload.len()),
        (true, PAYLOAD_BYTES_MAX)
    );
    let body = payload(PAYLOAD_BYTES_MAX + 1);
    let response = reqwest::Client::new()
        .post(lambda.url(NAME))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "RequestTooLargeException"
    );
}

#[tokio::test]
async fn a_shutdown_gives_up_what_runs_and_frees_the_port() {
    let (lambda, mut lines) = lambda_with_logs(probe()).await;
    let port = lambda.address().port();
    let url = lambda.url(NAME);
    let caller = tokio::spawn(async move {
        let body = r#"{"do":"sleep","seconds":15}"#;
        reqwest::Client::new().post(url).body(body).send().await
    });
    sleeping(&mut lines).await;
    timeout(PATIENCE, lambda.shutdown()).await.unwrap();
    assert_eq!(caller.await.unwrap().unwrap().status(), 500);
    let again = LocalLambda::start(port, vec![probe()]).await.unwrap();
    assert_eq!(again.address().port(), port);
}

#[tokio::test]
async fn settings_that_lambda_would_refuse_are_refused_at_the_start() {
    let twice = LocalLambda::start(0, vec![probe(), probe()]).await;
    assert!(matches!(twice, Err(LambdaError::Duplicate { .. })));
    let none = Function {
        environments_max: 0,
        ..probe()
    };
    assert!(matches!(
        LocalLambda::start(0, vec![none]).await,
        Err(LambdaError::Function { .. })
    ));
}
