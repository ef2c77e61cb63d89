//! Feeds any text to the readers of the dead-letter queue's messages; what has to hold is in `checks.rs`.
//!
//! It takes the files that write and read letters, not the crate: they know neither SQS nor the SDK.

#![no_main]
#![allow(dead_code, reason = "the crate uses more of these files")]

#[path = "../../src/dead_letters/document.rs"]
mod document;
#[path = "../../src/dead_letters/on_failure.rs"]
mod on_failure;
#[path = "../../src/dead_letters/packing.rs"]
mod packing;
#[path = "../../src/dead_letters/pointer.rs"]
mod pointer;
#[path = "../../src/dead_letters/queue_message.rs"]
mod queue_message;

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::check(bytes));
