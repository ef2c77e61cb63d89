//! A whole mapping over a topic in memory and a function in this process, on a clock that only the mapping moves.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esm_emulator::memory::{MemoryOnFailure, MemoryTopic};
use esm_emulator::{
    Fault, FaultPlan, InvokeAnswer, InvokeError, InvokeFn, InvokeRequest, LagError, Mapping,
    MappingConfig, Metrics, NoOnFailure, Partial, ProvisionedPollers, SeededFaults,
    StartingPosition, Switches,
};
use serde_json::{Value, json};

const START_UNIX_MS: i64 = 1_790_000_000_000;
const IDLE_LIMIT: Duration = Duration::from_hours(1);

fn config() -> MappingConfig {
    let cluster = "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/1";
    MappingConfig {
        provisioned_pollers: Some(ProvisionedPollers {
            minimum_pollers: Some(1),
            ..ProvisionedPollers::default()
        }),
        report_batch_item_failures: true,
        ..MappingConfig::new(cluster, "order-created", "orders.v1")
    }
}

fn with_destination(retries: i64) -> MappingConfig {
    MappingConfig {
        maximum_retry_attempts: retries,
        on_failure_destination: Some("arn:aws:sqs:eu-central-1:111122223333:failed".to_owned()),
        ..config()
    }
}

fn topic(partitions: i32, records: i64) -> MemoryTopic {
    let topic = MemoryTopic::new(partitions);
    for n in 0..records {
        let partition = i32::try_from(n).unwrap() % partitions;
        topic.produce(partition, None, Some(n.to_string().as_bytes()));
    }
    topic
}

fn records(request: &InvokeRequest) -> Vec<(i64, i64)> {
    let event: Value = serde_json::from_slice(&request.event).unwrap();
    let groups = event["records"].as_object().unwrap().values();
    let records = groups.flat_map(|group| group.as_array().unwrap());
    records
        .map(|record| {
            (
                record["partition"].as_i64().unwrap(),
                record["offset"].as_i64().unwrap(),
            )
        })
        .collect()
}

fn listing(records: impl IntoIterator<Item = (i64, i64)>) -> InvokeAnswer {
    let entries = records.into_iter().map(|(partition, offset)| {
        json!({"itemIdentifier": {"partition": format!("orders.v1-{partition}"), "offset": offset}})
    });
    let entries: Vec<_> = entries.collect();
    InvokeAnswer::returned(json!({ "batchItemFailures": entries }).to_string())
}

