//! The rules of esm-spec §9 on the scheduler alone: no Kafka, no function, no time but a number.

mod batches;
mod bisection;
mod commits;
mod faults;
mod responses;
mod retries;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::config::MappingConfig;
use crate::faults::FaultPlan;
use crate::ports::OnFailureError;
use crate::record::Timestamp;
use crate::rules::tests::{QUEUE, config, rules_with};
use crate::switches::{Partial, Switches};

/// A scheduler whose commits and deliveries succeed at once.
struct Bench {
    scheduler: Scheduler,
    now_ms: i64,
    committed: BTreeMap<i32, i64>,
    documents: Vec<Value>,
    reassigned: usize,
    until_ms: Option<i64>,
}

type Positions = Vec<(i32, i64)>;

impl Bench {
    fn new(config: &MappingConfig) -> Self {
        Self::with(config, Switches::default())
    }

    fn with(config: &MappingConfig, switches: Switches) -> Self {
        let mut scheduler = Scheduler::new(rules_with(config, switches));
        scheduler.assign(&[0, 1, 2, 3, 4, 5, 6].map(|partition| PartitionStart {
            partition,
            offset: 0,
        }));
        Self {
            scheduler,
            now_ms: 1_000_000,
            committed: BTreeMap::new(),
            documents: Vec::new(),
            reassigned: 0,
            until_ms: None,
        }
    }

    fn produce(&mut self, partition: i32, offsets: impl IntoIterator<Item = i64>) {
        let made_ms = self.now_ms;
        for offset in offsets {
            self.produce_one(partition, offset, made_ms, 10);
        }
    }

    fn produce_one(&mut self, partition: i32, offset: i64, made_ms: i64, value_bytes: usize) {
        let timestamp = Timestamp::CreateTime(made_ms);
        let value = Some(vec![b'x'; value_bytes]);
        let record = Record {
            partition,
            offset,
            timestamp,
            key: None,
            value,
            headers: Vec::new(),
        };
        self.scheduler.ingest(vec![record], self.now_ms);
    }

    /// Does what is due up to the next invocation.
    fn next(&mut self) -> Option<(u64, Positions)> {
        self.next_event()
            .map(|(number, event)| (number, positions(&event)))
    }

    fn next_event(&mut self) -> Option<(u64, String)> {
        loop {
            match self.scheduler.next_step(self.now_ms) {
                Step::Invoke(invocation) => return Some((invocation.number, invocation.event)),
                Step::Deliver { delivery, message } => {
                    self.documents
                        .push(serde_json::from_str(&message.body).unwrap());
                    self.scheduler.delivered(delivery, &Ok(()));
                }
                Step::Commit(positions) => {
                    for position in &positions {
                        let before = self.committed.insert(position.partition, position.offset);
                        assert!(before.is_none_or(|before| before < position.offset));
                    }
                    self.scheduler.committed(&positions, true, self.now_ms);
                }
                Step::Reassign => {
                    self.reassigned += 1;
                    let start = |partition: i32| {
                        let offset = self.committed.get(&partition).copied().unwrap_or(0);
                        PartitionStart { partition, offset }
                    };
                    self.scheduler.assign(&[0, 1, 2, 3, 4, 5, 6].map(start));
                }
                Step::Wait { until_ms } => {
                    self.until_ms = until_ms;
                    return None;
                }
            }
        }
    }

    /// As `next`, waiting for time to pass if only that is missing.
    fn next_in_time(&mut self) -> Option<(u64, Positions)> {
        self.next().or_else(|| {
            self.now_ms = self.until_ms?;
            self.next()
        })
    }

    fn answer(&mut self, number: u64, body: &Value) {
        let answer = InvokeAnswer::returned(body.to_string());
        self.scheduler.complete(number, &Ok(answer), self.now_ms);
    }

    fn succeed(&mut self, number: u64) {
        self.answer(number, &Value::Null);
    }

    fn list(&mut self, number: u64, listed: &[(i32, i64)]) {
        let entry = |(partition, offset): &(i32, i64)| json!({"itemIdentifier": {"partition": format!("orders.v1-{partition}"), "offset": offset}});
        let entries: Vec<_> = listed.iter().map(entry).collect();
        self.answer(number, &json!({"batchItemFailures": entries}));
    }

    fn fail(&mut self, number: u64) {
        self.scheduler
            .complete(number, &Ok(InvokeAnswer::failed()), self.now_ms);
    }

    fn throttle(&mut self, number: u64) {
        self.scheduler
            .complete(number, &Err(InvokeError::Throttled), self.now_ms);
    }

    /// Fails every invocation until none comes any more, at most a thousand, and returns their records.
    fn fail_all(&mut self) -> Vec<Positions> {
        let mut invocations = Vec::new();
        while let Some((number, records)) = self.next_in_time() {
            assert!(invocations.len() < 1_000, "no end in sight");
            invocations.push(records);
            self.fail(number);
        }
        invocations
    }

    fn metrics(&self) -> &Metrics {
        self.scheduler.metrics()
    }
}

fn positions(event: &str) -> Positions {
    let event: Value = serde_json::from_str(event).unwrap();
    let groups = event["records"].as_object().unwrap().values();
    let records = groups.flat_map(|group| group.as_array().unwrap());
    let position = |record: &Value| {
        let partition = i32::try_from(record["partition"].as_i64().unwrap()).unwrap();
        (partition, record["offset"].as_i64().unwrap())
    };
    records.map(position).collect()
}

fn at(partition: i32, offsets: impl IntoIterator<Item = i64>) -> Positions {
    offsets
        .into_iter()
        .map(|offset| (partition, offset))
        .collect()
}

fn with_destination(retries: i64) -> MappingConfig {
    MappingConfig {
        maximum_retry_attempts: retries,
        on_failure_destination: Some(QUEUE.to_owned()),
        ..config()
    }
}
