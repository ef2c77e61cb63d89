//! The suite of deliveries passes what conforms and names what does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::AssertUnwindSafe;

use event_schema::events::BalanceCharged;
use futures_util::FutureExt;
use processing::{
    Attempt, Cancellation, Change, CommitError, Deliver, Expect, ItemKey, Record, Rejection, Store,
    Transaction, Write,
};
use serde_json::{Value, json};
use testkit::conformance::{DeliverSuite, SuiteStore};
use testkit::item_key;

/// What is wrong with a delivery.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// It takes every attempt for a delivery of its own.
    ForgetsItsToken,
    /// It says that it is made when it is not known.
    SaysYes,
    /// It gives up where trying again would help.
    GivesUp,
}

/// Puts what was charged into a table.
struct Post {
    store: SuiteStore,
    fault: Fault,
}

impl Deliver for Post {
    type Event = BalanceCharged;
    const NAME: &'static str = "post";

    async fn deliver(
        &self,
        record: &Record<BalanceCharged>,
        attempt: &Attempt,
    ) -> Result<(), Rejection> {
        if record.event.user_id.as_str() == "nobody" {
            return Err(Rejection::permanent("nobody", "nobody is there"));
        }
        let sort = match self.fault {
            Fault::ForgetsItsToken => format!("{}-{}", attempt.token, attempt.number),
            _ => attempt.token.clone(),
        };
        let Value::Object(body) = json!({ "user_id": record.event.user_id }) else {
            unreachable!("an object")
        };
        let write = Write {
            key: item_key("letters", record.event.user_id.as_str(), sort),
            expect: Expect::Absent,
            change: Change::Put(body),
        };
        let token: String = attempt.token.chars().filter(|c| *c != '-').collect();
        let transaction = Transaction {
            token: format!("{token}-{}", attempt.number),
            writes: vec![write],
        };
        match (self.store.commit(&transaction).await, self.fault) {
            (Ok(()), _) | (Err(_), Fault::SaysYes) => Ok(()),
            (Err(CommitError::Cancelled(reasons)), _)
                if reasons.contains(&Some(Cancellation::ConditionFailed)) =>
            {
                Ok(())
            }
            (Err(error), Fault::GivesUp) => {
                Err(Rejection::permanent("post_down", "the post is down").caused_by(error))
            }
            (Err(error), _) => {
                Err(Rejection::transient("post_down", "the post is down").caused_by(error))
            }
        }
    }
}

fn charged(user: &str) -> Value {
    json!({ "user_id": user, "amount": 5, "charge_id": format!("c-{user}") })
}

/// Runs the suite, and returns what it has to say against the delivery.
async fn found(fault: Fault, poison: Value) -> String {
    let suite = DeliverSuite::new(move |store| Post { store, fault })
        .seed(seeded(), &json!({ "user_id": "old" }))
        .event(charged("u-1"), "u-1")
        .event(charged("u-2"), "u-2")
        .event(charged("u-1"), "u-1")
        .poison(poison);
    match AssertUnwindSafe(suite.run()).catch_unwind().await {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast_ref::<String>().unwrap().clone(),
    }
}

fn seeded() -> ItemKey {
    item_key("letters", "old", "-")
}

#[tokio::test]
async fn a_delivery_under_its_token_conforms() {
    assert_eq!(found(Fault::Nothing, charged("nobody")).await, "");
}

#[tokio::test]
async fn a_delivery_that_forgets_its_token_is_found_out() {
    let told = found(Fault::ForgetsItsToken, charged("nobody")).await;
    assert!(told.contains("nothing is lost or repeated"), "{told}");
}

#[tokio::test]
async fn a_delivery_that_is_said_to_be_made_and_is_not_is_found_out() {
    let told = found(Fault::SaysYes, charged("nobody")).await;
    assert!(told.contains("nothing is lost or repeated"), "{told}");
}

#[tokio::test]
async fn a_delivery_that_gives_up_too_early_is_found_out() {
    let told = found(Fault::GivesUp, charged("nobody")).await;
    assert!(told.contains("dead letters"), "{told}");
}

#[tokio::test]
async fn poison_that_is_delivered_is_found_out() {
    let told = found(Fault::Nothing, charged("u-3")).await;
    assert!(told.contains("poison 1 becomes a dead letter"), "{told}");
}
