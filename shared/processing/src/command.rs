//! Commands: a unit of work that a caller asks for and waits for, where [`Decide`](crate::Decide) takes records.
//!
//! This is what an author writes and what a caller gets; how a command is loaded, committed and known again is
//! in `command_engine.rs`. Nothing here knows of HTTP or of any other way in which a caller asks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rejection::{Refusal, Rejection};
use crate::report::Effort;
use crate::work::Work;

/// A handler whose effects are changes of items and events to publish, and that has an answer.
///
/// `decide` is synchronous and pure, and may run more than once for a call, as that of
/// [`Decide`](crate::Decide). Its effects, its events and its answer are committed in one transaction with the
/// mark of the call's id.
pub trait Command: Send + Sync + 'static {
    /// What is asked for.
    type Request: Send + Sync;
    /// What the caller is told, now and whenever it asks again under the same id.
    type Answer: Serialize + DeserializeOwned + Send;
    /// The function's name. It scopes everything that is stored and never changes.
    const NAME: &'static str;

    /// Decides what one call does, and its answer.
    ///
    /// # Errors
    /// A [`Rejection`] undoes what was told to `work`; nothing is stored, and the same call is decided anew
    /// when it comes again.
    fn decide(
        &self,
        request: &Self::Request,
        work: &mut Work<'_>,
    ) -> Result<Self::Answer, Rejection>;
}

/// One call of a command.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, R> {
    /// What the caller knows the call by; the same id is the same call, however often it is made.
    pub id: &'a str,
    /// What is asked for, as bytes: under an id that was used for other bytes, nothing is done.
    pub payload: &'a [u8],
    /// What is asked for.
    pub request: &'a R,
    /// The W3C `traceparent` of the caller, which outgoing events carry on.
    pub traceparent: Option<&'a str>,
}

/// A call that is finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Done<A> {
    /// The answer; every call under the id has the same.
    pub answer: A,
    /// Whether the answer is that of an earlier call, and this one changed nothing.
    pub is_repeated: bool,
    /// What it cost.
    pub effort: Effort,
}

/// Why a call is not finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The id was used for another payload; nothing was done.
    #[error("the id was used for another payload")]
    IdReused,
    /// The handler refused, or what it wants cannot be stored; nothing was done.
    #[error("the call was refused: {}", .0.code)]
    Refused(Refusal),
    /// The store did not do it in time, or its answer is not known. Made again under the same id, the call
    /// takes effect once.
    #[error("the call is unfinished: {}", .0.code)]
    Unfinished(Refusal),
}

impl CommandError {
    /// The bounded code of the cause, for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::IdReused => "id_reused",
            Self::Refused(refusal) | Self::Unfinished(refusal) => refusal.code,
        }
    }
}
