//! What people write instead of an engine: a ledger, record by record, over the same store. Every protocol
//! here but one is wrong on purpose.
//!
//! It knows nothing of dead letters; its schedules hold no poison.

use event_schema::events::BalanceCharged;
use event_schema::{Envelope, Hints, Read};
use msk_event::{BatchResponse, Delivered, EventError, KafkaEvent, Position};
use processing::{
    Answer, Body, Change, Effort, Expect, Invocation, ItemKey, OUTBOX_TABLE, Processed, Processor,
    STATE_TABLE, Store, Stored, Timer, Transaction, Write,
};
use serde_json::{Value, json};
use testkit::item_key;

use crate::broker::Place;
use crate::invocation::TIMEOUT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// In progress; the effect; completed, or deleted after a failure, whoever has it by then.
    Unfenced,
    /// The mark; then the effect.
    MarkBeforeWork,
    /// Mark and effect together, but a failure does not hold back what follows.
    PastAFailure,
    /// The same without the mistake: what shows that the world only objects to mistakes.
    Careful,
}

pub(crate) struct Naive<S, T> {
    pub(crate) protocol: Protocol,
    pub(crate) store: S,
    pub(crate) timer: T,
    /// Whether the mapping heeds a list of failures.
    pub(crate) partial_batch_response: bool,
}

/// It did not work, for whatever reason.
struct Failed;

struct Charge {
    event_id: String,
    user: String,
    amount: i64,
    place: String,
}

impl<S: Store, T: Timer> Processor for Naive<S, T> {
    fn name(&self) -> &'static str {
        "naive"
    }

    async fn process(
        &self,
        payload: &[u8],
        invocation: &Invocation,
    ) -> Result<Processed, EventError> {
        let event = KafkaEvent::read(payload)?;
        let mut unfinished: Vec<Position> = Vec::new();
        for delivered in &event.records {
            let Some((charge, position)) = read(delivered) else {
                continue;
            };
            let stops = self.protocol != Protocol::PastAFailure;
            let behind = stops && unfinished.iter().any(|p| p.partition == position.partition);
            if behind || self.apply(&charge, &invocation.request_id).await.is_err() {
                unfinished.push(position);
            }
        }
        let answer = if unfinished.is_empty() || self.partial_batch_response {
            Answer::Respond(unfinished.into_iter().collect::<BatchResponse>())
        } else {
            let unfinished = unfinished.len();
            Answer::Fail {
                unfinished,
                code: "failed",
            }
        };
        Ok(Processed {
            answer,
            records: Vec::new(),
            effort: Effort::default(),
        })
    }
}

impl<S: Store, T: Timer> Naive<S, T> {
    async fn apply(&self, charge: &Charge, request: &str) -> Result<(), Failed> {
        let marker = item_key(STATE_TABLE, format!("naive#{}", charge.event_id), "mark");
        let stored = self.load(&marker).await?;
        let now_ms = self.timer.now().as_ms();
        if stored
            .as_ref()
            .is_some_and(|stored| is_taken(stored, now_ms))
        {
            let done = stored.is_some_and(|stored| state_of(&stored) == "completed");
            return if done { Ok(()) } else { Err(Failed) };
        }
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        let completed = json!({ "state": "completed" });
        match self.protocol {
            Protocol::Unfenced => {
                let timeout_ms = i64::try_from(TIMEOUT.as_millis()).unwrap_or_default();
                let taken = json!({ "state": "in_progress", "until_ms": now_ms + timeout_ms });
                self.commit(vec![put(&marker, expect, &taken)], request, "take")
                    .await?;
                let effect = self.effect(charge).await?;
                let applied = self.commit(effect, request, &charge.place).await;
                // Whoever has the marker now, it is overwritten or deleted.
                let version = self.load(&marker).await?.map(|stored| stored.version);
                let expect = version.map_or(Expect::Absent, Expect::Version);
                let end = match applied {
                    Ok(()) => put(&marker, expect, &completed),
                    Err(Failed) => Write {
                        key: marker,
                        expect: Expect::Anything,
                        change: Change::Delete,
                    },
                };
                self.commit(vec![end], request, "end").await?;
                applied
            }
            Protocol::MarkBeforeWork => {
                self.commit(vec![put(&marker, expect, &completed)], request, "mark")
                    .await?;
                let effect = self.effect(charge).await?;
                self.commit(effect, request, &charge.place).await
            }
            Protocol::PastAFailure | Protocol::Careful => {
                let mut writes = self.effect(charge).await?;
                writes.push(put(&marker, expect, &completed));
                self.commit(writes, request, &charge.place).await
            }
        }
    }

