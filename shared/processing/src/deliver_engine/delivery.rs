//! One delivery under its lease: take it, try within bounds, complete it or put it aside.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::{DeliverEngine, Delivery, Run};
use crate::batch::{Entry, Fate};
use crate::dead_letter::{Failures, Origin};
use crate::deadline::{Deadline, backoff};
use crate::deliver::{Attempt, Deliver, Pause};
use crate::lease::{Identity, Lease, Standing};
use crate::mark::Mark;
use crate::ports::{DeadLetters, Payloads, Timer};
use crate::rejection::{Class, Refusal, Rejection};
use crate::report::Effort;
use crate::store::{Body, Change, Expect, Store, Stored, Write};
use crate::transact::{NotCommitted, Transactor};

/// How an attempt ended.
enum Tried {
    Delivered,
    Failed(Refusal),
    Refused(Refusal),
    CutOff(Refusal),
}

impl<H: Deliver, S: Store, D: DeadLetters, T: Timer, P: Payloads> DeliverEngine<H, S, D, T, P> {
    /// Takes the lease, and tries until the delivery is made, put aside, or out of time.
    pub(super) async fn deliver(
        &self,
        run: &Run<'_, H::Event>,
        mut delivery: Delivery<'_, H::Event>,
        stored: Option<&Stored>,
        effort: &mut Effort,
    ) -> Fate {
        let mut lease = match Standing::of(stored, run.redrive, self.timer.now()) {
            Standing::Finished => return Fate::Duplicate,
            Standing::Held { until } => {
                let message = format!("another invocation delivers it until {until}");
                return Fate::Unfinished(Refusal::new("leased", message));
            }
            Standing::Free(lease) => lease,
            Standing::Fresh => Lease {
                attempts: 0,
                epoch: 0,
                until: run.ends,
                first_failed_at: None,
            },
        };
        let mut last = Refusal::new(
            "delivery_abandoned",
            "an earlier attempt did not say how it ended",
        );
        while lease.attempts < H::RETRY.attempts_max() {
            lease.attempts += 1;
            lease.until = run.ends;
            let taken = self
                .write_lease(run, run.deadline, &mut delivery, &mut lease, effort)
                .await;
            if let Err(refusal) = taken {
                return Fate::Unfinished(refusal);
            }
            match self.attempt(run, &delivery, lease.attempts).await {
                Tried::Delivered => {
                    return self.complete(run, &mut delivery, &lease, effort).await;
                }
                // What was sent, if anything, is not known: the lease runs out by itself.
                Tried::CutOff(refusal) => return Fate::Unfinished(refusal),
                Tried::Refused(refusal) => {
                    last = refusal;
                    break;
                }
                Tried::Failed(refusal) => last = refusal,
            }
            lease.first_failed_at.get_or_insert(self.timer.now());
            let again = lease.attempts < H::RETRY.attempts_max();
            if again && self.pause(run, lease.attempts).await.is_err() {
                return self
                    .release(run, &mut delivery, &mut lease, last, effort)
                    .await;
            }
        }
        self.put_aside(run, &mut delivery, &mut lease, last, effort)
            .await
    }

    async fn attempt(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &Delivery<'_, H::Event>,
        number: u32,
    ) -> Tried {
        let attempt = Attempt {
            token: delivery.record.source.derived_id(H::NAME, 0).to_string(),
            number,
            remaining: run.deadline.remaining(&self.timer),
        };
        let delivering = AssertUnwindSafe(self.handler.deliver(delivery.record, &attempt));
        let result = match run
            .deadline
            .limit(&self.timer, delivering.catch_unwind())
            .await
        {
            Err(_) => {
                let message = "no time was left to deliver it";
                return Tried::CutOff(Refusal::new("deadline", message));
            }
            Ok(Ok(result)) => result,
            Ok(Err(_payload_may_hold_private_values)) => {
                Err(Rejection::permanent("panic", "the handler panicked"))
            }
        };
        match result {
            Ok(()) => Tried::Delivered,
            Err(rejection) => match rejection.class() {
                Class::Permanent => Tried::Refused(rejection.refusal()),
                Class::Transient | Class::NotLoaded => Tried::Failed(rejection.refusal()),
            },
        }
    }

    async fn pause(&self, run: &Run<'_, H::Event>, tries: u32) -> Result<(), ()> {
        let pause = match H::RETRY.pause {
            Pause::Fixed(pause) => pause,
            Pause::Exponential { first, max } => backoff(first, max, tries, &run.id),
        };
        // A try that has no time left to be made is better made by a later invocation.
        if run.deadline.remaining(&self.timer) <= pause.saturating_add(Duration::from_millis(1)) {
            return Err(());
        }
        self.timer.sleep(pause).await;
        Ok(())
    }

