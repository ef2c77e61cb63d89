//! `notification`: delivers notifications by mail, once under a lease, in the reader's language.

mod directory;
mod handler;
mod mail;
mod mailbox;
mod settings;
mod template;

pub use directory::{Directory, Profile};
pub use handler::NotificationHandler;
pub use mail::{Mail, MailError, Mailer};
pub use mailbox::{Mailbox, MailboxEntry};
pub use settings::{Problem, Settings, Transport};
pub use template::{Locale, Text, text};
