//! Feeds any payload to the engine as a redrive; what has to hold is in `checks.rs`.

#![no_main]

#[path = "../checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| checks::check(payload));
