//! Doubles with behaviour, fault plans, models of the mapping, and the checks that every function and
//! every store must pass.
//!
//! The doubles ([`MemoryStore`], [`MemoryDeadLetters`], [`MemoryPayloads`], [`VirtualTimer`]) do what the real things promise,
//! with nothing to expect beforehand; tests look at what is there afterwards.
//!
//! For tests only. It has no network, no real clock and no randomness without a seed.

pub mod conformance;

mod faults;
mod kafka_event;
mod mapping;
mod memory_dead_letters;
mod memory_payloads;
mod memory_publisher;
mod memory_store;
mod report;
mod rig;
mod store_conformance;
mod virtual_timer;

pub use faults::{
    Fault, FaultPlan, FaultyDeadLetters, FaultyPayloads, FaultyStore, Port, PortCall, Random,
};
pub use kafka_event::{CLUSTER_ARN, EventBuilder, INVOCATION_SECONDS, KafkaRecord, invocation};
pub use mapping::{
    BATCH_RECORDS_MAX, DELIVERIES_MAX, Deliveries, INVOCATION_PAUSE, Invoked, InvokedEnd,
    MappingModel, Reading,
};
pub use memory_dead_letters::MemoryDeadLetters;
pub use memory_payloads::MemoryPayloads;
pub use memory_publisher::MemoryPublisher;
pub use memory_store::{MemoryStore, StoreCalls, TOKEN_SECONDS, item_key};
pub use rig::Rig;
pub use store_conformance::store_conformance;
pub use virtual_timer::{IDLE_POLLS, VirtualTimer};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what doubles share. A test that panicked while it held the lock has failed already; what it left
/// behind is still worth looking at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
