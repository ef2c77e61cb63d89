//! One execution environment: a task that owns a process and takes it through its life.
//!
//! Starting (until it asks for work) → running (until it answers) → settling (until it asks again) → waiting.
//! Everything that happens to the environment arrives here, one thing at a time: calls of the Runtime API, work
//! from the pool, the end of the process, the passing of a deadline. An environment that failed is never reused.
//!
//! It chooses no work and keeps no queue: the pool hands it one invocation at a time.

use std::future::pending;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::outcome::{Failure, Invocation};
use super::pool::Pool;
use super::process::Process;
use crate::serving::{StopSignal, answer};

/// The messages an environment may have before their senders wait.
const INBOX_MESSAGES_MAX: usize = 16;

/// The way to an environment.
pub(super) type Inbox = mpsc::Sender<Message>;

/// One invocation on its way to a function.
///
/// When `reply` is dropped unanswered, the function has not seen the work, unless the server is stopping.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: String,
    pub(super) reply: oneshot::Sender<Invocation>,
}

/// What the Runtime API's `next` hands to the function.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: String,
    pub(super) deadline_epoch_milliseconds: u128,
    pub(super) arn: String,
}

/// What the function posted for an invocation.
#[derive(Debug)]
pub(super) enum Posted {
    Response(Bytes),
    Error(Bytes),
    TooLarge { bytes: usize },
}

/// What can be asked of an environment; an answer of false refuses, a dropped asker's channel too.
#[derive(Debug)]
pub(super) enum Message {
    Work(Work),
    Next {
        reply: oneshot::Sender<Delivery>,
    },
    Post {
        request_id: String,
        posted: Posted,
        accepted: oneshot::Sender<bool>,
    },
    InitError {
        document: Bytes,
        accepted: oneshot::Sender<bool>,
    },
    /// Answered when the environment is gone, with what it was doing when it was killed.
    Kill {
        gone: oneshot::Sender<KilledWhile>,
    },
}

/// What an environment was doing when it was killed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KilledWhile {
    /// Its process had not asked for work yet.
    Starting,
    /// It had an invocation and had not answered it.
    Invoked,
    /// It waited for work, or was about to ask for it.
    Idle,
}

/// A live environment; it runs as its own task until the process ends.
pub(super) struct Environment {
    id: String,
    pool: Arc<Pool>,
    process: Process,
    inbox: mpsc::Receiver<Message>,
    inbox_sender: Inbox,
    stop: StopSignal,
    phase: Phase,
    /// Work that waits for the function to ask for it.
    queued: Option<Work>,
    /// The function's open request for work.
    asking: Option<oneshot::Sender<Delivery>>,
    /// Those who wait for this environment to be gone.
    mourners: Vec<(oneshot::Sender<KilledWhile>, KilledWhile)>,
    /// The place among the function's environments, given back when the process is gone.
    place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Phase {
    Starting {
        until: Instant,
    },
    Running {
        request_id: String,
        reply: oneshot::Sender<Invocation>,
        until: Instant,
    },
    Settling {
        until: Instant,
    },
    Waiting,
}

impl Phase {
    fn seen_by_a_killer(&self) -> KilledWhile {
        match self {
            Self::Starting { .. } => KilledWhile::Starting,
            Self::Running { .. } => KilledWhile::Invoked,
            Self::Settling { .. } | Self::Waiting => KilledWhile::Idle,
        }
    }

    fn until(&self) -> Option<Instant> {
        match self {
            Self::Starting { until } | Self::Running { until, .. } | Self::Settling { until } => {
                Some(*until)
            }
            Self::Waiting => None,
        }
    }
}

#[derive(Debug)]
enum End {
    DeadlinePassed,
    InitFailed { document: Bytes },
    Exited { status: io::Result<ExitStatus> },
    Stopped,
}

impl Environment {
    /// Starts a process for `work`; a process that cannot be started answers the work at once.
    pub(super) fn start(pool: Arc<Pool>, place: OwnedSemaphorePermit, work: Work) {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let registry = pool.registry();
        let (inbox_sender, inbox) = mpsc::channel(INBOX_MESSAGES_MAX);
        // Registered first: the process may call before this function returns.
        registry.insert(&id, &pool.function().name, inbox_sender.clone());
        let runtime_api = registry.runtime_api(&id);
        match Process::start(pool.function(), &id, &runtime_api, &registry.options().logs) {
            Ok(process) => {
                pool.counters().environments_started.add();
                let stop = registry.stop_signal();
                let phase = Phase::Starting {
                    until: Instant::now() + registry.options().init_timeout,
                };
                let environment = Self {
                    id,
                    process,
                    inbox,
                    inbox_sender,
                    stop,
                    phase,
                    queued: Some(work),
                    asking: None,
                    mourners: Vec::new(),
                    place,
                    pool,
                };
                tokio::spawn(environment.live());
            }
            Err(source) => {
                registry.remove(&id);
                drop(place);
                pool.counters().crashes.add();
                let binary = pool.function().binary.clone();
                let failure = Failure::NotStarted { binary, source };
                answer(work.reply, failure.invocation(&work.request_id));
            }
        }
    }

    async fn live(mut self) {
        let end = self.until_the_end().await;
        tracing::debug!(
            function = self.pool.function().name,
            environment = self.id,
            ?end,
            "ended"
        );
        self.retire(end).await;
    }

