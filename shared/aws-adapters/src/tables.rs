//! The tables of the catalogue, made where no infrastructure code does.
//!
//! In AWS the infrastructure code makes the tables, with backups, keys and alarms that nothing here knows of.
//! [`create_tables`] is for local use and tests.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use event_schema::catalogue::IndexSpec;
use processing::Cause;

use crate::call::CallError;
use crate::store::{PARTITION, SORT, TableNames};

pub use event_schema::catalogue::{TableSpec, table_specs as tables};

/// Times that a new table is asked whether it is ready, one [`READY_PAUSE`] apart.
const READY_TRIES_MAX: u32 = 300;
/// The pause between two such questions.
const READY_PAUSE: Duration = Duration::from_millis(200);

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
#[error("table {table} could not be made")]
pub struct CreateTablesError {
    /// The physical name.
    pub table: String,
    source: Cause,
}

/// A table that was not ready in time.
#[derive(Debug, thiserror::Error)]
#[error("it was not ready after {READY_TRIES_MAX} checks, {} ms apart", READY_PAUSE.as_millis())]
struct NotReadyError;

/// Makes those of [`tables`] that are not there yet, and waits until all are ready.
///
/// A table that is there is left as it is, apart from its time to live. Calling it twice is calling it once.
///
/// # Errors
/// Fails at the first table that the service refuses, or that is not ready within a minute.
pub async fn create_tables(client: &Client, table_prefix: &str) -> Result<(), CreateTablesError> {
    create_these_tables(client, table_prefix, &tables()).await
}

/// Does what [`create_tables`] does, for these tables: without streams, for instance, or with tables of a test.
///
/// # Errors
/// As [`create_tables`].
pub async fn create_these_tables(
    client: &Client,
    table_prefix: &str,
    specs: &[TableSpec],
) -> Result<(), CreateTablesError> {
    let names = TableNames::new(table_prefix);
    for spec in specs {
        let table = names.physical(spec.name);
        let failed = |source| CreateTablesError {
            table: table.clone(),
            source,
        };
        create(client, &table, spec).await.map_err(failed)?;
        wait_until_ready(client, &table).await.map_err(failed)?;
        if let Some(attribute) = spec.ttl_attribute {
            enable_ttl(client, &table, attribute)
                .await
                .map_err(failed)?;
        }
    }
    Ok(())
}

async fn create(client: &Client, table: &str, spec: &TableSpec) -> Result<(), Cause> {
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build()?;
    let created = client
        .create_table()
        .table_name(table)
        .set_attribute_definitions(Some(attributes(spec.indexes)?))
        .set_global_secondary_indexes(indexes(spec.indexes)?)
        .key_schema(key(PARTITION, KeyType::Hash)?)
        .key_schema(key(SORT, KeyType::Range)?)
        .billing_mode(BillingMode::PayPerRequest)
        .set_stream_specification(spec.new_image_stream.then_some(stream))
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(CallError::new("CreateTable", error).into()),
    }
}

/// The attributes that are keys of the table or of an index, each once.
fn attributes(indexes: &[IndexSpec]) -> Result<Vec<AttributeDefinition>, BuildError> {
    let of_table = [PARTITION, SORT].map(|name| (name, ScalarAttributeType::S));
    let of_indexes = indexes.iter().flat_map(|index| {
        [
            (index.partition, ScalarAttributeType::S),
            (index.sort, ScalarAttributeType::N),
        ]
    });
    let mut seen = BTreeSet::new();
    let all = of_table.into_iter().chain(of_indexes);
    all.filter(|(name, _)| seen.insert(*name))
        .map(|(name, kind)| {
            let definition = AttributeDefinition::builder().attribute_name(name);
            definition.attribute_type(kind).build()
        })
        .collect()
}

fn indexes(specs: &[IndexSpec]) -> Result<Option<Vec<GlobalSecondaryIndex>>, BuildError> {
    let all = specs.iter().map(|spec| {
        let whole = Projection::builder().projection_type(ProjectionType::All);
        GlobalSecondaryIndex::builder()
            .index_name(spec.name)
            .key_schema(key(spec.partition, KeyType::Hash)?)
            .key_schema(key(spec.sort, KeyType::Range)?)
            .projection(whole.build())
            .build()
    });
    let all = all.collect::<Result<Vec<_>, BuildError>>()?;
    // The service takes no empty list.
    Ok(Some(all).filter(|all| !all.is_empty()))
}

fn key(name: &str, key_type: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(key_type)
        .build()
}

async fn wait_until_ready(client: &Client, table: &str) -> Result<(), Cause> {
    for _try in 0..READY_TRIES_MAX {
        let described = client.describe_table().table_name(table).send().await;
        let described = described.map_err(|error| CallError::new("DescribeTable", error))?;
        let status = described.table.and_then(|table| table.table_status);
        if status == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    Err(NotReadyError.into())
}

async fn enable_ttl(client: &Client, table: &str, attribute: &str) -> Result<(), Cause> {
    let described = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await;
    let described = described.map_err(|error| CallError::new("DescribeTimeToLive", error))?;
    let status = described
        .time_to_live_description
        .and_then(|ttl| ttl.time_to_live_status);
    if matches!(
        status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    ) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()?;
    let updated = client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await;
    updated.map_err(|error| CallError::new("UpdateTimeToLive", error))?;
    Ok(())
}
