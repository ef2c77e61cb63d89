//! The lease of a delivery: who may deliver an event now, and how often it was tried.
//!
//! The lease is the event's marker item. Its version is the fence: whoever writes it last owns it, and a
//! worker whose lease was taken over can neither complete nor release it any more.

use event_schema::Timestamp;
use msk_event::Position;
use serde_json::{Value, json};

use crate::engine::MARKS_KEPT_SECONDS;
use crate::mark::{Mark, body, stored_mark};
use crate::store::{Body, Stored};

const LEASED: &str = "leased";

/// What an event's marker says about its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has tried it.
    Fresh,
    /// It was tried, and nobody holds it.
    Free(Lease),
    /// Somebody else is at it until then.
    Held { until: Timestamp },
    /// It was delivered or put aside.
    Finished,
}

/// A lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Attempts so far, over all invocations.
    pub(crate) attempts: u32,
    /// Rises with every write of the lease.
    pub(crate) epoch: u64,
    /// Held up to then; a released one has ended.
    pub(crate) until: Timestamp,
    pub(crate) first_failed_at: Option<Timestamp>,
}

impl Standing {
    /// With `redrive`, a dead letter may be delivered after all, with all its tries.
    pub(crate) fn of(marker: Option<&Stored>, redrive: bool, now: Timestamp) -> Self {
        let Some(marker) = marker else {
            return Self::Fresh;
        };
        if redrive && stored_mark(marker) == Some(Mark::DeadLettered) {
            return Self::Free(Lease {
                attempts: 0,
                epoch: marker.version,
                until: now,
                first_failed_at: None,
            });
        }
        if marker.body.get("mark").and_then(Value::as_str) != Some(LEASED) {
            return Self::Finished;
        }
        let number = |name: &str| marker.body.get(name).and_then(Value::as_i64);
        let lease = Lease {
            attempts: number("attempts")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(u32::MAX),
            epoch: marker.version,
            until: Timestamp::from_ms(number("lease_until_ms").unwrap_or(0)),
            first_failed_at: number("first_failed_at_ms").map(Timestamp::from_ms),
        };
        if lease.until > now {
            Self::Held { until: lease.until }
        } else {
            Self::Free(lease)
        }
    }
}

/// What a marker's body repeats whatever its state.
pub(crate) struct Identity<'a> {
    pub(crate) payload_sha256: &'a str,
    pub(crate) position: &'a Position,
}

impl Identity<'_> {
    pub(crate) fn leased(&self, lease: &Lease, now: Timestamp) -> Body {
        self.with(
            now,
            json!({
                "mark": LEASED,
                "attempts": lease.attempts,
                "epoch": lease.epoch,
                "lease_until_ms": lease.until.as_ms(),
                "first_failed_at_ms": lease.first_failed_at.map(Timestamp::as_ms),
            }),
        )
    }

    pub(crate) fn finished(&self, mark: Mark, attempts: u32, now: Timestamp) -> Body {
        self.with(now, json!({ "mark": mark.as_str(), "attempts": attempts }))
    }

    fn with(&self, now: Timestamp, state: Value) -> Body {
        let mut fields = body(state);
        fields.extend(body(json!({
            "payload_sha256": self.payload_sha256,
            "topic": self.position.topic,
            "partition": self.position.partition,
            "offset": self.position.offset,
            "at": now.to_string(),
            "expires_at": now.as_ms() / 1_000 + MARKS_KEPT_SECONDS,
        })));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(lease: &Lease) -> Stored {
        let position = Position {
            topic: "t".into(),
            partition: 0,
            offset: 1,
        };
        let identity = Identity {
            payload_sha256: "hash",
            position: &position,
        };
        Stored {
            version: lease.epoch,
            body: identity.leased(lease, Timestamp::from_ms(0)),
        }
    }

    #[test]
    fn a_lease_is_held_until_it_ends() {
        let until = Timestamp::from_ms(1_000);
        let lease = Lease {
            attempts: 2,
            epoch: 5,
            until,
            first_failed_at: None,
        };
        let stored = stored(&lease);
        let before = Standing::of(Some(&stored), false, Timestamp::from_ms(999));
        assert_eq!(before, Standing::Held { until });
        assert_eq!(
            Standing::of(Some(&stored), false, until),
            Standing::Free(lease)
        );
    }

    #[test]
    fn a_finished_delivery_is_never_free_again() {
        let position = Position {
            topic: "t".into(),
            partition: 0,
            offset: 1,
        };
        let identity = Identity {
            payload_sha256: "hash",
            position: &position,
        };
        let body = identity.finished(Mark::Applied, 1, Timestamp::from_ms(0));
        let marker = Stored { version: 3, body };
        assert_eq!(
            Standing::of(Some(&marker), false, Timestamp::MAX),
            Standing::Finished
        );
    }

    #[test]
    fn only_a_dead_letter_is_free_again_and_only_for_a_redrive() {
        let position = Position {
            topic: "t".into(),
            partition: 0,
            offset: 1,
        };
        let identity = Identity {
            payload_sha256: "hash",
            position: &position,
        };
        let now = Timestamp::from_ms(10);
        let of = |mark, redrive| {
            let body = identity.finished(mark, 4, Timestamp::from_ms(0));
            Standing::of(Some(&Stored { version: 3, body }), redrive, now)
        };
        let again = Lease {
            attempts: 0,
            epoch: 3,
            until: now,
            first_failed_at: None,
        };
        assert_eq!(of(Mark::DeadLettered, true), Standing::Free(again));
        assert_eq!(of(Mark::DeadLettered, false), Standing::Finished);
        assert_eq!(of(Mark::Applied, true), Standing::Finished);
        let until = Timestamp::from_ms(1_000);
        let held = Lease {
            attempts: 2,
            epoch: 5,
            until,
            first_failed_at: Some(Timestamp::from_ms(3)),
        };
        assert_eq!(
            Standing::of(Some(&stored(&held)), true, now),
            Standing::Held { until }
        );
        assert_eq!(Standing::of(None, true, now), Standing::Fresh);
    }

    #[test]
    fn a_marker_of_a_delivery_is_kept_as_long_as_any() {
        let lease = Lease {
            attempts: 1,
            epoch: 1,
            until: Timestamp::from_ms(9),
            first_failed_at: None,
        };
        let body = stored(&lease).body;
        assert_eq!(body["expires_at"], json!(MARKS_KEPT_SECONDS));
        assert_eq!(body["payload_sha256"], json!("hash"));
        assert_eq!(body["lease_until_ms"], json!(9));
    }
}
