//! What a producer counts: records, bytes and how long Kafka took.
//!
//! It sends its numbers nowhere; whoever holds the producer reads them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, in milliseconds, of the latencies that are counted together; a last place counts what is above.
pub const LATENCY_BOUNDS_MS: [u64; 14] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000,
];

/// What a producer did since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerMetrics {
    /// Events that Kafka acknowledged.
    pub sent: u64,
    /// Events of failed calls that were not acknowledged; one that is published again later counts in both.
    pub failed: u64,
    /// Bytes of keys, values and headers of the acknowledged events, before compression.
    pub bytes: u64,
    /// Milliseconds from handing an event to the client to its acknowledgement, over all acknowledged events.
    pub latency_ms_sum: u64,
    /// The longest of them.
    pub latency_ms_max: u64,
    /// How many took at most each bound of [`LATENCY_BOUNDS_MS`] and more than the one before; the last, longer than all.
    pub latency_counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
}

/// The counters behind [`ProducerMetrics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    latency_ms_sum: AtomicU64,
    latency_ms_max: AtomicU64,
    latency_counts: [AtomicU64; LATENCY_BOUNDS_MS.len() + 1],
}

impl Counters {
    pub(crate) fn acknowledged(&self, bytes: usize, latency: Duration) {
        let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        add(&self.sent, 1);
        add(&self.bytes, bytes as u64);
        add(&self.latency_ms_sum, ms);
        self.latency_ms_max.fetch_max(ms, Ordering::Relaxed);
        let place = LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(count) = self.latency_counts.get(place) {
            add(count, 1);
        }
    }

    pub(crate) fn failed(&self, events: usize) {
        add(&self.failed, events as u64);
    }

    pub(crate) fn read(&self) -> ProducerMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerMetrics {
            sent: read(&self.sent),
            failed: read(&self.failed),
            bytes: read(&self.bytes),
            latency_ms_sum: read(&self.latency_ms_sum),
            latency_ms_max: read(&self.latency_ms_max),
            latency_counts: self.latency_counts.each_ref().map(read),
        }
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_counts_under_the_least_bound_that_holds_it() {
        let counters = Counters::default();
        for ms in [0, 1, 2, 30_000, 30_001] {
            counters.acknowledged(10, Duration::from_millis(ms));
        }
        let metrics = counters.read();
        assert_eq!(metrics.latency_counts[0], 2);
        assert_eq!(metrics.latency_counts[1], 1);
        assert_eq!(metrics.latency_counts[13], 1);
        assert_eq!(metrics.latency_counts[14], 1);
        assert_eq!((metrics.sent, metrics.bytes), (5, 50));
        assert_eq!(
            (metrics.latency_ms_sum, metrics.latency_ms_max),
            (60_004, 30_001)
        );
    }
}
