//! What a batch of orders costs: calls of the store, which are counted, and time of the engine itself,
//! which is measured; each next to the same records processed one by one.
//!
//! The store is in memory: a call costs nothing here and a round trip in AWS, so the counts are what to
//! compare. Nothing here passes or fails.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::time::{Duration, Instant};

use order_created::OrderCreatedHandler;
use processing::{DecideEngine, Effort, EngineSettings, EventError, Processor};
use serde_json::{Value, json};
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation, item_key,
};

/// A way in which the records of a batch relate to each other.
struct Scenario {
    name: &'static str,
    /// Products that the orders are spread over.
    products: usize,
    /// Every one of so many records cannot be decoded; 0 for none.
    poison_every: usize,
    /// The batch was processed before.
    duplicates: bool,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "each its own product",
        products: usize::MAX,
        poison_every: 0,
        duplicates: false,
    },
    Scenario {
        name: "one hot product",
        products: 1,
        poison_every: 0,
        duplicates: false,
    },
    Scenario {
        name: "ten products",
        products: 10,
        poison_every: 0,
        duplicates: false,
    },
    Scenario {
        name: "a tenth is poison",
        products: 10,
        poison_every: 10,
        duplicates: false,
    },
    Scenario {
        name: "all duplicates",
        products: 10,
        poison_every: 0,
        duplicates: true,
    },
];
const BATCH_RECORDS: &[usize] = &[100, 1_000];
/// Runs of which the fastest counts.
const RUNS: usize = 5;

/// What one way of processing took.
struct Cost {
    effort: Effort,
    fastest: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), EventError> {
    println!(
        "store calls a batch (loads + commits), and engine time a record; fastest of {RUNS} runs\n"
    );
    println!(
        "{:<22} {:>8}  {:>14} {:>10}  {:>14} {:>10}",
        "orders", "records", "as a batch", "\u{b5}s", "one by one", "\u{b5}s"
    );
    for scenario in SCENARIOS {
        for &count in BATCH_RECORDS {
            let records = scenario.records(count);
            let batch = scenario.measure(&records, count).await?;
            let single = scenario.measure(&records, 1).await?;
            println!(
                "{:<22} {count:>8}  {:>14} {:>10.1}  {:>14} {:>10.1}",
                scenario.name,
                calls(batch.effort),
                micros_a_record(batch.fastest, count),
                calls(single.effort),
                micros_a_record(single.fastest, count),
            );
        }
    }
    Ok(())
}

fn calls(effort: Effort) -> String {
    format!("{} + {}", effort.load_calls, effort.commit_calls)
}

fn micros_a_record(total: Duration, records: usize) -> f64 {
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    total.as_secs_f64() * 1e6 / f64::from(records)
}

impl Scenario {
    fn records(&self, count: usize) -> Vec<KafkaRecord> {
        (0..count)
            .map(|n| {
                let offset = i64::try_from(n).unwrap_or(i64::MAX);
                let record = KafkaRecord::new("order.order.created", 0, offset);
                if self.poison_every > 0 && n % self.poison_every == 0 {
                    return record.key(format!("o-{n}")).value("not json");
                }
                record.key(format!("o-{n}")).json(&self.order(n))
            })
            .collect()
    }

    fn order(&self, n: usize) -> Value {
        json!({
            "event_id": format!("e-{n}"), "event_type": "order.created", "order_id": format!("o-{n}"),
            "user_id": format!("u-{n}"), "total_amount": 30_000,
            "items": [{ "product_id": format!("p-{}", n % self.products), "quantity": 1 }],
        })
    }

    /// Processes the records in batches of `batch_records`, several times from the start.
    async fn measure(
        &self,
        records: &[KafkaRecord],
        batch_records: usize,
    ) -> Result<Cost, EventError> {
        let payloads: Vec<Vec<u8>> = records
            .chunks(batch_records)
            .map(|batch| EventBuilder::new().records(batch).build())
            .collect();
        let mut cost = Cost {
            effort: Effort::default(),
            fastest: Duration::MAX,
        };
        for _ in 0..RUNS {
            let timer = VirtualTimer::manual();
            let engine = self.engine(records.len(), &timer);
            if self.duplicates {
                process(&engine, &payloads, &timer).await?;
            }
            let start = Instant::now();
            cost.effort = process(&engine, &payloads, &timer).await?;
            cost.fastest = cost.fastest.min(start.elapsed());
        }
        Ok(cost)
    }

    fn engine(&self, records: usize, timer: &VirtualTimer) -> impl Processor + use<> {
        let store = MemoryStore::with_clock(timer);
        for n in 0..records.min(self.products) {
            let id = format!("p-{n}");
            let product = json!({ "product_id": id, "available": 1_000_000 });
            store.seed(item_key("products", id, "-"), &product);
        }
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let letters = MemoryDeadLetters::new();
        DecideEngine::new(OrderCreatedHandler, store, letters, timer.clone(), settings)
    }
}

async fn process(
    engine: &impl Processor,
    payloads: &[Vec<u8>],
    timer: &VirtualTimer,
) -> Result<Effort, EventError> {
    let mut effort = Effort::default();
    for (n, payload) in payloads.iter().enumerate() {
        let invocation = invocation(format!("request-{n}"), timer);
        effort += engine.process(payload, &invocation).await?.effort;
    }
    Ok(effort)
}
