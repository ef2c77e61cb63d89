//! The engine of Tailrace: a batch of Kafka records as one unit of work, each record once and in key order.
//!
//! An author writes one pure function ([`Decide`]); the engine finds out what it reads by running it, loads
//! that for the whole batch, decides record by record, and commits each record's effects, its mark and its
//! outgoing events in one transaction. For effects outside the database there is [`Deliver`], and for work that a
//! caller asks for there is [`Command`].
//!
//! It knows no AWS SDK, no Lambda runtime, and no clock of its own: [`Store`], [`DeadLetters`], [`Payloads`] and
//! [`Timer`] are handed in.

mod batch;
mod command;
mod command_engine;
mod commit;
mod dead_letter;
mod deadline;
mod decide;
mod deliver;
mod deliver_engine;
mod engine;
mod item;
mod lease;
mod loader;
mod mark;
mod outbox;
mod pack;
mod park;
mod payload;
mod plan;
mod ports;
mod record;
mod rejection;
mod relay;
mod report;
mod store;
mod transact;
mod unpark;
mod view;
mod work;

pub use command::{Call, Command, CommandError, Done};
pub use command_engine::{
    ANSWER_BYTES_MAX, ANSWERS_KEPT_SECONDS, CALL_ID_BYTES_MAX, CommandEngine,
};
pub use commit::CHAINS_IN_FLIGHT_MAX;
pub use dead_letter::{DeadLetter, LetterPosition};
pub use decide::{Decide, Dedup, OnPoison};
pub use deliver::{Attempt, Deliver, Pause, Retry};
pub use deliver_engine::{DeliverEngine, LANES_IN_FLIGHT_MAX};
pub use engine::{
    ATTEMPTS_MAX, DecideEngine, EngineSettings, Invocation, MARKS_KEPT_SECONDS, Processor,
};
pub use item::{Item, Key};
pub use loader::{LOAD_TRIES_MAX, LOADS_IN_FLIGHT_MAX};
pub use mark::{Mark, STATE_TABLE};
pub use msk_event::EventError;
pub use outbox::{EVENT_BYTES_MAX, OUTBOX_TABLE, OutboxEvent, ROW_BYTES_MAX, ROW_EVENTS_MAX};
pub use park::{RECORD_ROWS_MAX, ROW_CHUNK_BYTES_MAX};
pub use payload::{PAYLOAD_BYTES_AT_ONCE_MAX, PAYLOADS_IN_FLIGHT_MAX, RECORD_PAYLOAD_BYTES_MAX};
pub use plan::ROUNDS_MAX;
pub use ports::{DeadLetterError, DeadLetters, NoPayloads, PayloadError, Payloads, Timer};
pub use record::Record;
pub use rejection::{Refusal, Rejection};
pub use relay::{
    OutboxLane, PublishError, PublishFailure, Publisher, RELAY_EVENTS_MAX,
    RELAY_LANES_IN_FLIGHT_MAX, Relay, RelaySettings, Relayed, SWEEP_PAGES_MAX, SWEEP_ROWS_MAX,
};
pub use report::{Answer, Effort, Outcome, Processed, RecordReport};
pub use store::{
    Addition, Body, Cancellation, Cause, Change, CommitError, Expect, ITEM_BYTES_MAX, ItemKey,
    LOAD_KEYS_MAX, PARTITION_KEY_BYTES_MAX, Query, SORT_KEY_BYTES_MAX, Store, StoreError, Stored,
    TRANSACTION_BYTES_MAX, TRANSACTION_WRITES_MAX, Transaction, Write, number, number_value,
};
pub use transact::COMMIT_TRIES_MAX;
pub use unpark::UNPARK_PAGES_MAX;
pub use work::{Added, QUERY_LIMIT_MAX, Work};
