//! The checks that every function passes, on this function's events.

use metric_recorded::MetricRecordedHandler;
use serde_json::json;
use testkit::conformance::Suite;
use testkit::item_key;

#[tokio::test]
async fn metric_recorded_conforms() {
    Suite::new(|| MetricRecordedHandler)
        .seed(
            item_key("metric-thresholds", "cpu_usage", "-"),
            &json!({ "metric_name": "cpu_usage", "above": "80", "below": "1" }),
        )
        .event(
            json!({ "event_type": "metric.recorded", "timestamp": "2026-11-21T10:15:30.123Z",
                "metric_name": "cpu_usage", "value": 85.2, "unit": "percent",
                "tags": { "host": "web-1" } }),
            "cpu_usage",
        )
        .event(
            json!({ "eventType": "METRIC_RECORDED", "timestamp": 1_795_256_131_000_i64,
                "metricName": "cpu_usage", "value": 0.1, "tags": { "host": "web-1" } }),
            "cpu_usage",
        )
        .event(
            json!({ "timestamp": "2026-11-21T10:16:30.123Z", "metric_name": "queue_depth",
                "value": 7, "tags": null }),
            "queue_depth",
        )
        .event(
            json!({ "timestamp": "2026-11-21T10:16:31.123Z", "metric_name": "queue_depth",
                "value": -3.5 }),
            "queue_depth",
        )
        .poison(json!({ "metric_name": "cpu_usage", "value": 1e300 }))
        .poison(json!({ "metric_name": "cpu_usage", "value": "hot" }))
        .run()
        .await;
}
