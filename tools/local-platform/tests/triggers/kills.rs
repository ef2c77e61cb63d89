//! A stream whose function is a real process that is killed while it has a batch.

use axum::body::Bytes;
use local_platform::lambda::{LambdaOptions, LogLine};
use local_platform::stream::InvokeFunction;
use local_platform::{
    Function, Invocation, InvokeError, Invoker, KilledWhile, LocalLambda, StreamMapping,
};
use tokio::sync::mpsc;

use super::{Arc, Duration, PATIENCE, Table, TestFunction, Value, config, json, sks};

/// The probe function, told what to do with each event by the test function's answer.
struct Probe {
    told: TestFunction,
    invoker: Invoker,
}

impl InvokeFunction for Probe {
    async fn invoke(&self, payload: Bytes) -> Result<Invocation, InvokeError> {
        let command = InvokeFunction::invoke(&self.told, payload).await?;
        InvokeFunction::invoke(&self.invoker, command.payload.into()).await
    }
}

#[tokio::test]
async fn a_batch_whose_function_is_killed_comes_again_and_the_stream_goes_on() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..4).await;
    let probe = Function {
        timeout: Duration::from_secs(30),
        ..Function::new("probe", env!("CARGO_BIN_EXE_probe-function"))
    };
    let (sender, mut lines) = mpsc::unbounded_channel();
    let logs = move |line: LogLine| {
        // A test that is over reads no more.
        sender.send(line.text).unwrap_or_default();
    };
    let options = LambdaOptions {
        logs: Arc::new(logs),
        ..LambdaOptions::default()
    };
    let lambda = LocalLambda::start_with(0, vec![probe], options).await;
    let lambda = lambda.unwrap();
    let told = TestFunction::new(|number, _| {
        let answer = json!({"do": "respond", "with": {"batchItemFailures": []}});
        let command: Value = match number {
            1 => json!({"do": "sleep", "seconds": 25}),
            2 => json!({"do": "error"}),
            _ => answer,
        };
        super::succeeded(&command)
    });
    let function = Probe {
        told: told.clone(),
        invoker: lambda.invoker("probe").unwrap(),
    };
    let mapping = StreamMapping::start(table.source(), function, config()).await;
    let mapping = mapping.unwrap();
    let asleep = async { while !lines.recv().await.unwrap().contains("sleeping") {} };
    tokio::time::timeout(PATIENCE, asleep).await.unwrap();
    let killed = lambda.kill_chosen("probe", 0).await;
    assert_eq!(killed, Some(KilledWhile::Invoked));
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    table.put("lane#0", 4..6).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(told.batches()[..3], [sks(0..4), sks(0..4), sks(0..4)]);
    assert_eq!(told.batches()[3..].concat(), sks(4..6));
    assert_eq!(
        (metrics.invocations_failed, metrics.batches_repeated),
        (2, 2)
    );
    mapping.shutdown(PATIENCE).await;
    lambda.shutdown().await;
}
