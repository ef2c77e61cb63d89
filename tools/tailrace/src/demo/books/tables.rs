//! The tables of the demo: products put in before, everything read back after.
//!
//! Keys are found by a scan, which shows what nobody expects, too; items are read by the engine's own store.

use std::collections::BTreeMap;

use ::tables::{Order, Product};
use aws_adapters::DynamoStore;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use event_schema::ProductId;
use processing::{
    Body, Change, CommitError, Expect, Item, ItemKey, LOAD_KEYS_MAX, OUTBOX_TABLE, Store,
    StoreError, TRANSACTION_WRITES_MAX, Transaction, Write,
};
use serde_json::Value;

use super::Published;
use crate::demo::plan::Stock;
use crate::platform::Resources;

/// Pages of one scan; a page has up to 1 MB.
const SCAN_PAGES_MAX: usize = 1_000;
/// The sort key of items whose table needs none.
const NO_SORT_KEY: &str = "-";

/// Why a table could not be filled or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TablesError {
    #[error("table {table} cannot be scanned")]
    Scan {
        table: String,
        source: Box<SdkError<ScanError>>,
    },
    #[error("table {table} has more than {SCAN_PAGES_MAX} pages")]
    TooManyPages { table: String },
    #[error("items of table {table} cannot be read")]
    Load {
        table: &'static str,
        source: StoreError,
    },
    #[error("an item of table {table} is not what the table holds")]
    Item {
        table: &'static str,
        source: serde_json::Error,
    },
    #[error("the products cannot be put on sale")]
    Seed(#[source] CommitError),
}

/// Puts products on sale; the table must not have them yet.
pub(crate) async fn seed(
    resources: &Resources,
    products: &BTreeMap<ProductId, Stock>,
) -> Result<(), TablesError> {
    let store = DynamoStore::new(&resources.dynamodb, &resources.table_prefix);
    let writes = products
        .iter()
        .map(|(product_id, stock)| on_sale(product_id, *stock));
    let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
    for (number, writes) in writes.chunks(TRANSACTION_WRITES_MAX).enumerate() {
        let transaction = Transaction {
            // A real server remembers tokens, and that an earlier demo wrote to other tables with them.
            token: format!("{}{number}", resources.table_prefix),
            writes: writes.to_vec(),
        };
        let committed = store.commit(&transaction).await;
        committed.map_err(TablesError::Seed)?;
    }
    Ok(())
}

fn on_sale(product_id: &ProductId, stock: Stock) -> Result<Write, TablesError> {
    let product = Product {
        available: stock.pieces,
        ..Product::new(product_id.clone())
    };
    let unwritable = |source| TablesError::Item {
        table: Product::TABLE,
        source,
    };
    let body = serde_json::to_value(&product).map_err(unwritable)?;
    let body: Body = serde_json::from_value(body).map_err(unwritable)?;
    Ok(Write {
        key: ItemKey {
            table: Product::TABLE,
            partition: product_id.to_string(),
            sort: NO_SORT_KEY.to_owned(),
        },
        expect: Expect::Absent,
        change: Change::Put(body),
    })
}

/// The tables, for reading.
#[derive(Debug)]
pub(super) struct Tables {
    client: Client,
    prefix: String,
    store: DynamoStore,
}

impl Tables {
    pub(super) fn of(resources: &Resources) -> Self {
        Self {
            client: resources.dynamodb.clone(),
            prefix: resources.table_prefix.clone(),
            store: DynamoStore::new(&resources.dynamodb, &resources.table_prefix),
        }
    }

    pub(super) async fn products(&self) -> Result<BTreeMap<String, Product>, TablesError> {
        self.items().await
    }

    pub(super) async fn orders(&self) -> Result<BTreeMap<String, Order>, TablesError> {
        self.items().await
    }

    /// Reads the events of all outbox rows; what an event lacks comes back as an empty text.
    pub(super) async fn outbox(&self) -> Result<Vec<Published>, TablesError> {
        let rows = self.bodies(OUTBOX_TABLE).await?;
        let events = rows
            .iter()
            .filter_map(|(_, row)| row.get("events")?.as_array());
        Ok(events.flatten().map(published).collect())
    }

    /// Reads all items of a table, by their partition keys.
    async fn items<I: Item>(&self) -> Result<BTreeMap<String, I>, TablesError> {
        let bodies = self.bodies(I::TABLE).await?;
        let items = bodies.into_iter().map(|(key, body)| {
            let item = serde_json::from_value(Value::Object(body));
            let item: I = item.map_err(|source| TablesError::Item {
                table: I::TABLE,
                source,
            })?;
            Ok((key, item))
        });
        items.collect()
    }

    async fn bodies(&self, table: &'static str) -> Result<Vec<(String, Body)>, TablesError> {
        let keys = self.keys(table).await?;
        let mut bodies = Vec::with_capacity(keys.len());
        for keys in keys.chunks(LOAD_KEYS_MAX) {
            let loaded = self.store.load(keys).await;
            let loaded = loaded.map_err(|source| TablesError::Load { table, source })?;
            let found = keys
                .iter()
                .zip(loaded)
                .filter_map(|(key, stored)| Some((key.partition.clone(), stored?.body)));
            bodies.extend(found);
        }
        Ok(bodies)
    }

    async fn keys(&self, table: &'static str) -> Result<Vec<ItemKey>, TablesError> {
        let name = format!("{}{table}", self.prefix);
        let mut keys = Vec::new();
        let mut start = None;
        for _ in 0..SCAN_PAGES_MAX {
            let page = self
                .client
                .scan()
                .table_name(&name)
                .projection_expression("pk, sk")
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await;
            let page = page.map_err(|source| TablesError::Scan {
                table: name.clone(),
                source: Box::new(source),
            })?;
            let items = page.items.unwrap_or_default();
            keys.extend(items.into_iter().filter_map(|item| {
                let text = |name: &str| item.get(name)?.as_s().ok().cloned();
                Some(ItemKey {
                    table,
                    partition: text("pk")?,
                    sort: text("sk")?,
                })
            }));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(keys);
            }
        }
        Err(TablesError::TooManyPages { table: name })
    }
}

fn published(event: &Value) -> Published {
    let text = |name: &str| {
        let text = event.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Published {
        event_id: text("event_id"),
        event_type: text("event_type"),
        value: text("value"),
    }
}
