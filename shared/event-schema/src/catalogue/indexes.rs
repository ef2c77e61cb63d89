//! The secondary indexes of tables: what can be found in them by more than their keys.
//!
//! An index has all attributes of the items that have both of its own; an item that lacks one is not in it.

/// A global secondary index of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name, unique in its table.
    pub name: &'static str,
    /// The attribute that is its partition key, a text; it may be a key of the table.
    pub partition: &'static str,
    /// The attribute that is its sort key, a number.
    pub sort: &'static str,
}

/// The concerts of a day by their bookings.
const OF_DAILY_BOOKINGS: &[IndexSpec] = &[IndexSpec {
    name: "by-bookings",
    partition: "pk",
    sort: "bookings",
}];

/// The concerts that were sold out in a month by the time that it took.
const OF_SELL_OUTS: &[IndexSpec] = &[IndexSpec {
    name: "by-speed",
    partition: "board",
    sort: "elapsed_ms",
}];

/// Returns the indexes of a table.
#[must_use]
pub fn indexes_of(table: &str) -> &'static [IndexSpec] {
    match table {
        "daily-bookings" => OF_DAILY_BOOKINGS,
        "sell-outs" => OF_SELL_OUTS,
        _ => &[],
    }
}
