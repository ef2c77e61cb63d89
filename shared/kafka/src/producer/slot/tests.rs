//! That there is one client at a time, whoever retires it and whoever waits.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use tokio::task::JoinSet;

use super::*;

fn slot() -> (
    MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    Slot,
) {
    let cluster = MockCluster::new(1).unwrap();
    let settings = Settings::plaintext(&cluster.bootstrap_servers()).unwrap();
    let slot = Slot::new(&settings, Tokens::default()).unwrap();
    (cluster, slot)
}

fn limits(seconds: u64) -> Limits {
    Limits::of(Duration::from_secs(seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usable_client_is_kept() {
    let (_cluster, slot) = slot();
    for _ in 0..3 {
        drop(slot.current(limits(10)).await.unwrap());
    }
    assert_eq!(slot.state.read().await.generation, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_that_find_the_client_retired_replace_it_once() {
    let (_cluster, slot) = slot();
    let slot = Arc::new(slot);
    for round in 2..=4 {
        slot.current(limits(10)).await.unwrap().retire();
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let slot = Arc::clone(&slot);
            calls.spawn(async move { slot.current(limits(10)).await.map(drop).is_ok() });
        }
        assert!(
            calls
                .join_all()
                .await
                .into_iter()
                .all(|is_usable| is_usable)
        );
        assert_eq!(slot.state.read().await.generation, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_client_waits_for_those_who_still_use_the_old_one() {
    let (_cluster, slot) = slot();
    let old = slot.current(limits(10)).await.unwrap();
    old.retire();
    let failure = slot.current(limits(1)).await.map(drop).unwrap_err();
    assert_eq!(failure.code, Code::DeadlinePassed);
    assert!(
        failure.message.contains("has not ended"),
        "{}",
        failure.message
    );
    drop(old);
    drop(slot.current(limits(10)).await.unwrap());
    assert_eq!(slot.state.read().await.generation, 2);
}
