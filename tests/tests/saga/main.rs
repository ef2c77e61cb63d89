//! The order saga as a whole: its real handlers on one store, under events that are late, repeated and in any order.
//!
//! One after another they come to what a plain model says. At the same moment, with faults, they come to rest where
//! every piece is where its order says, and no payment is forgotten. `SAGA_SEED=n` repeats one seed,
//! `SAGA_SEEDS=n` runs so many.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod model;
mod plan;
mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ops::Range;

use event_schema::events::OrderStatus;
use futures_util::future::join_all;
use tables::EarlyPaymentState;
use testkit::{FaultPlan, Random};

use model::Model;
use plan::{Happening, Plan};
use shop::{Function, Shop};

/// Seeds that are run where nothing else is said.
const SEEDS: u64 = 300;
/// Records of a batch.
const BATCH_RECORDS_MAX: u64 = 5;
/// How many calls of a thousand go wrong.
const FAULTS_PER_MILLE: u64 = 60;
/// The call after which nothing goes wrong any more, so that a run ends.
const FAULTY_CALLS: usize = 300;

fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
    match number("SAGA_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SAGA_SEEDS").unwrap_or(SEEDS),
    }
}

#[tokio::test]
async fn events_in_any_order_come_to_what_the_model_says_after_each_batch() {
    let mut met = BTreeMap::new();
    for seed in seeds() {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let (shop, mut model) = (Shop::new(FaultPlan::none()), Model::default());
        let mut passed_on = BTreeSet::new();
        for batch in batches(&plan, &mut random) {
            send(&shop, &plan, &batch).await;
            for happening in &batch {
                model.happen(happening, &plan.orders);
            }
            compare(seed, &shop, &model);
            if random.below(4) == 0 {
                shop.relay(&mut passed_on).await;
                compare(seed, &shop, &model);
            }
        }
        shop.relay_all(&mut passed_on).await;
        compare(seed, &shop, &model);
        readers_agree(seed, &shop);
        for status in model.statuses().into_values() {
            *met.entry(*status.last().unwrap()).or_insert(0) += 1;
        }
    }
    // Under a single seed not everything need happen.
    if seeds().count() >= usize::try_from(SEEDS).unwrap() {
        let all = [
            "placed",
            "rejected",
            "paid",
            "payment_failed",
            "cancelled",
            "completed",
        ];
        assert!(all.iter().all(|status| met.contains_key(status)), "{met:?}");
    }
}

#[tokio::test]
async fn events_at_the_same_moment_come_to_rest_with_every_piece_in_its_place() {
    let mut faults = 0;
    for seed in seeds() {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let disturbed = FaultPlan::random(seed, FAULTS_PER_MILLE, FAULTY_CALLS);
        let shop = Shop::new(disturbed.clone());
        // Stored over HTTP before anything else happens, where it is at all: events are what races here.
        for happening in &plan.arrivals {
            store_pending(&shop, &plan, happening);
        }
        let batches = batches(&plan, &mut random);
        join_all(batches.iter().map(|batch| send(&shop, &plan, batch))).await;
        shop.relay_all(&mut BTreeSet::new()).await;
        at_rest(seed, &shop);
        readers_agree(seed, &shop);
        faults += disturbed.faults();
    }
    assert!(faults > 0, "nothing went wrong");
}

