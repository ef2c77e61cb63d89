//! What a caller of a command may rely on, over a store in memory whose calls go wrong as planned.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use event_schema::events::StockUpdated;
use event_schema::{ProductId, Timestamp};
use futures_util::future::join;
use processing::{
    ANSWERS_KEPT_SECONDS, CALL_ID_BYTES_MAX, Call, Command, CommandEngine, CommandError, Done,
    Invocation, Item, Key, Rejection, Work,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::conformance::CommandSuite;
use testkit::{Fault, FaultPlan, FaultyStore, MemoryStore, VirtualTimer, invocation, item_key};

const MARGIN: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Product {
    product_id: String,
    stock: i64,
}

impl Item for Product {
    const TABLE: &'static str = "products";
    fn key(&self) -> Key {
        Key::from(&self.product_id)
    }
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    id: String,
    pieces: i64,
    told_by: String,
}

impl Item for Receipt {
    const TABLE: &'static str = "orders";
    fn key(&self) -> Key {
        Key::from(&self.id)
    }
}

/// Takes pieces of a product out of stock, tells of it, and answers with a receipt's id.
struct Take;

struct Pieces(i64);

impl Command for Take {
    type Request = Pieces;
    type Answer = String;
    const NAME: &'static str = "take";

    fn decide(&self, Pieces(pieces): &Pieces, work: &mut Work<'_>) -> Result<String, Rejection> {
        let product: Option<Product> = work.peek("p-1")?;
        let stock = product.map_or(0, |product| product.stock);
        if stock < *pieces {
            return Err(Rejection::permanent("too_little", "there is too little"));
        }
        work.add::<Product>("p-1", "stock", -*pieces).at_least(0);
        let receipt_id = work.unique_id();
        work.put(&Receipt {
            id: receipt_id.clone(),
            pieces: *pieces,
            told_by: work.next_event_id().to_string(),
        });
        work.publish(StockUpdated {
            product_id: ProductId::new("p-1").unwrap(),
            available: u64::try_from(stock - pieces).unwrap(),
            delta: Some(-pieces),
            version: 1,
            order_id: None,
        });
        Ok(receipt_id)
    }
}

/// A shop with ten pieces, whose store goes wrong as planned.
struct Shop {
    engine: CommandEngine<Take, FaultyStore<MemoryStore>, VirtualTimer>,
    store: MemoryStore,
    timer: VirtualTimer,
    plan: FaultPlan,
}

impl Shop {
    fn new(plan: FaultPlan) -> Self {
        let timer = VirtualTimer::automatic();
        let store = MemoryStore::with_clock(&timer);
        let product = json!({ "product_id": "p-1", "stock": 10 });
        store.seed(item_key("products", "p-1", "-"), &product);
        let faulty = FaultyStore::new(store.clone(), &plan);
        let engine = CommandEngine::new(Take, faulty, timer.clone(), MARGIN);
        Self {
            engine,
            store,
            timer,
            plan,
        }
    }

    async fn take(
        &self,
        id: &str,
        pieces: i64,
        request_id: &str,
    ) -> Result<Done<String>, CommandError> {
        let payload = pieces.to_string();
        let call = Call {
            id,
            payload: payload.as_bytes(),
            request: &Pieces(pieces),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        };
        let invocation = invocation(request_id, &self.timer);
        self.engine.call(&call, &invocation).await
    }

    fn stock(&self) -> Value {
        self.store.item("products", "p-1", "-").unwrap().body["stock"].clone()
    }

    fn outgoing(&self) -> Vec<Value> {
        let rows = self.store.table("outbox").into_iter();
        rows.flat_map(|(_, row)| row.body["events"].as_array().unwrap().clone())
            .collect()
    }
}

fn code<A: std::fmt::Debug>(result: Result<A, CommandError>) -> &'static str {
    result.unwrap_err().code()
}

#[tokio::test]
async fn a_command_conforms() {
    let product = json!({ "product_id": "p-1", "stock": 10 });
    CommandSuite::new(|| Take)
        .seed(item_key("products", "p-1", "-"), &product)
        .call("c-1", "2", Pieces(2))
        .call("c-2", "10", Pieces(10))
        .run()
        .await;
}

#[tokio::test]
async fn item_event_and_answer_are_in_one_transaction_with_the_mark() {
    let shop = Shop::new(FaultPlan::none());
    let done = shop.take("c-1", 3, "r").await.unwrap();
    assert_eq!((done.effort.load_calls, done.effort.commit_calls), (2, 1));
    assert_eq!(shop.stock(), 7);
    let mark = shop
        .store
        .item("state", "take#call#c-1", "mark")
        .unwrap()
        .body;
    assert_eq!(mark["answer"], json!(format!("\"{}\"", done.answer)));
    let at: Timestamp = mark["at"].as_str().unwrap().parse().unwrap();
    let kept = mark["expires_at"].as_i64().unwrap() - at.as_ms() / 1_000;
    assert_eq!(kept, ANSWERS_KEPT_SECONDS);
    let receipt = shop.store.item("orders", &done.answer, "-").unwrap().body;
    let [event] = &shop.outgoing()[..] else {
        panic!("one event")
    };
    assert_eq!(receipt["told_by"], event["event_id"]);
    assert!(
        event["traceparent"]
            .as_str()
            .unwrap()
            .starts_with("00-4bf9")
    );
}

