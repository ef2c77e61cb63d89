//! The outbox relay as a real process, killed with SIGKILL at random moments: every event comes onto its topic at
//! least once, under one id, with first appearances in the order of its key.
//!
//! Rows are written while the relay works: the stream of the table and a schedule invoke it side by side, batches
//! of the stream come twice, answers are lost. `RELAY_SEED=n` repeats what is written and the killer's choices;
//! what a process is doing when it is killed no seed can repeat.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, and say what they did"
)]

mod outbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use kafka::{ReadRecord, Settings, TopicReader};
use local_platform::lambda::Invocation;
use local_platform::stream::{
    InvokeFunction, StreamConfig, StreamFault, StreamFaults, StreamMapping, StreamSource,
};
use local_platform::{
    Function, InvokeError, KilledWhile, LocalKafka, LocalLambda, Schedule, Topic,
};
use serde_json::{Value, json};
use system_tests::samples::{self, outbox_relay};
use system_tests::system::System;
use testkit::Random;

use outbox::{Event, Outbox};

const FUNCTION: &str = "outbox-relay";
/// Events that are published.
const EVENTS: usize = 10_000;
const PARTITIONS: i32 = 3;
/// Kills of a process that was relaying, at the least: fewer would not show much.
const KILLS_IN_FLIGHT_MIN: u64 = 20;
/// How long the whole may take.
const LIMIT: Duration = Duration::from_mins(4);
/// How long reading a topic may take.
const READ_LIMIT: Duration = Duration::from_mins(1);
/// How often a schedule sweeps; rows count as left over after a second.
const SWEEP_PERIOD: Duration = Duration::from_secs(2);

/// Invokes the relay through the local Lambda.
struct Relay(Arc<LocalLambda>);

