//! A mail system that fails, forgets to answer, and writes down everything that it is asked to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use event_schema::events::NotificationRequested;
use processing::{Attempt, Deliver, Outcome, Processed, Record, Rejection};

use crate::broker::Place;
use crate::faults::Fault;
use crate::ports::Line;
use crate::sim::{ENDED, TaskId};

/// A mail that went out.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) event_id: String,
    pub(crate) token: String,
    pub(crate) place: Place,
    /// Its invocation stood still until after its time was up: no lease can keep that from happening.
    pub(crate) late: bool,
}

#[derive(Debug, Default)]
struct Desk {
    sent: Vec<Sent>,
    under_way: Vec<Trial>,
    /// By event: the last attempt that sent it.
    last: BTreeMap<String, LastSend>,
    /// Events that some invocation reported as delivered.
    reported: BTreeSet<String>,
    faults: Vec<String>,
}

/// An attempt that has not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trial {
    event_id: String,
    task: TaskId,
    /// From then on its invocation has no business to deliver; only one that stood still would.
    until_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct LastSend {
    task: TaskId,
    /// How much had gone wrong for its invocation when that learned that the mail was sent; `None` if it
    /// never did.
    troubles_when_told: Option<u64>,
}

/// A handle on the mail system; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail(Arc<Mutex<Desk>>);

impl Mail {
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.lock().unwrap().sent.clone()
    }

    /// What should never have happened, as far as the mail system can tell.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.0.lock().unwrap().faults.clone()
    }

    /// Notes what an invocation says that it delivered.
    pub(crate) fn note_finished<E>(&self, processed: &Result<Processed, E>) {
        let records = processed.iter().flat_map(|processed| &processed.records);
        let applied = records.filter(|record| record.outcome == Outcome::Applied);
        let ids = applied.filter_map(|record| Some(record.event_id.as_ref()?.to_string()));
        self.0.lock().unwrap().reported.extend(ids);
    }
}

/// The function's handler.
pub(crate) struct MailHandler {
    pub(crate) mail: Mail,
    pub(crate) line: Line,
}

impl Deliver for MailHandler {
    type Event = NotificationRequested;
    const NAME: &'static str = "mail";

    async fn deliver(
        &self,
        record: &Record<NotificationRequested>,
        attempt: &Attempt,
    ) -> Result<(), Rejection> {
        let event_id = record
            .event_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let sim = &self.line.sim;
        let remaining_ms = i64::try_from(attempt.remaining.as_millis()).unwrap_or(0);
        let trial = Trial {
            event_id: event_id.clone(),
            task: self.line.task,
            until_ms: sim.now_ms() + remaining_ms,
        };
        let under_way = self.begin(trial);
        let turn = self
            .line
            .before("mail", &[Fault::MailRefuses, Fault::MailAnswerLost])
            .await;
        if turn.own == Some(Fault::MailRefuses) {
            return Err(Rejection::transient("mail_down", "the mail system is down"));
        }
        let sent = Sent {
            event_id: event_id.clone(),
            token: attempt.token.clone(),
            place: Place::of(&record.position, 0),
            late: sim.now_ms() >= under_way.trial.until_ms,
        };
        self.send(sent);
        self.line.after(turn).await;
        if turn.own == Some(Fault::MailAnswerLost) {
            return Err(Rejection::transient(
                "mail_silent",
                "the mail system did not answer",
            ));
        }
        // One that learns it after its time was up can do nothing with it any more.
        // Nor can one that comes to a stop in another of its lanes at this very moment.
        let in_time = sim.now_ms() < under_way.trial.until_ms;
        if in_time && !sim.is_frozen(self.line.task) {
            self.note_told(&event_id);
        }
        Ok(())
    }
}

impl MailHandler {
    fn begin(&self, trial: Trial) -> UnderWay {
        let now_ms = self.line.sim.now_ms();
        let mut desk = self.mail.0.lock().unwrap();
        let at_once = |other: &Trial| other.event_id == trial.event_id && now_ms < other.until_ms;
        if desk.under_way.iter().any(at_once) {
            desk.faults
                .push(format!("{} is delivered by two at once", trial.event_id));
        }
        desk.under_way.push(trial.clone());
        UnderWay {
            mail: self.mail.clone(),
            trial,
        }
    }

    fn note_told(&self, event_id: &str) {
        let troubles = self.line.sim.troubles(self.line.task);
        let mut desk = self.mail.0.lock().unwrap();
        let last = desk.last.get_mut(event_id);
        if let Some(last) = last.filter(|last| last.task == self.line.task && troubles < ENDED) {
            last.troubles_when_told = Some(troubles);
        }
    }

    fn send(&self, sent: Sent) {
        let sim = &self.line.sim;
        sim.note(|| format!("#{} mail for {} goes out", self.line.task, sent.place));
        let in_time = !sent.late;
        let mut desk = self.mail.0.lock().unwrap();
        let event_id = sent.event_id.clone();
        if in_time && desk.reported.contains(&event_id) {
            desk.faults.push(format!(
                "{event_id} is sent after it was reported as delivered"
            ));
        }
        if let Some(last) = desk.last.get(&event_id).copied() {
            sim.count(Fault::SentAgain);
            let untold = |told| sim.troubles(last.task) > told;
            if in_time && !last.troubles_when_told.is_none_or(untold) {
                desk.faults.push(format!(
                    "{event_id} is sent again although nothing went wrong"
                ));
            }
        }
        let last = LastSend {
            task: self.line.task,
            troubles_when_told: None,
        };
        desk.last.insert(event_id, last);
        desk.sent.push(sent);
    }
}

/// Ends a trial when its future comes back or is dropped.
struct UnderWay {
    mail: Mail,
    trial: Trial,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut desk = self.mail.0.lock().unwrap();
        if let Some(index) = desk.under_way.iter().position(|trial| *trial == self.trial) {
            desk.under_way.remove(index);
        }
    }
}
