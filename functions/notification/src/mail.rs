//! The port to what sends mail, and what can come of it.
//!
//! An implementation tries once: the engine tries again.

use std::fmt;
use std::future::Future;

use event_schema::{EventId, Recipient, Timestamp};
use processing::{Attempt, Cause};

use crate::template::Text;

/// A mail to be sent. `Debug` shows neither whom it is for nor what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whom the event names: a user id or an address.
    pub recipient: Recipient,
    /// Where mail reaches them; none where nobody knows.
    pub address: Option<String>,
    /// What it says.
    pub text: Text,
    /// The event that asked for it.
    pub event_id: Option<EventId>,
    /// When that happened.
    pub requested_at: Timestamp,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("event_id", &self.event_id)
            .finish_non_exhaustive()
    }
}

/// Sends mail.
pub trait Mailer: Send + Sync + 'static {
    /// Sends a mail, once. [`Attempt::token`] is the same for every attempt at it: a mailer that can tell by it
    /// that the mail was sent answers `Ok` and sends nothing.
    ///
    /// # Errors
    /// See [`MailError`].
    fn send(
        &self,
        mail: &Mail,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), MailError>> + Send;
}

/// Why a mail was not sent, or may not have been. Causes name no recipient: they are logged.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It needs an address, and there is none.
    #[error("there is no address")]
    NoAddress,
    /// It will never be accepted.
    #[error("the mail was refused")]
    Refused(#[source] Cause),
    /// The sender, or in a sandbox the recipient, is not verified.
    #[error("an address is not verified")]
    SenderUnverified(#[source] Cause),
    /// The mail system asked for patience.
    #[error("the mail system throttled the call")]
    Throttled(#[source] Cause),
    /// It could not be reached, failed, or denied access; the mail may have been sent.
    #[error("the mail system is unavailable")]
    Unavailable(#[source] Cause),
}