impl InvokeFunction for Relay {
    async fn invoke(&self, payload: Bytes) -> Result<Invocation, InvokeError> {
        self.0.invoke(FUNCTION, payload).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_comes_onto_its_topic_in_order_whenever_the_relay_is_killed() {
    let seed = seed();
    println!("RELAY_SEED={seed}");
    let started = Instant::now();
    let system = System::start().await;
    let topics = outbox::TOPICS.map(|topic| Topic::new(topic, PARTITIONS));
    let kafka = LocalKafka::start(&topics).unwrap();
    let lambda = start_lambda(&system, &kafka).await;
    let source = StreamSource::local(&system.dynamodb_endpoint(), system.table("outbox"));
    let config = StreamConfig {
        batch_size: 10,
        faults: faults(seed),
        ..StreamConfig::default()
    };
    let stream = StreamMapping::start(source, Relay(lambda.clone()), config);
    let stream = stream.await.unwrap();
    let schedule = Schedule::start("sweep", SWEEP_PERIOD, Relay(lambda.clone())).unwrap();

    let mut outbox = Outbox::new(&system, Random::new(seed));
    let mut kills = BTreeMap::new();
    let written = {
        let killing = kill(&lambda, Random::new(seed ^ 0xdead), &mut kills);
        tokio::select! {
            written = write_and_wait(&mut outbox, &stream) => written,
            () = killing => unreachable!("the killer never rests"),
            () = tokio::time::sleep(LIMIT) => panic!(
                "after {LIMIT:?} {} rows are left: {:?}", outbox.rows_left().await, stream.metrics()
            ),
        }
    };
    // What a killed process left over is swept with nobody in its way.
    let deadline = Instant::now() + LIMIT;
    while outbox.rows_left().await > 0 {
        assert!(
            Instant::now() < deadline,
            "rows are left over: {:?}",
            schedule.metrics()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stream.shutdown(LIMIT).await;
    schedule.shutdown(LIMIT).await;

    let published = read_topics(&kafka).await;
    let letters = system.take_messages().await.letters;
    let again = published.len() - written.len().min(published.len());
    let in_flight = kills.get("Invoked").copied().unwrap_or(0);
    println!(
        "{} events, {again} appearances more; processes killed: {kills:?}; {:.1} s",
        written.len(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(differences(&written, &published), [""; 0]);
    assert!(letters.is_empty(), "{letters:?}");
    assert!(
        in_flight >= KILLS_IN_FLIGHT_MIN,
        "only {in_flight} kills hit a relay at work"
    );
}

async fn start_lambda(system: &System, kafka: &LocalKafka) -> Arc<LocalLambda> {
    let mut function = system.function(FUNCTION, true);
    let own = [
        ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
        ("OUTBOX_AGE_MS", "1000"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    function.environment.extend(own);
    let functions: Vec<Function> = vec![function];
    Arc::new(LocalLambda::start(0, functions).await.unwrap())
}

/// Writes all events, and waits until the stream has delivered them.
async fn write_and_wait(outbox: &mut Outbox, stream: &StreamMapping) -> Vec<Event> {
    let written = outbox.write(EVENTS).await;
    stream.wait_until_idle(LIMIT).await.unwrap();
    written
}

/// Some batches come twice, and some answers are lost.
fn faults(seed: u64) -> StreamFaults {
    let mut random = Random::new(seed ^ 0xfa17);
    let planned: Vec<_> = (0..2_000)
        .filter_map(|number| match random.below(20) {
            0 => Some((number, StreamFault::DuplicateBatch)),
            1 => Some((number, StreamFault::LoseAnswer)),
            _ => None,
        })
        .collect();
    StreamFaults::planned(planned)
}

/// Kills processes for as long as it is polled, at the pace of what they get done.
async fn kill(lambda: &LocalLambda, mut random: Random, kills: &mut BTreeMap<String, u64>) {
    let answered = || {
        lambda
            .stats()
            .get(FUNCTION)
            .map_or(0, |stats| stats.invocations)
    };
    loop {
        let next = answered() + 1 + random.below(4);
        while answered() < next {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.below(40))).await;
        let killed: Option<KilledWhile> = lambda.kill_chosen(FUNCTION, random.draw()).await;
        if let Some(killed) = killed {
            *kills.entry(format!("{killed:?}")).or_default() += 1;
        }
    }
}

async fn read_topics(kafka: &LocalKafka) -> Vec<(String, ReadRecord)> {
    let settings = Settings::plaintext(kafka.bootstrap_servers()).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        for topic in outbox::TOPICS {
            let reader = TopicReader::new(&settings, topic).unwrap();
            let records = reader.read_all(READ_LIMIT).unwrap();
            all.extend(records.into_iter().map(|record| (topic.to_owned(), record)));
        }
        all
    });
    read.await.unwrap()
}

/// What is wrong with the topics, each as a sentence.
fn differences(written: &[Event], published: &[(String, ReadRecord)]) -> Vec<String> {
    let known: BTreeMap<&str, &Event> = written.iter().map(|event| (&*event.id, event)).collect();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next_of_key: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (topic, record) in published {
        let header = record.headers.iter().find(|(name, _)| name == "event_id");
        let id = header
            .and_then(|(_, value)| value.clone())
            .unwrap_or_default();
        let id = String::from_utf8(id).unwrap();
        let Some(event) = known.get(&*id) else {
            problems.push(format!("{id:?} was never written"));
            continue;
        };
        let same_key = record.key.as_deref() == Some(event.key.as_bytes());
        let same_value = record.value.as_deref() == Some(event.value.as_bytes());
        if !same_key || !same_value || *topic != event.topic {
            problems.push(format!("{id} is not what was written"));
        }
        if !seen.insert(id) {
            continue;
        }
        let next = next_of_key.entry((event.topic, &event.key)).or_default();
        if event.number != *next {
            let Event {
                topic, key, number, ..
            } = event;
            problems.push(format!(
                "{topic}, {key}: {number} appears where {next} is due"
            ));
        }
        *next = event.number + 1;
    }
    let missing = written.iter().filter(|event| !seen.contains(&event.id));
    problems.extend(missing.map(|event| format!("{} is missing", event.id)));
    problems
}

/// Whoever sends the samples by hand sees this.
#[tokio::test(flavor = "multi_thread")]
async fn the_samples_are_relayed() {
    let system = System::start().await;
    let kafka = LocalKafka::start(&outbox::TOPICS.map(|topic| Topic::new(topic, 1))).unwrap();
    let lambda = start_lambda(&system, &kafka).await;
    for sample in samples::of(FUNCTION) {
        let payload = Bytes::from(sample.text);
        let invocation = lambda.invoke(FUNCTION, payload).await.unwrap();
        let body: Value = serde_json::from_slice(&invocation.payload).unwrap();
        assert_eq!(body, json!({ "batchItemFailures": [] }), "{}", sample.case);
    }
    let published = read_topics(&kafka).await;
    let ids: Vec<_> = published
        .iter()
        .map(|(topic, record)| {
            assert_eq!(topic, outbox_relay::TOPIC);
            let header = record.headers.iter().find(|(name, _)| name == "event_id");
            String::from_utf8(header.unwrap().1.clone().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(ids, outbox_relay::EVENT_IDS);
}

#[test]
fn the_judge_sees_what_is_missing_out_of_order_or_made_up() {
    let event = |number: usize| Event {
        id: format!("e-{number}"),
        topic: outbox::TOPICS[0],
        key: "k".into(),
        number,
        value: "{}".into(),
    };
    let record = |id: &str| {
        let record = ReadRecord {
            partition: 0,
            offset: 0,
            key: Some(b"k".to_vec()),
            value: Some(b"{}".to_vec()),
            headers: vec![("event_id".into(), Some(id.as_bytes().to_vec()))],
        };
        (outbox::TOPICS[0].to_owned(), record)
    };
    let written = [event(0), event(1)];
    let problems = |ids: &[&str]| {
        let published: Vec<_> = ids.iter().map(|id| record(id)).collect();
        differences(&written, &published).len()
    };
    assert_eq!(problems(&["e-0", "e-0", "e-1", "e-0"]), 0);
    assert_eq!(problems(&["e-0"]), 1);
    assert_eq!(problems(&["e-0", "e-1", "e-9"]), 1);
    assert!(problems(&["e-1", "e-0"]) > 0);
}

fn seed() -> u64 {
    let given = std::env::var("RELAY_SEED").ok();
    let given = given.map(|text| text.parse().expect("RELAY_SEED is a whole number"));
    given.unwrap_or_else(|| {
        let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap();
        u64::from(since_1970.subsec_nanos())
    })
}
