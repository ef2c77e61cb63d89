//! The catalogue: every event type, every function, and what all topics share (design §3.2).
//!
//! Adding an event type is one line of [`EVENTS`]; its columns stand beside its payload in
//! [`crate::events`]. SAM, CDK, the local platform and the tests follow from the document that is
//! written from here, `events/catalog.json`. Nothing here talks to a cluster.

mod deployment;
mod functions;
mod tables;

pub use deployment::{
    DEAD_LETTERS_KEPT_SECONDS, Deployment, MAPPED_TIMEOUT_SECONDS_MAX, MAPPING, MARKS_KEPT_SECONDS,
    MappingSpec, Permission, Resource, Setting, deployment_functions,
};
pub use functions::{Access, FUNCTIONS, FunctionSpec, HttpRoute, Subscription, TableUse, tables};
pub use tables::{IndexSpec, TableSpec, indexes_of, table_specs};

use crate::{Event, EventSpec, events};

/// How long a topic keeps its records: 7 days.
pub const RETENTION_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// The largest message (as compressed by its producer) that a topic takes: 1 MiB. A mapping could
/// deliver about 4.4 MiB (esm-spec §1).
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The fewest partitions of a topic.
pub const PARTITIONS_MIN: u32 = 3;

/// The most partitions that a cluster of MSK Serverless has for topics that are not compacted
/// (esm-spec §6).
pub const CLUSTER_PARTITIONS_MAX: u32 = 2_400;

/// How many events a second one partition is counted on to carry.
pub const PARTITION_EVENTS_PER_SECOND: u64 = 1_000;

/// Does something with an event type, whichever it is; see [`visit`].
pub trait EventVisitor {
    /// Is called once for each event type.
    fn event<E: Event>(&mut self);
}

/// Makes the list of specs and the walk over the types from the same lines.
macro_rules! catalogue {
    ($($event:ident,)+) => {
        /// Every event type, by topic.
        pub const EVENTS: &[&EventSpec] = &[$(<events::$event as Event>::SPEC),+];

        /// Calls `visitor` with each type of [`EVENTS`], in their order.
        pub fn visit(visitor: &mut impl EventVisitor) {
            $(visitor.event::<events::$event>();)+
        }
    };
}

catalogue! {
    OrderCreated,
    OrderStatusChanged,
    OrderCompleted,
    PaymentCompleted,
    PaymentFailed,
    StockUpdated,
    ProductStockChanged,
    UserRegistered,
    UserActivityRecorded,
    CouponIssueRequested,
    BalanceCharged,
    ReservationCreated,
    ConcertSoldOut,
    MetricRecorded,
    ErrorLogged,
    NotificationRequested,
}

/// Returns the event type of that canonical name.
#[must_use]
pub fn event(event_type: &str) -> Option<&'static EventSpec> {
    EVENTS
        .iter()
        .copied()
        .find(|spec| spec.event_type == event_type)
}

/// Returns the settings of every topic, by their Kafka names, sorted.
#[must_use]
pub fn topic_settings() -> [(&'static str, String); 4] {
    [
        ("cleanup.policy", "delete".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
        ("retention.ms", RETENTION_MS.to_string()),
    ]
}

/// More events than the partitions of one cluster carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{events_per_second} events a second need {partitions} partitions, more than the \
     {CLUSTER_PARTITIONS_MAX} of a cluster"
)]
pub struct TooManyPartitions {
    /// The events that were asked for.
    pub events_per_second: u64,
    /// The partitions they need.
    pub partitions: u64,
}

/// Returns how many partitions a topic needs: one for each 1,000 events a second, at least 3.
///
/// # Errors
/// When they are more than a cluster has.
pub fn partitions_for(events_per_second: u64) -> Result<u32, TooManyPartitions> {
    let needed = events_per_second.div_ceil(PARTITION_EVENTS_PER_SECOND);
    match u32::try_from(needed) {
        Ok(partitions) if partitions <= CLUSTER_PARTITIONS_MAX => {
            Ok(partitions.max(PARTITIONS_MIN))
        }
        Ok(_) | Err(_) => Err(TooManyPartitions {
            events_per_second,
            partitions: needed,
        }),
    }
}

#[cfg(test)]
mod tests;
