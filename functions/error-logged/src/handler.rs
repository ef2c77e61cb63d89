//! Decides what a logged error does: its group counts it, and operations are told of a critical one.
//!
//! Which errors are one is [`crate::message`]'s business; what is done about them is for people.

use event_schema::Recipient;
use event_schema::events::{
    ErrorLogged, LogLevel, NotificationChannel, NotificationKind, NotificationRequested,
};
use processing::{Decide, Dedup, OnPoison, Record, Rejection, Work};

use crate::items::{Alert, ErrorGroup, Sample, fingerprint_of, window_of};
use crate::message::normalised;

/// The user id to which alerts go; its profile says where mail reaches operations.
pub const OPERATIONS: &str = "operations";

/// Handles `error.logged`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorLoggedHandler;

impl Decide for ErrorLoggedHandler {
    type Event = ErrorLogged;
    const NAME: &'static str = "error-logged";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(&self, record: &Record<ErrorLogged>, work: &mut Work<'_>) -> Result<(), Rejection> {
        let error = &record.event;
        let message = normalised(&error.message);
        let fingerprint = fingerprint_of(&error.service, error.error_type.as_deref(), &message);
        let stored = work.get::<ErrorGroup>(&fingerprint)?;
        let sample = Sample::of(record);
        let mut group =
            stored.unwrap_or_else(|| ErrorGroup::new(fingerprint, error, message, sample.clone()));
        group.take_in(sample);
        let window = window_of(record.timestamp);
        let is_news = (group.alert.as_ref()).is_none_or(|alert| alert.window < window);
        if error.level == LogLevel::Critical && is_news {
            group.alert = Some(Alert {
                window,
                event_id: work.next_event_id(),
            });
            alert(&group, work)?;
        }
        work.put(&group);
        Ok(())
    }
}

/// Says which group it is, and nothing that is personal.
fn alert(group: &ErrorGroup, work: &mut Work<'_>) -> Result<(), Rejection> {
    let recipient = Recipient::new(OPERATIONS).map_err(|error| {
        Rejection::permanent("invalid_recipient", "operations cannot be notified").caused_by(error)
    })?;
    work.publish(NotificationRequested {
        recipient,
        kind: NotificationKind::CriticalError,
        channel: NotificationChannel::default(),
        locale: None,
        data: [
            ("service", group.service.to_string()),
            ("error_type", group.error_type.clone().unwrap_or_default()),
            ("message", group.message.clone()),
            ("fingerprint", group.fingerprint.clone()),
            ("count", group.count.to_string()),
            ("first_seen", group.first_seen.to_string()),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect(),
    });
    Ok(())
}