    /// The account's new state, and the event that tells of it.
    async fn effect(&self, charge: &Charge) -> Result<Vec<Write>, Failed> {
        let account = item_key("accounts", charge.user.as_str(), "-");
        let stored = self.load(&account).await?;
        let expect = stored
            .as_ref()
            .map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        let old = stored.map(|stored| stored.body).unwrap_or_default();
        let balance = old.get("balance").and_then(Value::as_i64).unwrap_or(0) + charge.amount;
        let mut history = old
            .get("history")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        history.push(Value::from(charge.place.as_str()));
        let row = item_key(
            OUTBOX_TABLE,
            format!("naive#{}", charge.user),
            format!("{}#{}", charge.place, history.len()),
        );
        let value =
            json!({ "recipient": charge.user, "data": { "place": charge.place } }).to_string();
        let events = json!([{ "event_id": format!("told-{}", charge.event_id), "value": value }]);
        Ok(vec![
            put(
                &account,
                expect,
                &json!({ "user": charge.user, "balance": balance, "history": history }),
            ),
            put(&row, Expect::Absent, &json!({ "events": events })),
        ])
    }

    async fn load(&self, key: &ItemKey) -> Result<Option<Stored>, Failed> {
        let loaded = self.store.load(std::slice::from_ref(key)).await;
        loaded
            .map(|items| items.into_iter().next().flatten())
            .map_err(|_| Failed)
    }

    async fn commit(&self, writes: Vec<Write>, request: &str, name: &str) -> Result<(), Failed> {
        // Each call has its own token, so that a store never takes two of them for one.
        let token = format!(
            "{request}{name}{}",
            self.timer.now().as_ms() % 1_000_000_000
        );
        let token = token.chars().take(36).collect();
        let sent = self.store.commit(&Transaction { token, writes }).await;
        sent.map_err(|_| Failed)
    }
}

fn read(delivered: &Delivered<'_>) -> Option<(Charge, Position)> {
    let Delivered::Record(record) = delivered else {
        return None;
    };
    let hints = Hints {
        event_id: record.header_str("event_id"),
        ..Hints::default()
    };
    let envelope = match Envelope::<BalanceCharged>::read(record.value.as_deref()?, hints) {
        Ok(Read::Event(envelope)) => envelope,
        Ok(Read::ClaimCheck(_) | Read::OtherType(_)) | Err(_) => return None,
    };
    let charge = Charge {
        event_id: envelope.event_id?.to_string(),
        user: envelope.payload.user_id.to_string(),
        amount: i64::try_from(envelope.payload.amount).ok()?,
        place: Place::of(&record.position(), 0).to_string(),
    };
    Some((charge, record.position()))
}

fn state_of(marker: &Stored) -> &str {
    marker
        .body
        .get("state")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn is_taken(marker: &Stored, now_ms: i64) -> bool {
    let until_ms = marker
        .body
        .get("until_ms")
        .and_then(Value::as_i64)
        .unwrap_or(i64::MAX);
    state_of(marker) == "completed" || now_ms < until_ms
}

fn put(key: &ItemKey, expect: Expect, body: &Value) -> Write {
    let body: Body = body.as_object().cloned().unwrap_or_default();
    Write {
        key: key.clone(),
        expect,
        change: Change::Put(body),
    }
}
