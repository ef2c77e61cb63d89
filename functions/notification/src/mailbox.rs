//! Mail that goes into a table instead of out: for systems on one machine, and for tests.
//!
//! Unlike the real thing it knows by its token a mail that it has already, so that twice is once.

use event_schema::{EventId, Timestamp};
use processing::{
    Attempt, Cancellation, Change, CommitError, Expect, Item, ItemKey, Key, Store, Transaction,
    Write,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mail::{Mail, MailError, Mailer};

/// A mail in the mailbox, keyed by whom the event names and by the delivery's token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailboxEntry {
    /// Whom the event names.
    pub recipient: String,
    /// The token of the delivery.
    pub token: String,
    /// Where mail reaches them; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The language, as a BCP 47 tag.
    pub locale: String,
    /// The subject.
    pub subject: String,
    /// What it says.
    pub body: String,
    /// The event that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// When that happened.
    pub requested_at: Timestamp,
}

impl Item for MailboxEntry {
    const TABLE: &'static str = "mailbox";

    fn key(&self) -> Key {
        Key::from((&self.recipient, &self.token))
    }
}

/// Puts mail into a store. It needs no address.
#[derive(Clone, Debug)]
pub struct Mailbox<S>(S);

impl<S: Store> Mailbox<S> {
    /// Puts mail into this store.
    pub fn new(store: S) -> Self {
        Self(store)
    }
}

impl<S: Store> Mailer for Mailbox<S> {
    async fn send(&self, mail: &Mail, attempt: &Attempt) -> Result<(), MailError> {
        let entry = MailboxEntry {
            recipient: mail.recipient.as_str().to_owned(),
            token: attempt.token.clone(),
            address: mail.address.clone(),
            locale: mail.text.locale.as_str().to_owned(),
            subject: mail.text.subject.clone(),
            body: mail.text.body.clone(),
            event_id: mail.event_id.clone(),
            requested_at: mail.requested_at,
        };
        let key = ItemKey::of::<MailboxEntry>(entry.key())
            .map_err(|_it_names_the_recipient| refused("the recipient can be no key"))?;
        let Ok(Value::Object(body)) = serde_json::to_value(&entry) else {
            return Err(refused("the mail can be no item"));
        };
        let write = Write {
            key,
            expect: Expect::Absent,
            change: Change::Put(body),
        };
        let transaction = Transaction {
            token: token(attempt),
            writes: vec![write],
        };
        match self.0.commit(&transaction).await {
            Ok(()) => Ok(()),
            Err(error) => settled(error),
        }
    }
}

/// An attempt's own: what a mail says may have changed since the last, and a token stands for one content.
fn token(attempt: &Attempt) -> String {
    let plain: String = attempt
        .token
        .chars()
        .filter(|c| *c != '-')
        .take(30)
        .collect();
    format!("{plain}-{}", attempt.number % 10_000)
}

fn settled(error: CommitError) -> Result<(), MailError> {
    Err(match error {
        CommitError::Cancelled(reasons) => match reasons.into_iter().flatten().next() {
            // It is there already.
            Some(Cancellation::ConditionFailed) => return Ok(()),
            Some(Cancellation::Invalid(_may_name_values)) => refused("the mail is no item"),
            Some(Cancellation::Conflict | Cancellation::Throttled) | None => {
                MailError::Throttled("the mailbox is busy".into())
            }
        },
        CommitError::Throttled(cause) => MailError::Throttled(cause),
        CommitError::Unknown(cause) | CommitError::Unavailable(cause) => {
            MailError::Unavailable(cause)
        }
        CommitError::Invalid(cause) => MailError::Refused(cause),
    })
}

fn refused(why: &'static str) -> MailError {
    MailError::Refused(why.into())
}
