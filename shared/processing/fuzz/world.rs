//! What a redrive finds: functions whose code was fixed since, and a store in which their records failed.
//!
//! It says nothing of what is right.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use event_schema::events::{BalanceCharged, UserActivityRecorded};
use msk_event::EventError;
use processing::{
    Decide, DecideEngine, Dedup, EngineSettings, Item, Key, OnPoison, Processed, Processor, Record,
    Rejection, Work,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation,
};

/// Polls after which an invocation hangs: each pause of a usual one takes some dozens.
const POLLS_MAX: u32 = 1_000_000;

/// A function before and after the fix of its code, and the records that it was sent before.
pub(crate) trait Case: Decide + Sized {
    /// The handler, which refuses `13` before the fix, `99` always, and has no time for `77`.
    fn new(fixed: bool) -> Self;
    /// What it was sent before.
    fn history() -> Vec<KafkaRecord>;
}

/// Goes by event ids, and skips what is poison.
pub(crate) struct Skipping(bool);
/// Goes by event ids, and parks the keys of what is poison.
pub(crate) struct Parking(bool);
/// Goes by positions, and skips what is poison.
pub(crate) struct Positioned(bool);
/// Goes by positions, and parks the keys of what is poison.
pub(crate) struct PositionedParking(bool);

/// What a user did; written under its version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Account {
    user_id: String,
    changes: u64,
}

impl Item for Account {
    const TABLE: &'static str = "accounts";
    fn key(&self) -> Key {
        Key::from(&self.user_id)
    }
}

/// Applies a record of a user, if what it asks for lets it: one more change, and one event.
fn apply(fixed: bool, asked: &str, user_id: String, work: &mut Work<'_>) -> Result<(), Rejection> {
    match asked {
        "13" if !fixed => return Err(Rejection::permanent("unlucky", "not before the fix")),
        "99" => return Err(Rejection::permanent("never", "it is never applied")),
        "77" => return Err(Rejection::transient("busy", "it is not applied now")),
        _ => {}
    }
    let mut account = work.get::<Account>(&user_id)?.unwrap_or_default();
    account.user_id = user_id;
    account.changes += 1;
    work.put(&account);
    Ok(())
}

macro_rules! by_charges {
    ($name:ident, $function:literal, $on_poison:ident) => {
        impl Decide for $name {
            type Event = BalanceCharged;
            const NAME: &'static str = $function;
            const DEDUP: Dedup = Dedup::EventId;
            const ON_POISON: OnPoison = OnPoison::$on_poison;

            fn decide(
                &self,
                record: &Record<BalanceCharged>,
                work: &mut Work<'_>,
            ) -> Result<(), Rejection> {
                let word = record.event.amount.to_string();
                apply(self.0, &word, record.event.user_id.to_string(), work)?;
                work.publish(record.event.clone());
                Ok(())
            }
        }

        impl Case for $name {
            fn new(fixed: bool) -> Self {
                Self(fixed)
            }

            fn history() -> Vec<KafkaRecord> {
                vec![
                    charge(0, "e-0", "1", 5),
                    charge(1, "e-1", "1", 13),
                    charge(2, "e-2", "1", 2),
                    charge(3, "e-3", "2", 13).value("not json"),
                    charge(4, "e-4", "2", 4),
                    charge(5, "e-5", "3", 99),
                    charge(6, "e-6", "3", 6),
                    charge(7, "e-0", "4", 7),
                    charge(8, "e-8", "5", 13),
                    charge(9, "e-9", "5", 99),
                    charge(10, "e-10", "5", 10),
                ]
            }
        }
    };
}

by_charges!(Skipping, "skipping", Skip);
by_charges!(Parking, "parking", ParkKey);

macro_rules! by_activities {
    ($name:ident, $function:literal, $on_poison:ident) => {
        impl Decide for $name {
            type Event = UserActivityRecorded;
            const NAME: &'static str = $function;
            const DEDUP: Dedup = Dedup::Position;
            const ON_POISON: OnPoison = OnPoison::$on_poison;

            fn decide(
                &self,
                record: &Record<UserActivityRecorded>,
                work: &mut Work<'_>,
            ) -> Result<(), Rejection> {
                let event = &record.event;
                apply(self.0, &event.action, event.user_id.to_string(), work)?;
                work.publish(event.clone());
                Ok(())
            }
        }

        impl Case for $name {
            fn new(fixed: bool) -> Self {
                Self(fixed)
            }

            fn history() -> Vec<KafkaRecord> {
                vec![
                    activity(0, "1", "login"),
                    activity(1, "1", "13"),
                    activity(2, "2", "login"),
                    activity(3, "2", "login").value("not json"),
                    activity(4, "3", "99"),
                    activity(5, "3", "login").timestamp(None),
                ]
            }
        }
    };
}

by_activities!(Positioned, "positioned", Skip);
by_activities!(PositionedParking, "positioned-parking", ParkKey);

fn charge(offset: i64, id: &str, user: &str, amount: i64) -> KafkaRecord {
    KafkaRecord::new("balance.balance.charged", 0, offset)
        .key(format!("user:{user}"))
        .json(&json!({ "event_id": id, "user_id": user, "amount": amount }))
}

fn activity(offset: i64, user: &str, action: &str) -> KafkaRecord {
    KafkaRecord::new("user.activity.recorded", 0, offset)
        .key(user)
        .json(&json!({ "user_id": user, "action": action }))
}

/// A store and a queue, and how often they were used.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) letters: MemoryDeadLetters,
    timer: VirtualTimer,
    invocations: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            letters: MemoryDeadLetters::new(),
            timer,
            invocations: 0,
        }
    }

    /// Invokes a function with a payload, under an id that no other invocation has.
    pub(crate) fn invoke<H: Case>(
        &mut self,
        fixed: bool,
        payload: &[u8],
    ) -> Result<Processed, EventError> {
        self.invocations += 1;
        let invocation = invocation(format!("request-{}", self.invocations), &self.timer);
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let (store, letters) = (self.store.clone(), self.letters.clone());
        let engine = DecideEngine::new(H::new(fixed), store, letters, self.timer.clone(), settings);
        let mut run = pin!(engine.process(payload, &invocation));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..POLLS_MAX {
            if let Poll::Ready(processed) = run.as_mut().poll(&mut context) {
                return processed;
            }
        }
        panic!("the invocation hangs");
    }

    /// Invokes a function with its history, before the fix.
    pub(crate) fn live_through<H: Case>(&mut self) -> Processed {
        let payload = EventBuilder::new().records(&H::history()).build();
        self.invoke::<H>(false, &payload)
            .expect("a built event can be read")
    }
}
