//! One invocation of the function under test: its execution environment with its own clock, and the engine,
//! or a protocol that is known to be wrong in its place.

use std::fmt;
use std::time::Duration;

use futures_util::future::{Either, select};
use msk_event::EventError;
use processing::{
    Answer, DecideEngine, DeliverEngine, EngineSettings, Invocation, Outcome, Processed, Processor,
};
use testkit::{MemoryDeadLetters, MemoryStore};
use tokio::sync::oneshot;

use crate::broker::Produced;
use crate::faults::Fault;
use crate::functions::orders::Orders;
use crate::functions::{Activities, Coupons, Function, Ledger, ParkingLedger};
use crate::mail::{Mail, MailHandler};
use crate::mutants::{Mutant, MutantStore, batch_ends, rewrite};
use crate::naive::Naive;
use crate::operator::Fix;
use crate::ports::{Line, SimLetters, SimStore, SimTimer};
use crate::sim::{Sim, TaskId};

/// How long an invocation may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);

/// How an invocation ended, as whoever started it sees it.
#[derive(Debug)]
pub(crate) enum End<A> {
    Answered(A),
    /// The function refused the payload, or its process went.
    Failed,
    TimedOut,
}

/// Waits for an invocation, or gives it up. What is given up may be gone, or go on for as long as it likes:
/// the two faults count that it timed out, and that it goes on.
pub(crate) async fn wait<A: fmt::Debug>(
    sim: &Sim,
    task: TaskId,
    answered: oneshot::Receiver<Option<A>>,
    [timed_out, zombie]: [Fault; 2],
) -> End<A> {
    let end = match select(answered, sim.sleep(TIMEOUT)).await {
        Either::Left((Ok(Some(answer)), _)) => End::Answered(answer),
        Either::Left((Ok(None) | Err(_), _)) => End::Failed,
        Either::Right(_) => {
            sim.count(timed_out);
            if sim.chance(50) {
                sim.kill(task);
            } else {
                sim.count(zombie);
            }
            End::TimedOut
        }
    };
    sim.note(|| format!("#{task} ends: {end:?}"));
    end
}

/// Starts invocations.
#[derive(Clone)]
pub(crate) struct Invoker {
    pub(crate) sim: Sim,
    pub(crate) function: Function,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) partial_batch_response: bool,
    pub(crate) store: MemoryStore,
    pub(crate) letters: MemoryDeadLetters,
    pub(crate) mail: Mail,
    pub(crate) fix: Fix,
}

impl Invoker {
    /// Starts an invocation; `None` is answered when the payload was refused.
    pub(crate) fn start(
        &self,
        payload: Vec<u8>,
        records: &[Produced],
        answer: oneshot::Sender<Option<Answer>>,
    ) -> TaskId {
        let task = self.sim.new_task();
        let line = Line {
            sim: self.sim.clone(),
            task,
            fixed: self.fix.is_rolled_out(),
        };
        let timeout_ms = i64::try_from(TIMEOUT.as_millis()).unwrap();
        let invocation = Invocation {
            request_id: format!("request-{task}"),
            deadline: event_schema::Timestamp::from_ms(self.sim.now_ms() + timeout_ms),
        };
        let environment = Environment {
            store: MutantStore {
                inner: SimStore {
                    line: line.clone(),
                    inner: self.store.clone(),
                },
                mutant: self.mutant,
                batch_ends: batch_ends(records),
                began_ms: self.sim.now_ms(),
            },
            letters: SimLetters {
                line: line.clone(),
                inner: self.letters.clone(),
            },
            timer: line.timer(),
            settings: EngineSettings {
                partial_batch_response: self.partial_batch_response,
                ..EngineSettings::default()
            },
            line,
        };
        let this = self.clone();
        self.sim.spawn_as(task, async move {
            let processed = this.process(environment, &payload, &invocation).await;
            this.sim
                .note(|| format!("#{task} says: {}", text(&processed)));
            this.mail.note_finished(&processed);
            let processed = processed
                .ok()
                .map(|processed| rewrite(this.mutant, processed.answer));
            // The mapping may not listen any more.
            drop(answer.send(processed));
        });
        task
    }

    async fn process(
        &self,
        environment: Environment,
        payload: &[u8],
        invocation: &Invocation,
    ) -> Result<Processed, EventError> {
        let Environment {
            store,
            letters,
            timer,
            settings,
            line,
        } = environment;
        if let Some(protocol) = self.mutant.and_then(Mutant::protocol) {
            let partial_batch_response = settings.partial_batch_response;
            return Naive {
                protocol,
                store,
                timer,
                partial_batch_response,
            }
            .process(payload, invocation)
            .await;
        }
        match self.function {
            Function::Ledger => {
                let engine = DecideEngine::new(Ledger(line), store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
            Function::ParkingLedger => {
                let engine =
                    DecideEngine::new(ParkingLedger(line), store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
            Function::Coupons => {
                let engine = DecideEngine::new(Coupons(line), store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
            Function::Orders => {
                let engine = DecideEngine::new(Orders(line), store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
            Function::Activities => {
                let engine = DecideEngine::new(Activities(line), store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
            Function::Mail => {
                let handler = MailHandler {
                    mail: self.mail.clone(),
                    line,
                };
                let engine = DeliverEngine::new(handler, store, letters, timer, settings);
                engine.process(payload, invocation).await
            }
        }
    }
}

/// What an invocation has at hand.
struct Environment {
    store: MutantStore,
    letters: SimLetters,
    timer: SimTimer,
    settings: EngineSettings,
    line: Line,
}

fn text(processed: &Result<Processed, EventError>) -> String {
    let Ok(processed) = processed else {
        return format!("{processed:?}");
    };
    let records = processed.records.iter().map(|record| {
        let outcome = match &record.outcome {
            Outcome::DeadLettered(refusal) => format!("dead letter ({})", refusal.code),
            Outcome::Unfinished(refusal) => format!("unfinished ({})", refusal.code),
            other => format!("{other:?}"),
        };
        let offset = record.position.as_ref().map(ToString::to_string);
        format!("{} {outcome}", offset.unwrap_or_default())
    });
    records.collect::<Vec<_>>().join(", ")
}
