//! What a batch costs in calls and writes: counted, because it is what rollups are for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use metric_recorded::{MetricRecordedHandler, Rollup};
use serde_json::json;
use testkit::{KafkaRecord, Rig, item_key};

const RECORDS: i64 = 1_000;
const SERIES: i64 = 10;

#[tokio::test]
async fn a_thousand_values_of_ten_series_cost_a_handful_of_writes() {
    let rig = Rig::new(MetricRecordedHandler);
    let records: Vec<_> = (0..RECORDS)
        .map(|n| {
            let series = n % SERIES;
            let partition = i32::try_from(series % 3).unwrap();
            KafkaRecord::new("ops.metric.recorded", partition, n)
                .key("cpu")
                .json(
                    &json!({ "metric_name": "cpu", "value": n, "tags": { "host": series },
                    "timestamp": "2026-11-21T10:15:30.123Z" }),
                )
        })
        .collect();
    let processed = rig.run(&records).await;
    let rollups = rig.items::<Rollup>();
    let counted: u64 = rollups.iter().map(|rollup| rollup.count).sum();
    assert_eq!((rollups.len(), counted), (10, 1_000));
    let effort = processed.effort;
    // One transaction for each of three partitions, whose fences are their own.
    assert!(effort.commit_calls <= 3, "{} commits", effort.commit_calls);
    assert!(effort.load_calls <= 3, "{} loads", effort.load_calls);
    for rollup in &rollups {
        let key = item_key(
            "metric-rollups",
            rollup.series.as_str(),
            rollup.minute.to_string(),
        );
        assert_eq!(rig.store.writes_of(&key), 1, "a rollup is written once");
    }
    let again = rig.run(&records).await.effort;
    assert_eq!(
        again.commit_calls, 0,
        "a batch that comes again costs loads only"
    );
}
