//! A mapping over librdkafka's mock cluster: real protocol, real offsets, a function in this process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esm_emulator::{
    CommitPosition, EndOffsets, Fault, FaultPlan, InvokeAnswer, InvokeFn, InvokeRequest,
    KafkaSource, Mapping, MappingConfig, MappingError, Metrics, NoOnFailure, PartitionStart,
    Record, Source, SourceError, StartingPosition, Switches,
};
use futures_util::future::join_all;

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaRespErr;
use serde_json::{Value, json};

const TOPIC: &str = "orders.v1";
const PARTITIONS: i32 = 3;
const IDLE_LIMIT: Duration = Duration::from_secs(30);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    cluster
}

fn config() -> MappingConfig {
    let cluster = "arn:aws:kafka:eu-central-1:111122223333:cluster/orders/1";
    MappingConfig {
        consumer_group_id: Some("orders-sink-v1".to_owned()),
        maximum_batching_window_seconds: Some(0),
        ..MappingConfig::new(cluster, "order-created", TOPIC)
    }
}

/// Produces records of 1,000 at a time.
async fn produce(cluster: &Cluster, numbers: std::ops::Range<i32>) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .create()
        .unwrap();
    let numbers: Vec<_> = numbers.collect();
    for numbers in numbers.chunks(1_000) {
        join_all(numbers.iter().map(|n| produce_one(&producer, *n))).await;
    }
}

async fn produce_one(producer: &FutureProducer, n: i32) {
    let (key, value) = (format!("key-{n}"), format!("{{\"n\":{n}}}"));
    let city = Header {
        key: "city",
        value: Some("Zoë"),
    };
    let record = FutureRecord::to(TOPIC)
        .partition(n % PARTITIONS)
        .key(&key)
        .payload(&value)
        .timestamp(1_790_000_000_000)
        .headers(OwnedHeaders::new().insert(city));
    producer
        .send(record, Duration::from_secs(10))
        .await
        .unwrap();
}

async fn run(cluster: &Cluster, config: &MappingConfig) -> (Metrics, Vec<Value>) {
    let source = KafkaSource::new(&cluster.bootstrap_servers(), config, &BTreeMap::new()).unwrap();
    run_over(source, config, Switches::default(), || false).await
}

/// Runs until idle and returns the metrics and every record the function saw; it answers when it is no longer held.
async fn run_over(
    source: impl Source,
    config: &MappingConfig,
    switches: Switches,
    held: impl Fn() -> bool + Clone + Send + Sync + 'static,
) -> (Metrics, Vec<Value>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let function = InvokeFn(move |request: InvokeRequest| {
        let mut event: Value = serde_json::from_slice(&request.event).unwrap();
        for group in event["records"].as_object_mut().unwrap().values_mut() {
            sink.lock().unwrap().append(group.as_array_mut().unwrap());
        }
        let held = held.clone();
        async move {
            while held() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(InvokeAnswer::returned("null"))
        }
    });
    let mapping = Mapping::new(config, switches, source, function, NoOnFailure).unwrap();
    let handle = mapping.handle();
    let idle = async move { handle.wait_until_idle(IDLE_LIMIT).await.unwrap() };
    let metrics = mapping.run(idle).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    (metrics, seen)
}