/// Runs until everything produced is committed.
async fn run<F, A>(
    config: &MappingConfig,
    switches: Switches,
    topic: &MemoryTopic,
    on_failure: &MemoryOnFailure,
    function: F,
) -> Metrics
where
    F: Fn(InvokeRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Result<InvokeAnswer, InvokeError>> + Send + 'static,
{
    let source = topic.source(config);
    let mapping = Mapping::new(
        config,
        switches,
        source,
        InvokeFn(function),
        on_failure.clone(),
    )
    .unwrap();
    let handle = mapping.handle();
    let idle = async move { handle.wait_until_idle(IDLE_LIMIT).await.unwrap() };
    mapping.starting_at(START_UNIX_MS).run(idle).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_produced_is_invoked_and_committed() {
    let topic = topic(3, 1_000);
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = Arc::clone(&seen);
    let function = move |request: InvokeRequest| {
        sink.lock().unwrap().extend(records(&request));
        async { Ok(InvokeAnswer::returned("null")) }
    };
    let metrics = run(
        &config(),
        Switches::default(),
        &topic,
        &MemoryOnFailure::default(),
        function,
    )
    .await;
    assert_eq!(seen.lock().unwrap().len(), 1_000);
    assert_eq!(topic.committed(0), Some(334));
    assert_eq!(metrics.invoked_event_count, 1_000);
    assert_eq!(metrics.committed_event_count, 1_000);
    assert_eq!(metrics.sum_offset_lag, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_ends_in_a_document_and_nothing_else_does() {
    for (partial, dropped) in [(Partial::ListedOnly, 1), (Partial::FromLowestOffset, 1)] {
        let topic = topic(2, 100);
        let on_failure = MemoryOnFailure::default();
        let switches = Switches {
            partial,
            ..Switches::default()
        };
        let function = |request: InvokeRequest| async move {
            let poison = records(&request)
                .into_iter()
                .filter(|record| *record == (1, 49));
            Ok(listing(poison))
        };
        let metrics = run(
            &with_destination(3),
            switches,
            &topic,
            &on_failure,
            function,
        )
        .await;
        assert_eq!(metrics.dropped_event_count, dropped);
        assert_eq!(
            (topic.committed(0), topic.committed(1)),
            (Some(50), Some(50))
        );
        let messages = on_failure.messages();
        let document: Value = serde_json::from_str(&messages[0].body).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(document["requestContext"]["approximateInvokeCount"], 4);
        let range = &document["KafkaBatchInfo"]["recordsInfo"]["orders.v1-1"];
        assert_eq!(
            (&range["firstRecordOffset"], &range["lastRecordOffset"]),
            (&json!("49"), &json!("49"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_does_not_end_in_time_is_tried_again() {
    let topic = topic(1, 1);
    let calls = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&calls);
    let function = move |_request: InvokeRequest| {
        let call = {
            let mut calls = counter.lock().unwrap();
            *calls += 1;
            *calls
        };
        async move {
            if call == 1 {
                std::future::pending::<()>().await;
            }
            Ok(InvokeAnswer::returned("null"))
        }
    };
    let metrics = run(
        &config(),
        Switches::default(),
        &topic,
        &MemoryOnFailure::default(),
        function,
    )
    .await;
    assert_eq!(*calls.lock().unwrap(), 2);
    assert_eq!(metrics.invoke_error_count, 1);
}

#[tokio::test(start_paused = true)]
async fn forced_throttles_never_reach_the_function_and_forced_timeouts_do() {
    let topic = topic(1, 1);
    let calls = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&calls);
    let function = move |_request: InvokeRequest| {
        *counter.lock().unwrap() += 1;
        async { Ok(InvokeAnswer::returned("null")) }
    };
    let faults = FaultPlan::planned([(1, Fault::Throttle), (2, Fault::Timeout)]);
    let switches = Switches {
        faults,
        ..Switches::default()
    };
    let metrics = run(
        &config(),
        switches,
        &topic,
        &MemoryOnFailure::default(),
        function,
    )
    .await;
    assert_eq!(metrics.invoke_error_count, 2);
    assert_eq!(*calls.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_mapping_finishes_its_invocation_and_commits() {
    let topic = topic(1, 10);
    let config = MappingConfig {
        batch_size: 4,
        ..config()
    };
    let started = Arc::new(tokio::sync::Notify::new());
    let signal = Arc::clone(&started);
    let function = InvokeFn(move |_request: InvokeRequest| {
        signal.notify_one();
        async {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Ok(InvokeAnswer::returned("null"))
        }
    });
    let source = topic.source(&config);
    let mapping =
        Mapping::new(&config, Switches::default(), source, function, NoOnFailure).unwrap();
    let handle = mapping.handle();
    let metrics = mapping
        .run(async move { started.notified().await })
        .await
        .unwrap();
    assert_eq!(topic.committed(0), Some(4));
    assert_eq!(metrics.committed_event_count, 4);
    assert_eq!(handle.metrics(), metrics);
    assert!(matches!(handle.lag().await, Err(LagError::NotRunning)));
}

#[tokio::test(start_paused = true)]
async fn the_next_run_goes_on_from_the_committed_offset() {
    let topic = topic(1, 5);
    let on_failure = MemoryOnFailure::default();
    let function = |_request: InvokeRequest| async { Ok(InvokeAnswer::returned("null")) };
    run(
        &config(),
        Switches::default(),
        &topic,
        &on_failure,
        function,
    )
    .await;
    topic.produce(0, None, None);
    let again = MappingConfig {
        starting_position: StartingPosition::Latest,
        ..config()
    };
    let function = |request: InvokeRequest| async move {
        assert_eq!(records(&request), [(0, 5)]);
        Ok(InvokeAnswer::returned("null"))
    };
    let metrics = run(&again, Switches::default(), &topic, &on_failure, function).await;
    assert_eq!(metrics.polled_event_count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_mapping_reads_nothing() {
    let topic = topic(1, 5);
    let config = MappingConfig {
        enabled: false,
        ..config()
    };
    let function = |_request: InvokeRequest| async { Ok(InvokeAnswer::returned("null")) };
    let source = topic.source(&config);
    let mapping = Mapping::new(
        &config,
        Switches::default(),
        source,
        InvokeFn(function),
        NoOnFailure,
    )
    .unwrap();
    let metrics = mapping
        .run(tokio::time::sleep(Duration::from_mins(1)))
        .await
        .unwrap();
    assert_eq!(metrics, Metrics::default());
}

/// Everything a function saw of each record, and what was in flight.
#[derive(Default)]
struct Witness {
    succeeded: BTreeMap<(i64, i64), u32>,
    calls: u64,
}

/// Faults of all kinds and a function that fails in its own ways: nothing is lost, whatever the seed.
#[tokio::test(start_paused = true)]
async fn under_seeded_faults_every_record_succeeds_at_least_once_or_has_a_document() {
    let seeds = std::env::var("SEED").map_or_else(
        |_absent| (0..30).collect::<Vec<u64>>(),
        |seed| vec![seed.parse().unwrap()],
    );
    for seed in seeds {
        println!("SEED={seed}");
        under_faults(seed).await;
    }
}

async fn under_faults(seed: u64) {
    const RECORDS: i64 = 600;
    let topic = topic(4, RECORDS);
    let witness = Arc::new(Mutex::new(Witness::default()));
    let sink = Arc::clone(&witness);
    let function = move |request: InvokeRequest| {
        let given = records(&request);
        let mut witness = sink.lock().unwrap();
        witness.calls += 1;
        let luck =
            (witness.calls.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed).wrapping_mul(31) >> 32;
        let failed: BTreeSet<_> = match luck % 4 {
            0 => given
                .iter()
                .copied()
                .filter(|(_, offset)| offset % 7 == 0)
                .collect(),
            _ => BTreeSet::new(),
        };
        let answer = match luck % 11 {
            0 => InvokeAnswer::failed(),
            1 => InvokeAnswer::returned("\"no batch response\""),
            _ => {
                for record in given.iter().filter(|record| !failed.contains(record)) {
                    *witness.succeeded.entry(*record).or_default() += 1;
                }
                listing(failed)
            }
        };
        let pause = Duration::from_millis(luck % 50);
        async move {
            tokio::time::sleep(pause).await;
            Ok(answer)
        }
    };
    let kinds = vec![
        Fault::DuplicateBatch,
        Fault::KillBeforeCommit,
        Fault::Timeout,
        Fault::Throttle,
        Fault::Rebalance,
    ];
    let faults = FaultPlan::seeded(SeededFaults {
        seed,
        per_thousand: 150,
        kinds,
    });
    let partial = [Partial::ListedOnly, Partial::FromLowestOffset][usize::from(seed % 2 == 1)];
    let switches = Switches {
        faults,
        partial,
        ..Switches::default()
    };
    let config = MappingConfig {
        batch_size: 20,
        bisect_batch_on_function_error: seed.is_multiple_of(3),
        ..with_destination(2)
    };
    let on_failure = MemoryOnFailure::default();
    let metrics = run(&config, switches, &topic, &on_failure, function).await;

    let given_up = given_up(&on_failure);
    let witness = witness.lock().unwrap();
    for n in 0..RECORDS {
        let record = (n % 4, n / 4);
        assert!(
            witness.succeeded.contains_key(&record) || given_up.contains(&record),
            "{record:?} is lost"
        );
    }
    for partition in 0..4 {
        assert_eq!(topic.committed(partition), Some(RECORDS / 4));
    }
    assert_eq!(metrics.sum_offset_lag, 0);
}

fn given_up(on_failure: &MemoryOnFailure) -> BTreeSet<(i64, i64)> {
    let number = |text: &Value| text.as_str().unwrap().parse::<i64>().unwrap();
    let mut given_up = BTreeSet::new();
    for message in on_failure.messages() {
        let document: Value = serde_json::from_str(&message.body).unwrap();
        for (key, range) in document["KafkaBatchInfo"]["recordsInfo"]
            .as_object()
            .unwrap()
        {
            let partition: i64 = key.rsplit('-').next().unwrap().parse().unwrap();
            let offsets = number(&range["firstRecordOffset"])..=number(&range["lastRecordOffset"]);
            given_up.extend(offsets.map(|offset| (partition, offset)));
        }
    }
    given_up
}
