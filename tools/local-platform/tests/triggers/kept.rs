//! What a stream keeps, and for how long.

use local_platform::dynamodb::{STREAM_RECORD_SECONDS, Storage};
use rusqlite::Connection;

use super::{PATIENCE, Table, TestFunction, config, sks};

#[tokio::test]
async fn a_record_older_than_a_day_is_trimmed_by_later_writes_and_a_younger_one_stays() {
    let folder = std::env::temp_dir().join(format!("tailrace-stream-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("tables.db");
    let table = Table::create(Storage::File(file.clone())).await;
    table.put("lane#0", 0..6).await;
    table.server.shutdown().await;
    drop(table.client);

    // Four records age by more than a day, one by less.
    let age = "UPDATE _stream_records SET created_at = created_at - ?1 WHERE id <= ?2";
    let connection = Connection::open(&file).unwrap();
    let (old, younger) = (STREAM_RECORD_SECONDS + 60, STREAM_RECORD_SECONDS - 60);
    connection.execute(age, (younger, 5)).unwrap();
    connection.execute(age, (old - younger, 4)).unwrap();
    drop(connection);

    let table = Table::open(Storage::File(file)).await;
    table.put("lane#0", 6..10).await;
    let function = TestFunction::finishing();
    let mapping = table.map(&function, config()).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches().concat(), sks(4..10));
    mapping.shutdown(PATIENCE).await;
    table.server.shutdown().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
