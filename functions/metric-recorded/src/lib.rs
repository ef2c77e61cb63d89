//! `metric-recorded`: rolls metrics up by the minute, and alerts when one crosses its threshold.

mod handler;
mod items;
mod number;

pub use handler::{MetricRecordedHandler, OPERATIONS};
pub use items::{Rollup, Threshold, minute_of, series_of};
pub use number::VALUE_MAX;