    async fn write_lease(
        &self,
        run: &Run<'_, H::Event>,
        deadline: Deadline,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        lease.epoch += 1;
        let body = delivery.identity().leased(lease, self.timer.now());
        self.write_marker(run, deadline, delivery, body, effort)
            .await
    }

    async fn complete(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &Lease,
        effort: &mut Effort,
    ) -> Fate {
        let now = self.timer.now();
        let body = delivery
            .identity()
            .finished(Mark::Applied, lease.attempts, now);
        match self
            .write_marker(run, run.closing, delivery, body, effort)
            .await
        {
            Ok(()) => Fate::Applied,
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    /// Gives the lease back early, so that the next invocation need not wait for its end.
    async fn release(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        last: Refusal,
        effort: &mut Effort,
    ) -> Fate {
        lease.until = self.timer.now();
        // Should this fail, the lease ends with the invocation: the record is unfinished either way.
        match self
            .write_lease(run, run.closing, delivery, lease, effort)
            .await
        {
            Ok(()) => Fate::Unfinished(last),
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    /// Dead letter first, then the mark.
    async fn put_aside(
        &self,
        run: &Run<'_, H::Event>,
        delivery: &mut Delivery<'_, H::Event>,
        lease: &mut Lease,
        refusal: Refusal,
        effort: &mut Effort,
    ) -> Fate {
        let failures = self.failures(lease.attempts, lease.first_failed_at);
        let fate = self
            .bury(run, delivery.entry, refusal, failures, effort)
            .await;
        if let Fate::Unfinished(refusal) = fate {
            return self.release(run, delivery, lease, refusal, effort).await;
        }
        let now = self.timer.now();
        let body = delivery
            .identity()
            .finished(Mark::DeadLettered, lease.attempts, now);
        match self
            .write_marker(run, run.closing, delivery, body, effort)
            .await
        {
            Ok(()) => fate,
            Err(refusal) => Fate::Unfinished(refusal),
        }
    }

    pub(super) async fn bury(
        &self,
        run: &Run<'_, H::Event>,
        entry: &Entry<H::Event>,
        refusal: Refusal,
        failures: Failures,
        effort: &mut Effort,
    ) -> Fate {
        let origin = Origin {
            function: H::NAME,
            cluster: &run.batch.cluster,
            code_version: &self.settings.code_version,
        };
        let letters = [origin.letter(entry, &refusal, failures)];
        effort.dead_letter_sends += 1;
        let sent = run
            .deadline
            .limit(&self.timer, self.dead_letters.send(&letters))
            .await;
        match sent.ok().and_then(|results| results.into_iter().next()) {
            Some(Ok(())) => Fate::DeadLettered(refusal),
            Some(Err(error)) => Fate::Unfinished(Refusal::of(error.code(), &error)),
            None => {
                let message = "the queue gave no answer in time";
                Fate::Unfinished(Refusal::new("dead_letter_unsent", message))
            }
        }
    }

    async fn write_marker(
        &self,
        run: &Run<'_, H::Event>,
        deadline: Deadline,
        delivery: &mut Delivery<'_, H::Event>,
        body: Body,
        effort: &mut Effort,
    ) -> Result<(), Refusal> {
        let write = Write {
            key: delivery.marker.clone(),
            expect: delivery.version.map_or(Expect::Absent, Expect::Version),
            change: Change::Put(body),
        };
        delivery.writes += 1;
        let name = format!(
            "{}-{}-{}",
            run.id, delivery.marker.partition, delivery.writes
        );
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline,
        };
        match transactor.commit(&[write], &name, effort).await {
            Ok(()) => {
                delivery.version = Some(delivery.version.unwrap_or(0) + 1);
                Ok(())
            }
            Err(NotCommitted::Changed { .. }) => Err(Refusal::new(
                "lease_lost",
                "another invocation took the delivery over",
            )),
            Err(NotCommitted::Invalid(message)) => Err(Refusal::new("store_refused", message)),
            Err(NotCommitted::Unfinished(refusal)) => Err(refusal),
        }
    }
}

impl<E> Delivery<'_, E> {
    fn identity(&self) -> Identity<'_> {
        Identity {
            payload_sha256: &self.entry.payload_sha256,
            position: self.position,
        }
    }
}
