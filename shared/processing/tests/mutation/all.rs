//! The engine's tests as one program, for mutation testing: linking five for each mutant would take longer.
//!
//! It is built by `make mutants` alone, and has no test of its own.

#![allow(
    clippy::duplicate_mod,
    reason = "each of them brings what the tests share"
)]

#[path = "../command.rs"]
mod command;
#[path = "../decide.rs"]
mod decide;
#[path = "../deliver.rs"]
mod deliver;
#[path = "../effort.rs"]
mod effort;
#[path = "../large_values.rs"]
mod large_values;
#[path = "../order.rs"]
mod order;
#[path = "../park_and_fence.rs"]
mod park_and_fence;
#[path = "../redrive.rs"]
mod redrive;
#[path = "../relay.rs"]
mod relay;
#[path = "../unpark.rs"]
mod unpark;
#[path = "../work.rs"]
mod work;