fn positions(seen: &[Value]) -> BTreeSet<(Option<i64>, Option<i64>)> {
    seen.iter()
        .map(|record| (record["partition"].as_i64(), record["offset"].as_i64()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_cluster_reach_the_function_once_and_are_committed() {
    let cluster = cluster();
    produce(&cluster, 0..300).await;
    let (metrics, seen) = run(&cluster, &config()).await;
    assert_eq!((seen.len(), positions(&seen).len()), (300, 300));
    assert_eq!(metrics.committed_event_count, 300);
    let first = seen
        .iter()
        .find(|record| record["partition"] == 0 && record["offset"] == 0)
        .unwrap();
    assert_eq!(
        *first,
        json!({
            "topic": TOPIC, "partition": 0, "offset": 0,
            "timestamp": 1_790_000_000_000_i64, "timestampType": "CREATE_TIME",
            "key": "a2V5LTA=", "value": "eyJuIjowfQ==",
            "headers": [{"city": [90, 111, -61, -85]}],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_offsets_of_the_group_win_over_the_starting_position() {
    let cluster = cluster();
    produce(&cluster, 0..30).await;
    run(&cluster, &config()).await;
    produce(&cluster, 30..36).await;
    for starting_position in [StartingPosition::Latest, StartingPosition::TrimHorizon] {
        let config = MappingConfig {
            starting_position,
            ..config()
        };
        let (_, seen) = run(&cluster, &config).await;
        let expected = if starting_position == StartingPosition::Latest {
            6
        } else {
            0
        };
        assert_eq!(seen.len(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_begins_behind_what_is_there() {
    let cluster = cluster();
    produce(&cluster, 0..30).await;
    let config = MappingConfig {
        starting_position: StartingPosition::Latest,
        ..config()
    };
    let (metrics, seen) = run(&cluster, &config).await;
    assert_eq!((metrics.polled_event_count, seen.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_that_dies_before_its_commit_reads_its_records_again() {
    let cluster = cluster();
    produce(&cluster, 0..30).await;
    let faults = FaultPlan::planned([(1, Fault::KillBeforeCommit), (2, Fault::Rebalance)]);
    let switches = Switches {
        faults,
        ..Switches::default()
    };
    let source =
        KafkaSource::new(&cluster.bootstrap_servers(), &config(), &BTreeMap::new()).unwrap();
    let (metrics, seen) = run_over(source, &config(), switches, || false).await;
    assert_eq!(positions(&seen).len(), 30);
    assert!(seen.len() > 30, "{}", seen.len());
    assert_eq!(metrics.committed_event_count, 30);
}

/// A source that counts how often a partition was paused.
struct Watched(KafkaSource, Arc<AtomicUsize>);

impl Source for Watched {
    fn bootstrap_servers(&self) -> String {
        self.0.bootstrap_servers()
    }

    async fn assign(&mut self) -> Result<Vec<PartitionStart>, SourceError> {
        self.0.assign().await
    }

    async fn poll(&mut self, records_max: usize) -> Result<Vec<Record>, SourceError> {
        self.0.poll(records_max).await
    }

    fn set_paused(&mut self, partition: i32, paused: bool) -> Result<(), SourceError> {
        self.1.fetch_add(usize::from(paused), Ordering::Relaxed);
        self.0.set_paused(partition, paused)
    }

    async fn commit(&mut self, positions: &[CommitPosition]) -> Result<(), SourceError> {
        self.0.commit(positions).await
    }

    fn end_offsets(&self) -> EndOffsets {
        self.0.end_offsets()
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        self.0.close().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_function_holds_the_consumer_back_and_loses_nothing() {
    let cluster = cluster();
    produce(&cluster, 0..45_000).await;
    let config = MappingConfig {
        batch_size: 1_000,
        ..config()
    };
    let source = KafkaSource::new(&cluster.bootstrap_servers(), &config, &BTreeMap::new()).unwrap();
    let paused = Arc::new(AtomicUsize::new(0));
    let source = Watched(source, Arc::clone(&paused));
    let held = move || paused.load(Ordering::Relaxed) == 0;
    let (_, seen) = run_over(source, &config, Switches::default(), held).await;
    assert_eq!((seen.len(), positions(&seen).len()), (45_000, 45_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_paused_when_its_poller_dies_is_read_to_its_end() {
    let cluster = cluster();
    produce(&cluster, 0..45_000).await;
    let config = MappingConfig {
        batch_size: 1_000,
        ..config()
    };
    let switches = Switches {
        faults: FaultPlan::planned([(1, Fault::KillBeforeCommit)]),
        ..Switches::default()
    };
    let source = KafkaSource::new(&cluster.bootstrap_servers(), &config, &BTreeMap::new()).unwrap();
    let paused = Arc::new(AtomicUsize::new(0));
    let source = Watched(source, Arc::clone(&paused));
    let held = move || paused.load(Ordering::Relaxed) == 0;
    let (metrics, seen) = run_over(source, &config, switches, held).await;
    assert_eq!(positions(&seen).len(), 45_000);
    assert_eq!(metrics.committed_event_count, 45_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_read_is_an_error_with_its_cause() {
    let (cluster, config) = (cluster(), config());
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.topic_error(TOPIC, denied).unwrap();
    let source = KafkaSource::new(&cluster.bootstrap_servers(), &config, &BTreeMap::new()).unwrap();
    let function = InvokeFn(|_request| async { Ok(InvokeAnswer::returned("null")) });
    let mapping =
        Mapping::new(&config, Switches::default(), source, function, NoOnFailure).unwrap();
    let error = mapping.run(std::future::pending::<()>()).await.unwrap_err();
    let MappingError::Assign(cause) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        cause.to_string(),
        "cannot read the partitions and offsets of the topic"
    );
    let cause = std::error::Error::source(cause).unwrap().to_string();
    assert!(cause.contains("authorization failed"), "{cause}");
}