    async fn until_the_end(&mut self) -> End {
        loop {
            let until = self.phase.until();
            let deadline = async {
                match until {
                    Some(instant) => sleep_until(instant).await,
                    None => pending().await,
                }
            };
            // In this order: an answer that has arrived counts even if the process or its time has ended.
            tokio::select! {
                biased;
                () = self.stop.raised() => return End::Stopped,
                Some(message) = self.inbox.recv() => {
                    if let Some(end) = self.receive(message) {
                        return end;
                    }
                }
                status = self.process.exited() => return End::Exited { status },
                () = deadline => return End::DeadlinePassed,
            }
        }
    }

    fn receive(&mut self, message: Message) -> Option<End> {
        match message {
            Message::Work(work) => {
                self.queued = Some(work);
                self.deliver();
            }
            Message::Next { reply } => self.ask(reply),
            Message::Post {
                request_id,
                posted,
                accepted,
            } => {
                let valid = self.post(&request_id, posted);
                answer(accepted, valid);
            }
            Message::InitError { document, accepted } => {
                let starting = matches!(self.phase, Phase::Starting { .. });
                answer(accepted, starting);
                if starting {
                    return Some(End::InitFailed { document });
                }
            }
            Message::Kill { gone } => {
                self.mourners.push((gone, self.phase.seen_by_a_killer()));
                self.process.kill();
            }
        }
        None
    }

    /// The function asks for work. Asking while it owes an answer is refused, by dropping the request.
    fn ask(&mut self, reply: oneshot::Sender<Delivery>) {
        if matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        self.phase = Phase::Waiting;
        self.asking = Some(reply);
        self.deliver();
    }

    /// Hands queued work to the function's open request, if there are both.
    fn deliver(&mut self) {
        let (work, asking) = match (self.queued.take(), self.asking.take()) {
            (Some(work), Some(asking)) => (work, asking),
            (queued, asking) => {
                self.queued = queued;
                self.asking = asking;
                return;
            }
        };
        let function = self.pool.function();
        let until = Instant::now() + function.timeout;
        let delivery = Delivery {
            request_id: work.request_id.clone(),
            payload: work.payload.clone(),
            trace_id: work.trace_id.clone(),
            deadline_epoch_milliseconds: (since_epoch() + function.timeout).as_millis(),
            arn: function.arn(),
        };
        if asking.send(delivery).is_ok() {
            self.phase = Phase::Running {
                request_id: work.request_id,
                reply: work.reply,
                until,
            };
        } else {
            // The request was given up, so the work is not seen: the function must ask again in time.
            self.queued = Some(work);
            self.phase = Phase::Settling { until };
        }
    }

    /// Takes the function's answer; an answer to anything but the running invocation is refused.
    fn post(&mut self, posted_for: &str, posted: Posted) -> bool {
        let (reply, until) = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Running {
                request_id,
                reply,
                until,
            } if request_id == posted_for => (reply, until),
            other => {
                self.phase = other;
                return false;
            }
        };
        let invocation = match posted {
            Posted::Response(payload) => Invocation::success(payload),
            Posted::Error(document) => Invocation::failure(document),
            Posted::TooLarge { bytes } => {
                Failure::ResponseTooLarge { bytes }.invocation(posted_for)
            }
        };
        // As in AWS, what the function does after its answer still counts against its time.
        self.phase = Phase::Settling { until };
        // Free before the caller knows, so that the caller's next invocation finds it warm.
        self.pool.free(&self.id, self.inbox_sender.clone());
        answer(reply, invocation);
        true
    }

    /// Ends the process, gives the place back and only then answers, so that a retry is not throttled.
    async fn retire(mut self, end: End) {
        self.process.end().await;
        let Self {
            id,
            pool,
            phase,
            queued,
            place,
            mourners,
            ..
        } = self;
        drop(place);
        pool.forget(&id);
        pool.registry().remove(&id);
        let owed = match phase {
            Phase::Running {
                request_id, reply, ..
            } => Some((request_id, reply, false)),
            Phase::Starting { .. } => queued.map(|work| (work.request_id, work.reply, true)),
            // The function has not seen what is queued: its reply is dropped and the pool tries elsewhere.
            Phase::Settling { .. } | Phase::Waiting => None,
        };
        let timeout = if matches!(owed, Some((_, _, true))) {
            pool.registry().options().init_timeout
        } else {
            pool.function().timeout
        };
        count(&pool, &end);
        if let Some((request_id, reply, starting)) = owed
            && let Some(invocation) = last_words(end, &request_id, starting, timeout)
        {
            answer(reply, invocation);
        }
        for (mourner, doing) in mourners {
            answer(mourner, doing);
        }
    }
}

fn count(pool: &Pool, end: &End) {
    match end {
        End::DeadlinePassed => pool.counters().timeouts.add(),
        End::Exited { .. } | End::InitFailed { .. } => pool.counters().crashes.add(),
        End::Stopped => {}
    }
}

/// What the invocation of an ended environment comes to; none when the server is stopping.
fn last_words(end: End, request_id: &str, starting: bool, timeout: Duration) -> Option<Invocation> {
    let failure = match end {
        End::DeadlinePassed if starting => Failure::InitTimedOut { timeout },
        End::DeadlinePassed => Failure::TimedOut { timeout },
        End::Exited { status } => Failure::Exited { status },
        End::InitFailed { document } => return Some(Invocation::failure(document)),
        End::Stopped => return None,
    };
    Some(failure.invocation(request_id))
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
