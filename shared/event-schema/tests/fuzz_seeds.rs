//! Every kept input of the fuzz target `envelope`: what fuzzing found stays found, without nightly Rust.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;

#[test]
fn every_kept_input_is_read_by_its_contract() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/envelope");
    let mut inputs = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        checks::check(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{folder} is empty");
}
