//! What comes again, from where on and how often.

use local_platform::StreamConfig;
use local_platform::stream::{StreamFault, StreamFaults};

use super::{
    Duration, PATIENCE, Table, TestFunction, Value, config, failed, json, sequence_number, sks,
    succeeded,
};

fn unfinished(sequence_numbers: &[&str]) -> Value {
    let all = sequence_numbers.iter();
    let all: Vec<_> = all.map(|it| json!({"itemIdentifier": it})).collect();
    json!({"batchItemFailures": all})
}

#[tokio::test]
async fn all_from_the_lowest_listed_sequence_number_on_comes_again() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..6).await;
    let function = TestFunction::new(|number, event| match number {
        1 => succeeded(&unfinished(&[
            sequence_number(event, 4),
            sequence_number(event, 2),
        ])),
        _ => succeeded(&json!({"batchItemFailures": []})),
    });
    let mapping = table.map(&function, config()).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches(), [sks(0..6), sks(2..6)]);
    assert_eq!(
        (metrics.batches_repeated, metrics.invocations_failed),
        (1, 0)
    );
}

#[tokio::test]
async fn a_function_error_brings_the_whole_batch_again_and_nothing_overtakes_it() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..6).await;
    let function = TestFunction::new(|number, _| match number {
        1..=3 => failed(),
        _ => succeeded(&Value::Null),
    });
    let three = StreamConfig {
        batch_size: 3,
        ..config()
    };
    let mapping = table.map(&function, three).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    let first = || sks(0..3);
    assert_eq!(
        function.batches(),
        [first(), first(), first(), first(), sks(3..6)]
    );
    assert_eq!(
        (metrics.batches_repeated, metrics.invocations_failed),
        (3, 3)
    );
}

#[tokio::test]
async fn an_answer_that_is_no_batch_response_brings_the_whole_batch_again() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..4).await;
    let function = TestFunction::new(|number, event| match number {
        1 => succeeded(&unfinished(&[
            sequence_number(event, 2),
            "100000000000000000000",
        ])),
        2 => succeeded(&json!({"statusCode": 200})),
        _ => succeeded(&json!({})),
    });
    let mapping = table.map(&function, config()).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches(), [sks(0..4), sks(0..4), sks(0..4)]);
    assert_eq!(metrics.invocations_failed, 2);
}

#[tokio::test]
async fn without_batch_item_failures_the_answer_does_not_matter() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..2).await;
    let function =
        TestFunction::new(|_, event| succeeded(&unfinished(&[sequence_number(event, 0)])));
    let report_batch_item_failures = false;
    let whole = StreamConfig {
        report_batch_item_failures,
        ..config()
    };
    let mapping = table.map(&function, whole).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches(), [sks(0..2)]);
}

#[tokio::test]
async fn a_batch_is_given_up_after_its_last_retry_and_progress_counts_anew() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..3).await;
    // The first is finished at the second try; the other two never are.
    let function = TestFunction::new(|number, event| match number {
        1 | 3 | 4 => failed(),
        2 => succeeded(&unfinished(&[sequence_number(event, 1)])),
        _ => succeeded(&Value::Null),
    });
    let bounded = StreamConfig {
        retry_attempts_max: Some(2),
        ..config()
    };
    let mapping = table.map(&function, bounded).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    table.put("lane#0", 3..4).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    let rest = || sks(1..3);
    let expected = [sks(0..3), sks(0..3), rest(), rest(), sks(3..4)];
    assert_eq!(function.batches(), expected);
    assert_eq!(metrics.records_dropped, 2);
}

#[tokio::test]
async fn faults_deliver_a_batch_twice_and_lose_an_answer() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..4).await;
    let function = TestFunction::finishing();
    let faults = [
        (1, StreamFault::DuplicateBatch),
        (4, StreamFault::LoseAnswer),
    ];
    let going_wrong = StreamConfig {
        batch_size: 2,
        faults: StreamFaults::planned(faults),
        ..config()
    };
    let mapping = table.map(&function, going_wrong).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    // The third invocation is the first of the second batch.
    assert_eq!(function.batches(), [sks(0..2), sks(0..2), sks(2..4)]);
    assert_eq!(
        (metrics.batches_repeated, metrics.invocations_failed),
        (1, 0)
    );
    table.put("lane#0", 4..6).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches().split_off(3), [sks(4..6), sks(4..6)]);
    assert_eq!(
        (metrics.batches_repeated, metrics.invocations_failed),
        (2, 1)
    );
}

#[tokio::test]
async fn a_stream_is_not_idle_while_its_function_fails_and_it_stops_all_the_same() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..1).await;
    let function = TestFunction::new(|_, _| failed());
    let mapping = table.map(&function, config()).await;
    let limit = Duration::from_millis(300);
    let busy = mapping.wait_until_idle(limit).await.unwrap_err();
    assert!(
        busy.to_string()
            .starts_with("the stream was not done after"),
        "{busy}"
    );
    let checkpoints = mapping.shutdown(PATIENCE).await;
    assert!(checkpoints.is_empty(), "{checkpoints:?}");
}

#[tokio::test]
async fn a_reader_that_breaks_off_begins_again_behind_what_is_done() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..4).await;
    let function = TestFunction::new(|number, _| {
        assert_ne!(number, 2, "on purpose");
        succeeded(&Value::Null)
    });
    let two = StreamConfig {
        batch_size: 2,
        ..config()
    };
    let mapping = table.map(&function, two).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches(), [sks(0..2), sks(2..4), sks(2..4)]);
}
