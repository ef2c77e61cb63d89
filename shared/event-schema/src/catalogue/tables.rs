//! The tables: what each has beyond the text keys `pk` and `sk`, which all of them have.
//!
//! An index has all attributes of the items that have both of its own; an item that lacks one is not in it. Backups,
//! encryption and capacity are the infrastructure code's.

use super::functions::tables;

/// What a table has beyond its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The logical name; the physical one has the prefix before it.
    pub name: &'static str,
    /// The attribute with the second since the epoch at which an item may go.
    pub ttl_attribute: Option<&'static str>,
    /// Whether a stream carries the new image of each item.
    pub new_image_stream: bool,
    /// What can be found in it by more than its keys.
    pub indexes: &'static [IndexSpec],
}

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

/// Returns every table of the catalogue, by name.
#[must_use]
pub fn table_specs() -> Vec<TableSpec> {
    let spec = |name| TableSpec {
        name,
        ttl_attribute: matches!(name, "state" | "metric-rollups").then_some("expires_at"),
        new_image_stream: name == "outbox",
        indexes: indexes_of(name),
    };
    tables().into_iter().map(spec).collect()
}
