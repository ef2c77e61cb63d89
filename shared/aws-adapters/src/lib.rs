//! The engine's ports on AWS: the store on `DynamoDB`, dead letters on SQS, logs and metrics for `CloudWatch`,
//! and the loop that runs a handler as a Lambda function.
//!
//! A function's `main.rs` needs [`run_decide`] alone, [`run_http`] where it answers requests, or [`run_relay`]. Tools use
//! [`DynamoStore`], [`tables`] and [`QueueMessage`] by themselves.
//!
//! It deliberately decides nothing: what a record does is the handler's business, what happens when a call
//! fails is the engine's. It only says what AWS answered, in the engine's words.

mod call;
mod dead_letters;
mod http;
mod payloads;
mod relay;
mod run;
mod ses;
mod settings;
mod store;
pub mod tables;
mod telemetry;
mod timer;

pub use dead_letters::{
    CALL_BYTES_MAX, CALL_ENTRIES_MAX, DEAD_LETTER_VERSION, DeadLetterDocument, DocumentError,
    LETTER_BYTES_MAX, LETTER_PREFIX, MESSAGE_BYTES_MAX, OffsetRange, OnFailureDocument,
    QueueMessage, RECORD_BYTES_MAX, SqsDeadLetters,
};
pub use http::{HttpAnswer, HttpPorts, run_http};
pub use payloads::S3Payloads;
pub use relay::{NoPublisher, run_relay};
pub use run::{MailPorts, RunError, run_decide, run_deliver, run_mail};
pub use ses::{Ses, SesAnswer, SesFailure, SesMailer};
pub use settings::{LogFormat, Settings, SettingsError, SettingsProblem};
pub use store::{DynamoStore, INDEX_PAGE_ITEMS_MAX, IndexQuery, LOAD_ROUNDS_MAX};
pub use telemetry::{HTTP_METRICS, METRICS, RELAY_METRICS};
pub use timer::SystemTimer;
