//! Feeds any bytes to every reader of `msk-event`; what has to hold is in `checks.rs`.

#![no_main]

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::check(bytes));
