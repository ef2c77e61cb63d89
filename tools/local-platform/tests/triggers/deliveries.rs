//! What a function gets of a stream, in which order and in which batches.

use local_platform::stream::{Checkpoints, StreamMetrics};
use local_platform::{StreamConfig, StreamMapping, StreamMappingError, StreamSource};

use super::{Duration, PATIENCE, TABLE, Table, TestFunction, config, json, records, sk, sks, text};

#[tokio::test]
async fn inserted_items_arrive_in_the_order_of_their_writes_and_nothing_else_does() {
    let table = Table::in_memory().await;
    for number in 0..24 {
        let lane = format!("lane#{}", number % 3);
        table.put(&lane, number..number + 1).await;
    }
    // The same key again is a change, and a deletion is no insertion either.
    table.put_with("lane#0", 0, "changed").await;
    let delete = table.client.delete_item().table_name(TABLE);
    let delete = delete.key("pk", text("lane#1")).key("sk", text(&sk(1)));
    delete.send().await.unwrap();
    table.put("lane#2", 24..25).await;

    let function = TestFunction::finishing();
    let batch_size = 10;
    let mapping = table.map(
        &function,
        StreamConfig {
            batch_size,
            ..config()
        },
    );
    let mapping = mapping.await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();

    let batches = function.batches();
    assert!(batches.iter().all(|batch| batch.len() <= batch_size));
    assert_eq!(batches.concat(), sks(0..25));
    let invocations = batches.len() as u64;
    let expected = StreamMetrics {
        records_polled: 27,
        records_filtered_out: 2,
        records_invoked: 25,
        invocations,
        ..StreamMetrics::default()
    };
    assert_eq!(metrics, expected);
}

#[tokio::test]
async fn a_record_has_lambdas_form_with_keys_image_and_the_streams_arn() {
    let table = Table::in_memory().await;
    table.put_with("lane#1", 7, "paid").await;
    let function = TestFunction::finishing();
    let mapping = table.map(&function, config()).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    let events = function.events();
    let record = &records(&events[0])[0];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["eventSourceARN"], mapping.stream_arn());
    let change = &record["dynamodb"];
    assert_eq!(
        change["Keys"],
        json!({"pk": {"S": "lane#1"}, "sk": {"S": "0007"}})
    );
    let image = json!({"pk": {"S": "lane#1"}, "sk": {"S": "0007"}, "body": {"S": "paid"}});
    assert_eq!(change["NewImage"], image);
    assert_eq!(change["StreamViewType"], "NEW_IMAGE");
    assert!(
        change["SequenceNumber"]
            .as_str()
            .is_some_and(|it| it.len() >= 21)
    );
    assert!(change["SizeBytes"].as_u64() > Some(0));
    assert!(change["ApproximateCreationDateTime"].as_f64() > Some(1e9));
    assert!(record["eventID"].is_string() && record["eventVersion"].is_string());
}

#[tokio::test]
async fn a_batch_is_smaller_where_its_records_would_not_fit_a_payload() {
    let table = Table::in_memory().await;
    let body = "x".repeat(300_000);
    for number in 0..30 {
        table.put_with("lane#0", number, &body).await;
    }
    let function = TestFunction::finishing();
    let mapping = table.map(&function, config()).await;
    let metrics = mapping.wait_until_idle(PATIENCE).await.unwrap();
    // 6 MiB hold 20 records of 300 kB and their frames; 30 take two batches.
    assert_eq!(metrics.invocations, 2);
    assert_eq!(function.batches().concat(), sks(0..30));
}

#[tokio::test]
async fn a_window_gathers_what_comes_until_the_batch_is_full() {
    let table = Table::in_memory().await;
    let function = TestFunction::finishing();
    let gathering = StreamConfig {
        batch_size: 6,
        batch_window: Duration::from_mins(2),
        ..config()
    };
    let mapping = table.map(&function, gathering).await;
    table.put("lane#0", 0..3).await;
    table.put("lane#0", 3..6).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    assert_eq!(function.batches(), [sks(0..6)]);
}

#[tokio::test]
async fn a_mapping_goes_on_behind_its_checkpoints_and_without_them_at_the_oldest_record() {
    let table = Table::in_memory().await;
    table.put("lane#0", 0..5).await;
    let first = TestFunction::finishing();
    let mapping = table.map(&first, config()).await;
    mapping.wait_until_idle(PATIENCE).await.unwrap();
    let checkpoints = mapping.shutdown(PATIENCE).await;
    table.put("lane#0", 5..8).await;
    assert_eq!(first.batches().concat(), sks(0..5));
    for (checkpoints, expected) in [(checkpoints, 5..8), (Checkpoints::new(), 0..8)] {
        let next = TestFunction::finishing();
        let mapping = table
            .map(
                &next,
                StreamConfig {
                    checkpoints,
                    ..config()
                },
            )
            .await;
        mapping.wait_until_idle(PATIENCE).await.unwrap();
        assert_eq!(next.batches().concat(), sks(expected));
    }
}

#[tokio::test]
async fn what_cannot_be_mapped_is_refused_with_its_reason() {
    let table = Table::in_memory().await;
    let function = TestFunction::finishing;
    let start = |source, config| StreamMapping::start(source, function(), config);
    let unknown = StreamSource::local(&table.server.endpoint(), "unknown");
    let error = start(unknown, config()).await.unwrap_err();
    assert!(matches!(error, StreamMappingError::Stream(_)), "{error}");
    let batch_size = 0;
    let none = StreamConfig {
        batch_size,
        ..config()
    };
    let error = start(table.source(), none).await.unwrap_err();
    assert!(
        matches!(error, StreamMappingError::BatchSize { .. }),
        "{error}"
    );
    let batch_window = Duration::from_secs(301);
    let long = StreamConfig {
        batch_window,
        ..config()
    };
    let error = start(table.source(), long).await.unwrap_err();
    assert!(
        matches!(error, StreamMappingError::BatchWindow { .. }),
        "{error}"
    );
    let poll_pause = Duration::ZERO;
    let restless = StreamConfig {
        poll_pause,
        ..config()
    };
    let error = start(table.source(), restless).await.unwrap_err();
    assert!(matches!(error, StreamMappingError::PollPause), "{error}");
}
