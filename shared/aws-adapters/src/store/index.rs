//! Reads of a secondary index, the highest first: for readers of what functions have stored.
//!
//! Functions do not decide by it: an index follows its table a moment later.

use aws_sdk_dynamodb::types::AttributeValue;
use event_schema::catalogue::IndexSpec;
use processing::{Body, ItemKey, StoreError, Stored};

use super::DynamoStore;
use super::attributes::{Attributes, PARTITION, SORT, read_item};
use super::reads::store_error;

/// Items of an index that one call returns at most.
pub const INDEX_PAGE_ITEMS_MAX: u32 = 1_000;

/// A read of one partition of an index, in descending order of its sort key.
#[derive(Clone, Copy, Debug)]
pub struct IndexQuery<'a> {
    /// The logical name of the table.
    pub table: &'static str,
    /// The index.
    pub index: &'static IndexSpec,
    /// The value of its partition key.
    pub partition: &'a str,
    /// Whether the lowest sort keys come first.
    pub ascending: bool,
    /// The item behind which to go on, as an earlier call returned it.
    pub after: Option<&'a (ItemKey, Stored)>,
    /// Items to return at most; 1 to [`INDEX_PAGE_ITEMS_MAX`].
    pub limit: u32,
}

impl DynamoStore {
    /// Reads items by an index. Items of the same sort key come in no order that could be relied on.
    ///
    /// Fewer than asked for does not say that there are no more: none does.
    ///
    /// # Errors
    /// As those of [`processing::Store::query`].
    pub async fn query_index(
        &self,
        query: IndexQuery<'_>,
    ) -> Result<Vec<(ItemKey, Stored)>, StoreError> {
        let limit = query.limit.clamp(1, INDEX_PAGE_ITEMS_MAX);
        let call = self
            .client
            .query()
            .table_name(self.tables.physical(query.table))
            .index_name(query.index.name)
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", query.index.partition)
            .expression_attribute_values(":partition", text(query.partition))
            .scan_index_forward(query.ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(query.after.map(|item| start(&query, item)));
        let page = Box::pin(call.send()).await;
        let page = page.map_err(|error| store_error("Query", error))?;
        let items = page.items.unwrap_or_default().into_iter().map(|item| {
            let (partition, sort, stored) = read_item(item);
            let key = ItemKey {
                table: query.table,
                partition,
                sort,
            };
            (key, stored)
        });
        Ok(items.collect())
    }
}

/// Where an item lies, in the table and in the index.
fn start(query: &IndexQuery<'_>, (key, stored): &(ItemKey, Stored)) -> Attributes {
    let number = AttributeValue::N(number(&stored.body, query.index.sort));
    Attributes::from([
        (query.index.partition.to_owned(), text(query.partition)),
        (query.index.sort.to_owned(), number),
        (PARTITION.to_owned(), text(&key.partition)),
        (SORT.to_owned(), text(&key.sort)),
    ])
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A number of an item as text; whole ones are JSON numbers, others texts.
fn number(body: &Body, name: &str) -> String {
    let value = body.get(name);
    let value = value.map(|value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    });
    value.unwrap_or_default()
}
