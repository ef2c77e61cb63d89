//! The tables of the demo: what is there before is put in, everything is read back after.
//!
//! Keys are found by a scan, which shows what nobody expects, too; items are read by the engine's own store.

use std::collections::BTreeMap;

use ::tables::Product;
use aws_adapters::DynamoStore;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::scan::ScanError;
use event_schema::ProductId;
use processing::{
    Body, Change, CommitError, Expect, Item, ItemKey, LOAD_KEYS_MAX, Store, StoreError,
    TRANSACTION_WRITES_MAX, Transaction, Write,
};
use serde_json::Value;

use crate::demo::plan::{Plan, Stock};
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
    #[error("what is there before cannot be put into the tables")]
    Seed(#[source] CommitError),
}

/// Puts products on sale, and the items of the plan into their tables, which must not have them yet.
pub(crate) async fn seed(resources: &Resources, plan: &Plan) -> Result<(), TablesError> {
    let store = DynamoStore::new(&resources.dynamodb, &resources.table_prefix);
    let products = plan.products.iter();
    let products = products.map(|(product_id, stock)| on_sale(product_id, *stock));
    let seeds = plan.seeds.iter().map(|seed| {
        write(
            seed.table,
            seed.partition.clone(),
            seed.sort.clone(),
            seed.item.clone(),
        )
    });
    let writes: Vec<Write> = products.chain(seeds).collect::<Result<_, _>>()?;
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
    let table = Product::TABLE;
    let body = serde_json::to_value(&product);
    let body = body.map_err(|source| TablesError::Item { table, source })?;
    write(table, product_id.to_string(), NO_SORT_KEY.to_owned(), body)
}

fn write(
    table: &'static str,
    partition: String,
    sort: String,
    item: Value,
) -> Result<Write, TablesError> {
    let body: Result<Body, _> = serde_json::from_value(item);
    let body = body.map_err(|source| TablesError::Item { table, source })?;
    Ok(Write {
        key: ItemKey {
            table,
            partition,
            sort,
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

    /// Reads all items of a table.
    pub(super) async fn read(
        &self,
        table: &'static str,
    ) -> Result<BTreeMap<(String, String), Body>, TablesError> {
        Ok(self.bodies(table).await?.into_iter().collect())
    }

    async fn bodies(
        &self,
        table: &'static str,
    ) -> Result<Vec<((String, String), Body)>, TablesError> {
        let keys = self.keys(table).await?;
        let mut bodies = Vec::with_capacity(keys.len());
        for keys in keys.chunks(LOAD_KEYS_MAX) {
            let loaded = self.store.load(keys).await;
            let loaded = loaded.map_err(|source| TablesError::Load { table, source })?;
            let found = keys.iter().zip(loaded).filter_map(|(key, stored)| {
                let name = (key.partition.clone(), key.sort.clone());
                Some((name, stored?.body))
            });
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