/// Cuts the arrivals into batches: neighbours that go to one function, at most so many.
fn batches(plan: &Plan, random: &mut Random) -> Vec<Vec<Happening>> {
    let mut batches: Vec<(Option<Function>, Vec<Happening>)> = Vec::new();
    let mut room = 0;
    for happening in &plan.arrivals {
        let function = plan.event(happening).map(|(function, _)| function);
        match batches.last_mut() {
            Some((of, batch)) if *of == function && room > 0 => batch.push(happening.clone()),
            _ => {
                batches.push((function, vec![happening.clone()]));
                room = random.below(BATCH_RECORDS_MAX) + 1;
            }
        }
        room -= 1;
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

async fn send(shop: &Shop, plan: &Plan, batch: &[Happening]) {
    let events: Vec<_> = batch.iter().filter_map(|one| plan.event(one)).collect();
    for happening in batch {
        store_pending(shop, plan, happening);
    }
    if let Some((function, _)) = events.first() {
        let values: Vec<_> = events.iter().map(|(_, value)| value.clone()).collect();
        shop.deliver(*function, &values).await;
    }
}

fn store_pending(shop: &Shop, plan: &Plan, happening: &Happening) {
    if let plan::What::Pending { order } = happening.what {
        shop.store_pending(&plan::order_id(order), &plan.order(order));
    }
}

fn compare(seed: u64, shop: &Shop, model: &Model) {
    let orders = shop.orders();
    let statuses: BTreeMap<&str, Vec<&str>> = orders
        .iter()
        .map(|order| {
            let statuses = order.timeline.iter().map(|entry| entry.status.as_str());
            (order.order_id.as_str(), statuses.collect())
        })
        .collect();
    let expected = model.statuses();
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(order, statuses)| (plan::order_id(*order), statuses.to_vec()))
        .collect();
    let expected: BTreeMap<&str, Vec<&str>> = expected
        .iter()
        .map(|(id, statuses)| (id.as_str(), statuses.clone()))
        .collect();
    assert_eq!(statuses, expected, "SAGA_SEED={seed}: timelines");
    for product in shop.products() {
        let id = product.product_id.as_str();
        let is = (product.available, product.reserved, product.sold);
        let right = model.products[id];
        let should_be = (right.available, right.reserved, right.sold);
        assert_eq!(is, should_be, "SAGA_SEED={seed}: pieces of {id}");
        let sum = product.available + product.reserved + product.sold;
        assert_eq!(sum, right.put_in, "SAGA_SEED={seed}: all pieces of {id}");
    }
    assert_eq!(
        shop.products().len(),
        model.products.len(),
        "SAGA_SEED={seed}"
    );
    assert_eq!(
        shop.codes(),
        model.codes(),
        "SAGA_SEED={seed}: dead letters"
    );
    assert_eq!(shop.refunds(), model.refunds, "SAGA_SEED={seed}: refunds");
}

/// Whatever happened first: orders, stock and payments agree with each other.
fn at_rest(seed: u64, shop: &Shop) {
    let orders = shop.orders();
    let held = |product: &str, statuses: &[OrderStatus]| -> i64 {
        let orders = orders
            .iter()
            .filter(|order| statuses.contains(&order.status));
        let pieces = orders.flat_map(|order| &order.quantities);
        pieces
            .filter(|(id, _)| id.as_str() == product)
            .map(|(_, quantity)| quantity)
            .sum()
    };
    for product in shop.products() {
        let id = product.product_id.as_str();
        let reserved = held(id, &[OrderStatus::Placed]);
        let sold = held(id, &[OrderStatus::Paid, OrderStatus::Completed]);
        let right = (reserved, sold);
        assert_eq!(
            (product.reserved, product.sold),
            right,
            "SAGA_SEED={seed}: {id}"
        );
        assert!(product.available >= 0, "SAGA_SEED={seed}: {id}");
        // What the catalogue side put in, as it was told of.
        let updates = shop.published("stock.updated").into_iter();
        let put_in: i64 = updates
            .filter(|update| update["product_id"] == id && update.get("order_id").is_none())
            .map(|update| update["delta"].as_i64().unwrap())
            .sum();
        let sum = product.available + product.reserved + product.sold;
        assert_eq!(sum, put_in, "SAGA_SEED={seed}: all pieces of {id}");
    }
    for early in shop.early_payments() {
        let order = orders
            .iter()
            .find(|order| early.paid_for == format!("order#{}", order.order_id));
        // One that failed before its order was called off has nothing left to do.
        let waits_for =
            |status: &OrderStatus| matches!(status, OrderStatus::Pending | OrderStatus::Cancelled);
        let is_forgotten = early.state == EarlyPaymentState::Waiting
            && order.is_some_and(|order| !waits_for(&order.status));
        assert!(!is_forgotten, "SAGA_SEED={seed}: {early:?} of {order:?}");
    }
}

/// What is read agrees with what was decided: levels with stock, sales with completed orders.
fn readers_agree(seed: u64, shop: &Shop) {
    let levels = shop.levels().into_iter();
    let levels: BTreeMap<_, _> = levels
        .map(|level| (level.product_id, level.available))
        .collect();
    let products = shop.products().into_iter();
    let products: BTreeMap<_, _> = products
        .map(|product| (product.product_id, product.available))
        .collect();
    assert_eq!(levels, products, "SAGA_SEED={seed}: levels");
    let completed: Vec<_> = shop
        .orders()
        .into_iter()
        .filter(|order| order.status == OrderStatus::Completed)
        .collect();
    for product in (0..plan::PRODUCTS).map(plan::product_id) {
        let pieces = completed.iter().filter_map(|order| {
            let mut quantities = order.quantities.iter();
            quantities.find_map(|(id, pieces)| (id.as_str() == product).then_some(*pieces))
        });
        let pieces: Vec<i64> = pieces.collect();
        let right = (i64::try_from(pieces.len()).unwrap(), pieces.iter().sum());
        assert_eq!(
            shop.sold(&product),
            right,
            "SAGA_SEED={seed}: sales of {product}"
        );
    }
}
