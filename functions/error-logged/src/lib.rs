//! `error-logged`: groups errors by what they have in common, and tells operations of critical ones.

mod handler;
mod items;
mod message;

pub use handler::{ErrorLoggedHandler, OPERATIONS};
pub use items::{ALERT_WINDOW_MS, Alert, ErrorGroup, Sample, fingerprint_of};
pub use message::{masked, normalised};
