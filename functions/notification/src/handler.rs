//! Delivers a notification: to which address, in which language, by which mailer.
//!
//! When it is tried again and when it is given up is the engine's business; how mail travels is the mailer's.

use event_schema::events::{NotificationChannel, NotificationRequested};
use processing::{Attempt, Deliver, Record, Rejection, Retry, Store};

use crate::directory::{Directory, Profile};
use crate::mail::{Mail, MailError, Mailer};
use crate::template::{Locale, text};

/// Handles `notification.requested`.
#[derive(Clone, Debug)]
pub struct NotificationHandler<S, M> {
    directory: Directory<S>,
    mailer: M,
}

impl<S: Store, M: Mailer> NotificationHandler<S, M> {
    /// Puts a handler together from where profiles are and what sends mail.
    pub fn new(directory: Directory<S>, mailer: M) -> Self {
        Self { directory, mailer }
    }
}

impl<S: Store, M: Mailer> Deliver for NotificationHandler<S, M> {
    type Event = NotificationRequested;
    const NAME: &'static str = "notification";
    const RETRY: Retry = Retry::DEFAULT;

    async fn deliver(
        &self,
        record: &Record<NotificationRequested>,
        attempt: &Attempt,
    ) -> Result<(), Rejection> {
        let event = &record.event;
        if event.channel != NotificationChannel::Email {
            return Err(Rejection::permanent(
                "unsupported_channel",
                "notifications go out by e-mail only",
            ));
        }
        let profile = self.directory.profile(&event.recipient).await?;
        let text = text(&event.kind, language(event, profile.as_ref()), &event.data)
            .ok_or_else(|| Rejection::permanent("unknown_kind", "there is no text of its kind"))?;
        let mail = Mail {
            recipient: event.recipient.clone(),
            address: address(event, profile),
            text,
            event_id: record.event_id.clone(),
            requested_at: record.timestamp,
        };
        self.mailer.send(&mail, attempt).await.map_err(rejection)
    }
}

/// The event's language, else that of the user, else English.
fn language(event: &NotificationRequested, profile: Option<&Profile>) -> Locale {
    let of_event = event.locale.as_deref();
    let of_user = profile.and_then(|profile| profile.locale.as_deref());
    let mut tags = of_event.into_iter().chain(of_user);
    tags.find_map(Locale::of).unwrap_or_default()
}

/// The recipient, where it is an address; else that of the user's profile.
fn address(event: &NotificationRequested, profile: Option<Profile>) -> Option<String> {
    let recipient = event.recipient.as_str();
    if recipient.contains('@') {
        return Some(recipient.to_owned());
    }
    let address = profile?.email?.into_string();
    address.contains('@').then_some(address)
}

fn rejection(error: MailError) -> Rejection {
    let rejection = match &error {
        MailError::NoAddress => {
            Rejection::permanent("unknown_address", "nobody knows where mail reaches it")
        }
        MailError::Refused(_) => {
            Rejection::permanent("mail_refused", "the mail will never be accepted")
        }
        MailError::SenderUnverified(_) => Rejection::permanent(
            "sender_unverified",
            "the sender or the recipient is not verified",
        ),
        MailError::Throttled(_) => {
            Rejection::transient("mail_throttled", "the mail system asked for patience")
        }
        MailError::Unavailable(_) => {
            Rejection::transient("mail_unavailable", "the mail system is unavailable")
        }
    };
    rejection.caused_by(error)
}
