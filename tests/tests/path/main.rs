//! The whole path of a record: Kafka, the event source mapping, the Invoke API, the real function, its
//! tables and its queue, disturbed on purpose.
//!
//! `workload` is what is produced, `observed` a look at the function's answers.
//! What a single event comes to is in `samples.rs`; here it is that nothing is lost and nothing happens twice.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod observed;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use esm_emulator::{
    Fault, FaultPlan, HttpInvoke, KafkaSource, Mapping, MappingConfig, Metrics, NoOnFailure,
    Partial, ProvisionedPollers, SqsOnFailure, Switches,
};
use local_platform::{Function, LocalKafka, LocalLambda, Topic};
use system_tests::picture::{Messages, Picture};
use system_tests::system::System;
use system_tests::topic::{self, Position};
use system_tests::{binaries, wait_until};

use observed::{Observed, Seen};
use workload::{ORDERS, SCARCE, SCARCE_PIECES, Workload};

const CLUSTER: &str = "arn:aws:kafka:us-east-1:000000000000:cluster/orders/5f3c0a52-s1";
const FUNCTION: &str = "order-created";
const GROUP: &str = "order-created.v1";
const TOPIC: &str = "order.order.created";
const PARTITIONS: i32 = 6;

/// Records of one invocation: few, so that there are many.
const BATCH_RECORDS: i64 = 10;
/// How long a condition may take to come true.
const LIMIT: Duration = Duration::from_mins(1);
/// How long the mapping waits for an answer; longer than the function may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_where_the_listed_records_come_back() {
    let switches = switches(Partial::ListedOnly);
    let run = disturbed_run(provisioned(), switches, |seen| seen.lists() > 0).await;
    run.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_where_all_from_the_lowest_offset_come_back() {
    let switches = switches(Partial::FromLowestOffset);
    let run = disturbed_run(provisioned(), switches, |seen| seen.lists() > 0).await;
    run.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_where_lists_are_ignored() {
    let switches = switches(Partial::ListedOnly);
    let run = disturbed_run(on_demand(), switches, |seen| seen.refusals() > 0).await;
    assert_eq!(
        run.seen.lists(),
        0,
        "a list that is ignored loses what it names"
    );
    run.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_down_for_good_leaves_a_document_of_what_it_missed() {
    const RECORDS: i64 = 5;
    let system = System::start().await;
    // The deployment forgot every setting, so the process ends before it asks for work.
    let function = Function::new(FUNCTION, binaries::function(FUNCTION));
    let lambda = LocalLambda::start(0, vec![function]).await.unwrap();
    let kafka = LocalKafka::start(&[Topic::new(TOPIC, 1)]).unwrap();
    let value = || Some("{}".to_owned());
    let records = (0..RECORDS).map(|n| (0, format!("o-{n}"), value()));
    topic::produce(&kafka, TOPIC, records.collect()).await;
    let config = MappingConfig {
        maximum_retry_attempts: 2,
        on_failure_destination: Some(system.queue_arn()),
        bisect_batch_on_function_error: false,
        ..provisioned()
    };
    let source = KafkaSource::new(kafka.bootstrap_servers(), &config, &BTreeMap::new()).unwrap();
    let invoke = HttpInvoke::new(&lambda.endpoint(), ANSWER_LIMIT).unwrap();
    let failed = SqsOnFailure::new(&system.sqs_endpoint()).unwrap();
    let mapping = Mapping::new(&config, quick(), source, invoke, failed).unwrap();
    let handle = mapping.handle();
    let idle = async move { handle.wait_until_idle(LIMIT).await.unwrap() };
    let metrics = mapping.run(idle).await.unwrap();

    assert_eq!(
        lambda.stats()[FUNCTION].invocations,
        3,
        "one attempt and two retries"
    );
    assert_eq!(metrics.on_failure_destination_delivered_event_count, 5);
    assert_eq!(
        topic::committed(&kafka, TOPIC, GROUP, 1),
        topic::ends(&kafka, TOPIC, 1)
    );
    let Messages { letters, documents } = system.take_messages().await;
    assert!(letters.is_empty(), "{letters:?}");
    let [document] = &documents[..] else {
        panic!("one document: {documents:?}")
    };
    assert_eq!(
        document["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
    assert_eq!(document["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(document["responseContext"]["functionError"], "Unhandled");
    let range = &document["KafkaBatchInfo"]["recordsInfo"][format!("{TOPIC}-0")];
    assert_eq!(range["firstRecordOffset"], "0");
    assert_eq!(range["lastRecordOffset"], (RECORDS - 1).to_string());
    assert_eq!(system.picture().await.orders_count(), 0);
    lambda.shutdown().await;
}

fn on_demand() -> MappingConfig {
    MappingConfig {
        consumer_group_id: Some(GROUP.to_owned()),
        batch_size: BATCH_RECORDS,
        maximum_batching_window_seconds: Some(0),
        ..MappingConfig::new(CLUSTER, FUNCTION, TOPIC)
    }
}

fn provisioned() -> MappingConfig {
    MappingConfig {
        provisioned_pollers: Some(ProvisionedPollers::default()),
        report_batch_item_failures: true,
        bisect_batch_on_function_error: true,
        ..on_demand()
    }
}

/// Retries soon, so that a test need not wait.
fn quick() -> Switches {
    Switches {
        backoff_base_milliseconds: 20,
        backoff_milliseconds_max: 500,
        ..Switches::default()
    }
}

fn switches(partial: Partial) -> Switches {
    Switches {
        partial,
        faults: FaultPlan::planned([
            (3, Fault::DuplicateBatch),
            (5, Fault::Timeout),
            (8, Fault::KillBeforeCommit),
            (11, Fault::Rebalance),
            (14, Fault::Throttle),
            (17, Fault::DuplicateBatch),
            (20, Fault::Timeout),
            // More than the check asks for: not each planned one meets an invocation that counts.
            (23, Fault::Throttle),
            (26, Fault::Timeout),
        ]),
        ..quick()
    }
}

/// A run that is over, and what it left behind.
struct Run {
    workload: Workload,
    /// Where each record of the workload was appended.
    positions: Vec<Position>,
    seen: Seen,
    metrics: Metrics,
    picture: Picture,
    messages: Messages,
    /// Committed and end offsets by partition, as Kafka tells them.
    offsets: (BTreeMap<i32, i64>, BTreeMap<i32, i64>),
}

/// Sends the workload through a mapping. While it runs, a process with work in hand is killed, and the
/// queue comes into being only when `has_refused` says that a dead letter could not be sent.
async fn disturbed_run(
    config: MappingConfig,
    switches: Switches,
    has_refused: impl Fn(&Seen) -> bool,
) -> Run {
    let system = System::start_without_queue().await;
    let workload = Workload::new(PARTITIONS);
    system.seed_products(&workload::stock()).await;
    let function = system.function(FUNCTION, config.report_batch_item_failures);
    let lambda = LocalLambda::start(0, vec![function]).await.unwrap();
    let kafka = LocalKafka::start(&[Topic::new(TOPIC, PARTITIONS)]).unwrap();
    let positions = topic::produce(&kafka, TOPIC, workload.records()).await;

    let seen = Seen::default();
    let invoke = HttpInvoke::new(&lambda.endpoint(), ANSWER_LIMIT).unwrap();
    let invoke = Observed::new(invoke, seen.clone());
    let source = KafkaSource::new(kafka.bootstrap_servers(), &config, &BTreeMap::new()).unwrap();
    let mapping = Mapping::new(&config, switches, source, invoke, NoOnFailure).unwrap();
    let handle = mapping.handle();
    let disturbances = async {
        wait_until("a dead letter could not be sent", LIMIT, async || {
            has_refused(&seen)
        })
        .await;
        // What cannot be finished comes back again and again, so there is always something to kill.
        wait_until("a process died with work in hand", LIMIT, async || {
            lambda.kill_one(FUNCTION).await;
            seen.crashes() > 0
        })
        .await;
        system.create_queue().await;
        handle.wait_until_idle(LIMIT).await.unwrap()
    };
    let metrics = mapping.run(disturbances).await.unwrap();
    // Invocations whose answer the mapping no longer wanted may still be at work.
    wait_until("no invocation is left", LIMIT, async || {
        let stats = lambda.stats()[FUNCTION];
        stats.environments_running == stats.environments_idle
    })
    .await;
    let offsets = (
        topic::committed(&kafka, TOPIC, GROUP, PARTITIONS),
        topic::ends(&kafka, TOPIC, PARTITIONS),
    );
    lambda.shutdown().await;
    Run {
        workload,
        positions,
        seen,
        metrics,
        picture: system.picture().await,
        messages: system.take_messages().await,
        offsets,
    }
}

impl Run {
    fn check(&self) {
        self.was_disturbed();
        self.every_order_was_decided_once();
        self.the_stock_balances();
        self.every_poison_record_is_a_dead_letter();
        let (committed, ends) = &self.offsets;
        assert_eq!(committed, ends, "committed to the end");
        assert_eq!(
            self.metrics.dropped_event_count, 0,
            "given up by the mapping"
        );
        assert!(
            self.messages.documents.is_empty(),
            "{:?}",
            self.messages.documents
        );
    }

    /// A run without disturbances would prove little.
    fn was_disturbed(&self) {
        let (records, metrics) = (self.positions.len() as u64, &self.metrics);
        assert!(self.seen.crashes() > 0, "no process was killed at work");
        assert!(
            metrics.invoke_error_count >= 3,
            "timeouts and throttles: {metrics:?}"
        );
        assert!(
            metrics.invoked_event_count > records,
            "records came again: {metrics:?}"
        );
        assert!(
            metrics.polled_event_count > records,
            "records were read again: {metrics:?}"
        );
    }

    fn every_order_was_decided_once(&self) {
        let (placed, rejected) = (
            self.picture.orders("placed"),
            self.picture.orders("rejected"),
        );
        let all: BTreeSet<String> = placed.union(&rejected).cloned().collect();
        let expected: BTreeSet<String> = (0..ORDERS).map(|n| format!("o-{n}")).collect();
        assert_eq!(all, expected);
        assert_eq!(self.picture.orders_count(), expected.len());
        assert_eq!(rejected.len(), workload::rejected(), "{rejected:?}");
        // Twice decided would be twice published: once a product, the status and the user.
        let outgoing = self.picture.outgoing();
        let distinct: BTreeSet<_> = outgoing.iter().collect();
        assert_eq!(
            distinct.len(),
            outgoing.len(),
            "an event is published twice"
        );
        let changes: i64 = self
            .picture
            .stock()
            .values()
            .map(|stock| stock.changes)
            .sum();
        let changes = usize::try_from(changes).unwrap();
        assert_eq!(outgoing.len(), changes + 2 * expected.len());
    }

    fn the_stock_balances(&self) {
        let (stock, ordered) = (self.picture.stock(), self.picture.ordered("placed"));
        for (product, pieces) in workload::stock() {
            let (stock, (reserved, orders)) = (stock[product], ordered[product]);
            assert_eq!(
                stock.available + stock.reserved,
                pieces,
                "{product}: {stock:?}"
            );
            assert_eq!(
                (stock.reserved, stock.changes),
                (reserved, orders),
                "{product}"
            );
        }
        assert_eq!(
            stock[SCARCE].reserved, SCARCE_PIECES,
            "all that there was of {SCARCE}"
        );
        assert_eq!(
            stock.len(),
            workload::stock().len(),
            "a product came into being"
        );
    }

    fn every_poison_record_is_a_dead_letter(&self) {
        let letters: BTreeSet<_> = self.messages.letters_by_id().into_values().collect();
        let expected = self.workload.poison().map(|(index, code)| {
            let Position { partition, offset } = self.positions[index];
            (partition, offset, code.to_owned())
        });
        assert_eq!(letters, expected.collect());
    }
}
