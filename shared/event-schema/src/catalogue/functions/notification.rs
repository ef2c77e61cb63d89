//! `notification`: what the others ask for goes out by mail.

use super::{FunctionSpec, TableUse};
use crate::{Deduplication, Event, events};

pub(super) const SPEC: FunctionSpec = FunctionSpec {
    tables: &[
        // Where `MAIL_TRANSPORT` is `mailbox`.
        TableUse::write("mailbox"),
        TableUse::read_write("state"),
        TableUse::read("users"),
    ],
    sends_mail: true,
    ..FunctionSpec::reading(
        "notification",
        &[events::NotificationRequested::SPEC],
        Deduplication::EventIdLeased,
    )
};
