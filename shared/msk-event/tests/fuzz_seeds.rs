//! Every kept input of the fuzz target `msk_event`: what fuzzing found stays found, without nightly Rust.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;

#[test]
fn every_kept_input_is_read_by_its_contract() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/msk_event");
    let mut inputs = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        checks::check(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{folder} is empty");
}
