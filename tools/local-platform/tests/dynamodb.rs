//! Embedded `DynamoDB` through the AWS SDK: what the engine's store relies on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes,
    Put, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TimeToLiveSpecification,
    TransactWriteItem,
};
use local_platform::LocalDynamoDb;
use local_platform::dynamodb::Storage;

const TABLE: &str = "items";

fn client(server: &LocalDynamoDb) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(local_platform::REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(server.endpoint())
        .build();
    Client::from_conf(config)
}

async fn with_table(server: &LocalDynamoDb) -> Client {
    let client = client(server);
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash);
    let kind = ScalarAttributeType::S;
    let id = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(kind);
    client
        .create_table()
        .table_name(TABLE)
        .key_schema(key.build().unwrap())
        .attribute_definitions(id.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    client
}

async fn in_memory() -> (LocalDynamoDb, Client) {
    let server = LocalDynamoDb::start(0, Storage::Memory).await.unwrap();
    let client = with_table(&server).await;
    (server, client)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn put(id: &str, owner: &str) -> Put {
    Put::builder()
        .table_name(TABLE)
        .item("id", text(id))
        .item("owner", text(owner))
        .condition_expression("attribute_not_exists(id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap()
}

fn transact(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

#[tokio::test]
async fn a_cancelled_transaction_names_its_reasons_with_the_old_item_and_writes_nothing() {
    let (_server, client) = in_memory().await;
    let first = client
        .transact_write_items()
        .transact_items(transact(put("a", "first")));
    first.send().await.unwrap();
    let second = client
        .transact_write_items()
        .transact_items(transact(put("b", "second")))
        .transact_items(transact(put("a", "second")))
        .send()
        .await;
    let error = second.unwrap_err().into_service_error();
    assert!(error.is_transaction_canceled_exception(), "{error:?}");
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("not cancelled");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|it| it.code())
        .collect();
    assert_eq!(codes, [Some("None"), Some("ConditionalCheckFailed")]);
    let old = cancelled.cancellation_reasons()[1].item().unwrap();
    assert_eq!(old["owner"], text("first"));
    let unwritten = client
        .get_item()
        .table_name(TABLE)
        .key("id", text("b"))
        .send()
        .await
        .unwrap();
    assert_eq!(unwritten.item(), None);
}

#[tokio::test]
async fn a_transaction_sent_again_with_its_token_succeeds_and_another_one_is_refused() {
    let (_server, client) = in_memory().await;
    let send = |owner: &str| {
        client
            .transact_write_items()
            .client_request_token("token-1")
            .transact_items(transact(put("a", owner)))
            .send()
    };
    send("first").await.unwrap();
    send("first").await.unwrap();
    let other = send("other").await.unwrap_err().into_service_error();
    assert!(
        other.is_idempotent_parameter_mismatch_exception(),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_batch_get_reads_a_hundred_keys() {
    let (_server, client) = in_memory().await;
    let ids: Vec<String> = (0..100).map(|number| format!("item-{number}")).collect();
    for id in &ids {
        let item = client.put_item().table_name(TABLE).item("id", text(id));
        item.send().await.unwrap();
    }
    let keys: Vec<_> = ids
        .iter()
        .map(|id| HashMap::from([("id".to_owned(), text(id))]))
        .collect();
    let asked = KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(true)
        .build();
    let read = client
        .batch_get_item()
        .request_items(TABLE, asked.unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(read.responses().unwrap()[TABLE].len(), 100);
    assert!(read.unprocessed_keys().is_none_or(HashMap::is_empty));
}

#[tokio::test]
async fn an_item_past_its_time_to_live_is_deleted() {
    let (_server, client) = in_memory().await;
    let specification = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name("expires_at")
        .build();
    let enable = client.update_time_to_live().table_name(TABLE);
    enable
        .time_to_live_specification(specification.unwrap())
        .send()
        .await
        .unwrap();
    let an_hour_ago = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        - 3_600;
    let item = client.put_item().table_name(TABLE).item("id", text("a"));
    let expired = item.item("expires_at", AttributeValue::N(an_hour_ago.to_string()));
    expired.send().await.unwrap();
    let gone = async {
        loop {
            let read = client
                .get_item()
                .table_name(TABLE)
                .key("id", text("a"))
                .send()
                .await;
            if read.unwrap().item().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_file_keeps_its_tables_over_a_restart() {
    let folder = std::env::temp_dir().join(format!("tailrace-dynamodb-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let storage = Storage::File(folder.join("tables.db"));
    let server = LocalDynamoDb::start(0, storage.clone()).await.unwrap();
    let written = with_table(&server).await;
    written
        .put_item()
        .table_name(TABLE)
        .item("id", text("a"))
        .send()
        .await
        .unwrap();
    drop(written);
    server.shutdown().await;
    let server = LocalDynamoDb::start(0, storage).await.unwrap();
    let read = client(&server)
        .get_item()
        .table_name(TABLE)
        .key("id", text("a"))
        .send()
        .await;
    assert!(read.unwrap().item().is_some());
    server.shutdown().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