#[tokio::test]
async fn ids_are_those_of_the_call_in_whichever_system_it_is_made() {
    let (one, other) = (Shop::new(FaultPlan::none()), Shop::new(FaultPlan::none()));
    let first = one.take("c-1", 3, "r").await.unwrap();
    assert_eq!(
        other.take("c-1", 3, "s").await.unwrap().answer,
        first.answer
    );
    assert_eq!(
        one.outgoing()[0]["event_id"],
        other.outgoing()[0]["event_id"]
    );
    let second = one.take("c-2", 3, "t").await.unwrap();
    assert_ne!(second.answer, first.answer);
}

#[tokio::test]
async fn of_two_payloads_under_one_id_at_once_one_takes_effect() {
    for seed in 0..200 {
        let shop = Shop::new(FaultPlan::random(seed, 0, 0));
        let (one, other) = join(shop.take("c", 1, "a"), shop.take("c", 2, "b")).await;
        let answers = [one.is_ok(), other.is_ok()];
        assert!(
            answers == [true, false] || answers == [false, true],
            "seed {seed}"
        );
        let refused = one.err().or(other.err()).unwrap();
        assert_eq!(refused, CommandError::IdReused, "seed {seed}");
        assert_eq!(shop.outgoing().len(), 1, "seed {seed}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_nothing_and_is_decided_anew() {
    let shop = Shop::new(FaultPlan::none());
    let before = shop.store.items();
    assert_eq!(code(shop.take("c-1", 11, "r").await), "too_little");
    assert_eq!(shop.store.items(), before);
    let product = json!({ "product_id": "p-1", "stock": 20 });
    shop.store.seed(item_key("products", "p-1", "-"), &product);
    assert!(shop.take("c-1", 11, "s").await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_token() {
    let shop = Shop::new(FaultPlan::at(3, Fault::AnswerLost));
    let done = shop.take("c-1", 3, "r").await.unwrap();
    assert_eq!(shop.plan.faults(), 1);
    assert_eq!((done.effort.commit_calls, shop.stock()), (2, json!(7)));
    assert!(!done.is_repeated, "the store knew the token");
}

#[tokio::test]
async fn a_store_that_is_down_leaves_the_call_unfinished_within_its_time() {
    for fault in [Fault::Refused, Fault::Throttled, Fault::HangsBefore] {
        let shop = Shop::new(FaultPlan::during(1..=1_000, fault));
        let ends = invocation("r", &shop.timer).deadline;
        let error = shop.take("c-1", 3, "r").await.unwrap_err();
        assert!(matches!(error, CommandError::Unfinished(_)), "{error:?}");
        let now = processing::Timer::now(&shop.timer);
        assert!(now.as_ms() + 2_000 <= ends.as_ms(), "{fault:?}");
        assert_eq!(shop.stock(), 10);
    }
}

#[tokio::test]
async fn an_id_is_neither_empty_nor_longer_than_its_key() {
    let shop = Shop::new(FaultPlan::none());
    for id in ["", &"x".repeat(CALL_ID_BYTES_MAX + 1)] {
        assert_eq!(code(shop.take(id, 1, "r").await), "invalid_id");
    }
    let longest = "x".repeat(CALL_ID_BYTES_MAX);
    assert!(shop.take(&longest, 1, "r").await.is_ok());
}

#[tokio::test]
async fn a_read_sees_what_is_stored_and_may_change_nothing() {
    let shop = Shop::new(FaultPlan::none());
    let now: Invocation = invocation("r", &shop.timer);
    let look = |work: &mut Work<'_>| work.peek::<Product>("p-1");
    let product = shop.engine.read(look, &now).await.unwrap();
    assert_eq!(product.unwrap().stock, 10);
    let change = |work: &mut Work<'_>| {
        work.add::<Product>("p-1", "stock", 1);
        Ok(())
    };
    assert_eq!(code(shop.engine.read(change, &now).await), "not_a_read");
    assert_eq!(shop.stock(), 10);
}

#[tokio::test]
async fn reads_that_depend_on_reads_are_bounded() {
    let shop = Shop::new(FaultPlan::none());
    let now = invocation("r", &shop.timer);
    let chain = |length: usize| {
        move |work: &mut Work<'_>| {
            (0..length).try_for_each(|n| work.peek::<Product>(&format!("p-{n}")).map(drop))
        }
    };
    let rounds = usize::try_from(processing::ROUNDS_MAX).unwrap();
    assert!(shop.engine.read(chain(rounds), &now).await.is_ok());
    let refused = shop.engine.read(chain(rounds + 1), &now).await;
    assert_eq!(code(refused), "too_many_rounds");
}

struct Panics;

impl Command for Panics {
    type Request = ();
    type Answer = ();
    const NAME: &'static str = "panics";

    fn decide(&self, (): &(), _: &mut Work<'_>) -> Result<(), Rejection> {
        panic!("a value of the request")
    }
}

#[tokio::test]
async fn a_panic_is_caught_and_not_quoted() {
    let timer = VirtualTimer::automatic();
    let engine = CommandEngine::new(Panics, MemoryStore::new(), timer.clone(), MARGIN);
    let call = Call {
        id: "c",
        payload: b"",
        request: &(),
        traceparent: None,
    };
    let Err(CommandError::Refused(refusal)) = engine.call(&call, &invocation("r", &timer)).await
    else {
        panic!("it is refused")
    };
    assert_eq!(refusal.code, "panic");
    assert!(!refusal.chain.concat().contains("a value"));
}

#[test]
fn an_answer_is_kept_for_a_day() {
    assert_eq!(ANSWERS_KEPT_SECONDS, 86_400);
}
