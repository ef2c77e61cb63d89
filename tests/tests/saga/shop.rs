//! The functions of the order saga in one world: one store, one dead-letter queue, one clock.
//!
//! Which events there are and what they should come to is not its business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use event_schema::Incoming as _;
use order_completed::{OrderCompletedHandler, Sales};
use order_created::OrderCreatedHandler;
use order_status_changed::OrderStatusChangedHandler;
use payment_completed::PaymentCompletedHandler;
use payment_failed::PaymentFailedHandler;
use processing::{Decide, DecideEngine, EngineSettings, Item, Outcome, Processor as _};
use product_stock_changed::ProductStockChangedHandler;
use serde_json::{Value, json};
use stock_updated::{StockLevel, StockUpdatedHandler};
use tables::{EarlyPayment, Order, Product};
use testkit::{
    EventBuilder, FaultPlan, FaultyDeadLetters, FaultyStore, KafkaRecord, MemoryDeadLetters,
    MemoryStore, VirtualTimer, invocation, item_key,
};

/// Deliveries of a batch after which it has to be finished.
const DELIVERIES_MAX: usize = 60;
/// Turns of the relay after which nothing must be left to pass on.
const TURNS_MAX: usize = 10;

/// When the events of tests happen.
pub(crate) const AT: &str = "2026-11-21T10:15:30.123Z";

/// A function of the saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    OrderCreated,
    StatusChanged,
    PaymentCompleted,
    PaymentFailed,
    ProductStockChanged,
    StockUpdated,
    OrderCompleted,
}

/// What the functions work on.
pub(crate) struct Shop {
    pub(crate) store: MemoryStore,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
    faults: FaultPlan,
    offset: AtomicI64,
}

impl Shop {
    /// Opens an empty shop in which calls go wrong as planned.
    pub(crate) fn new(faults: FaultPlan) -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            letters: MemoryDeadLetters::new(),
            timer,
            faults,
            offset: AtomicI64::new(0),
        }
    }

    /// Has a function decide these values in one batch, delivered until all is finished.
    pub(crate) async fn deliver(&self, to: Function, values: &[Value]) {
        match to {
            Function::OrderCreated => self.run(OrderCreatedHandler, values).await,
            Function::StatusChanged => self.run(OrderStatusChangedHandler, values).await,
            Function::PaymentCompleted => self.run(PaymentCompletedHandler, values).await,
            Function::PaymentFailed => self.run(PaymentFailedHandler, values).await,
            Function::ProductStockChanged => self.run(ProductStockChangedHandler, values).await,
            Function::StockUpdated => self.run(StockUpdatedHandler, values).await,
            Function::OrderCompleted => self.run(OrderCompletedHandler, values).await,
        }
    }

    async fn run<H: Decide>(&self, handler: H, values: &[Value]) {
        let topic = H::Event::SPECS[0].topic;
        let records = values.iter().map(|value| {
            let offset = self.offset.fetch_add(1, Ordering::Relaxed);
            KafkaRecord::new(topic, 0, offset).json(value)
        });
        let payload = EventBuilder::new()
            .records(&records.collect::<Vec<_>>())
            .build();
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let engine = DecideEngine::new(
            handler,
            FaultyStore::new(self.store.clone(), &self.faults),
            FaultyDeadLetters::new(self.letters.clone(), &self.faults),
            self.timer.clone(),
            settings,
        );
        for _ in 0..DELIVERIES_MAX {
            let request = self.offset.fetch_add(1, Ordering::Relaxed);
            let invocation = invocation(format!("{}-{request}", H::NAME), &self.timer);
            let processed = engine.process(&payload, &invocation).await.unwrap();
            let mut outcomes = processed.records.iter().map(|record| &record.outcome);
            if !outcomes.any(|outcome| matches!(outcome, Outcome::Unfinished(_))) {
                return;
            }
        }
        panic!("{} never finished {values:?}", H::NAME);
    }

    /// Stores an order as `orders-api` does, unless it is there.
    pub(crate) fn store_pending(&self, order_id: &str, order: &Value) {
        if self.store.item("orders", order_id, "-").is_none() {
            let mut pending = order.clone();
            pending["status"] = json!("pending");
            pending["timeline"] = json!([{ "status": "pending", "at": AT }]);
            self.store.seed(item_key("orders", order_id, "-"), &pending);
        }
    }

    /// Passes on what the functions have published and their readers do not have yet; says whether it was anything.
    pub(crate) async fn relay(&self, passed_on: &mut BTreeSet<String>) -> bool {
        let readers = [
            ("order.status-changed", Function::StatusChanged),
            ("stock.updated", Function::StockUpdated),
            ("order.completed", Function::OrderCompleted),
        ];
        let before = passed_on.len();
        for (event_type, reader) in readers {
            let published = self.published(event_type).into_iter();
            let new = published.filter(|event| passed_on.insert(event["event_id"].to_string()));
            let new: Vec<_> = new.collect();
            if !new.is_empty() {
                self.deliver(reader, &new).await;
            }
        }
        passed_on.len() > before
    }

    /// Passes on until nothing is left.
    pub(crate) async fn relay_all(&self, passed_on: &mut BTreeSet<String>) {
        for _ in 0..TURNS_MAX {
            if !self.relay(passed_on).await {
                return;
            }
        }
        panic!("the functions never come to rest");
    }

    /// Returns the events of a type in the outbox, in the order of its rows.
    pub(crate) fn published(&self, event_type: &str) -> Vec<Value> {
        self.store.outgoing(event_type)
    }

    /// Counts the requests for money to go back.
    pub(crate) fn refunds(&self) -> usize {
        let requests = self.published("notification.requested");
        let refunds = requests.iter().filter(|one| one["kind"] == "refund_due");
        refunds.count()
    }

    /// Returns the codes of all dead letters, each letter once, sorted.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let letters = self.letters.letters();
        let by_place: BTreeMap<_, _> = letters
            .iter()
            .map(|letter| (letter.record.get().to_owned(), letter.code))
            .collect();
        let mut codes: Vec<_> = by_place.into_values().collect();
        codes.sort_unstable();
        codes
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.items()
    }

    pub(crate) fn products(&self) -> Vec<Product> {
        self.items()
    }

    pub(crate) fn early_payments(&self) -> Vec<EarlyPayment> {
        self.items()
    }

    pub(crate) fn levels(&self) -> Vec<StockLevel> {
        self.items()
    }

    /// Returns orders and pieces sold of a product in the hour of the tests.
    pub(crate) fn sold(&self, product_id: &str) -> (i64, i64) {
        let partition = format!("product#{product_id}");
        let stored = self.store.item(Sales::TABLE, &partition, "2026-11-21T10");
        stored.map_or((0, 0), |stored| {
            let sales: Sales = serde_json::from_value(Value::Object(stored.body)).unwrap();
            (sales.orders, sales.pieces)
        })
    }

    fn items<I: Item>(&self) -> Vec<I> {
        let all = self.store.table(I::TABLE).into_iter();
        all.map(|(_, stored)| serde_json::from_value(Value::Object(stored.body)).unwrap())
            .collect()
    }
}
