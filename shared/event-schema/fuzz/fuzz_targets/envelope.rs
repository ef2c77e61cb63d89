//! Feeds any bytes to the reader of every event type; what has to hold is in `checks.rs`.

#![no_main]

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| checks::check(value));
