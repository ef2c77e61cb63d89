//! What fails, how it is told, and that nothing is left on a topic behind a gap.

use std::time::Instant;

use kafka::{Code, ErrorClass, Outcome};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Err};

use super::*;

impl Kafka {
    /// Makes the broker answer the next requests to produce with these errors.
    fn answer(&self, errors: &[Err]) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, errors);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_that_pass_are_outlived_in_order_and_without_doubles() {
    let kafka = Kafka::with_partitions(1);
    let passing = [
        Err::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Err::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Err::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Err::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        Err::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Err::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    ];
    kafka.answer(&passing);
    let events: Vec<_> = (0..20).map(|n| event("a", n)).collect();
    publish(&kafka.producer(), &events).await.unwrap();
    let expected: Vec<_> = events.into_iter().map(|event| event.value).collect();
    assert_eq!(kafka.values().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_broker_refuses_is_named_and_nothing_of_its_key_follows() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    kafka.answer(&[Err::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let events = [event("a", 0), event("a", 1), event("a", 2)];
    let error = publish(&producer, &events).await.unwrap_err();
    assert_eq!((error.code, error.index), (Code::EventTooLarge, Some(0)));
    assert_eq!(error.class(), ErrorClass::Event);
    assert_eq!(
        error.outcomes,
        [Outcome::Refused, Outcome::NotSent, Outcome::NotSent]
    );
    assert!(error.message.contains("id-a-0"), "{error}");
    assert_eq!(kafka.values().await, [""; 0]);
    publish(&producer, &events[1..]).await.unwrap();
    assert_eq!(kafka.values().await, ["a-1", "a-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_refused_batch_the_guilty_event_is_found() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    // The batch of three, then the second of them alone.
    let refused = Err::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    kafka.answer(&[refused, Err::RD_KAFKA_RESP_ERR_NO_ERROR, refused]);
    let events = [event("a", 0), event("b", 1), event("c", 2), event("b", 3)];
    let error = publish(&producer, &events).await.unwrap_err();
    assert_eq!((error.code, error.index), (Code::EventTooLarge, Some(1)));
    assert_eq!(error.acknowledged_prefix(), 1);
    assert_eq!(error.outcomes[1], Outcome::Refused);
    assert_eq!(error.outcomes[3], Outcome::NotSent);
    assert_eq!(kafka.values().await, ["a-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_whose_events_pass_alone_is_published() {
    let kafka = Kafka::with_partitions(1);
    kafka.answer(&[Err::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let events = [event("a", 0), event("b", 1), event("b", 2), event("a", 3)];
    publish(&kafka.producer(), &events).await.unwrap();
    assert_eq!(kafka.values().await, ["a-0", "b-1", "b-2", "a-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_refused_before_anything_is_sent() {
    let kafka = Kafka::with_partitions(1);
    let settings = kafka.settings(&[("KAFKA_EVENT_BYTES_MAX", "2000")]);
    let producer = KafkaProducer::new(&settings).unwrap();
    let large = OutgoingEvent {
        value: "x".repeat(2_000),
        ..event("a", 1)
    };
    let error = publish(&producer, &[event("a", 0), large])
        .await
        .unwrap_err();
    assert_eq!((error.code, error.index), (Code::EventTooLarge, Some(1)));
    assert_eq!(error.outcomes, [Outcome::NotSent, Outcome::Refused]);
    assert_eq!(
        error.to_string(),
        "event_too_large: event \"id-a-1\" has 2071 bytes of key, value and headers; KAFKA_EVENT_BYTES_MAX allows 2000"
    );
    assert_eq!(kafka.values().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_largest_size_is_published() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    // What cannot be compressed, so that the batch is as large as its event.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    let value: String = (0..1_000_000 - 71).map(|_| noise()).collect();
    let large = OutgoingEvent {
        value,
        ..event("a", 1)
    };
    publish(&producer, &[large]).await.unwrap();
    assert_eq!(producer.metrics().bytes, 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_the_cluster_does_not_have_is_told_within_seconds() {
    let kafka = Kafka::with_partitions(1);
    let unknown = Err::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    kafka.cluster.topic_error(TOPIC, unknown).unwrap();
    let producer = kafka.producer();
    let start = Instant::now();
    let error = publish(&producer, &[event("a", 0)]).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (error.code, error.class()),
        (Code::UnknownTopic, ErrorClass::Transient)
    );
    assert_eq!(
        error.to_string(),
        "unknown_topic: topic \"order.created\" is not on the cluster; it has to be created first"
    );
    let known = Err::RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka.cluster.topic_error(TOPIC, known).unwrap();
    publish(&producer, &[event("a", 0)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_written_says_what_to_check() {
    let kafka = Kafka::with_partitions(1);
    kafka.answer(&[Err::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let producer = kafka.producer();
    let error = publish(&producer, &[event("a", 0)]).await.unwrap_err();
    assert_eq!(
        (error.code, error.class()),
        (Code::AuthorizationFailed, ErrorClass::Access)
    );
    assert!(error.message.contains("kafka-cluster:WriteData"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_leaves_at_its_limit_is_not_sent_later() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    publish(&producer, &[event("a", 0)]).await.unwrap();
    kafka.cluster.broker_down(1).unwrap();
    let start = Instant::now();
    let late = [event("a", 1), event("a", 2)];
    let error = producer
        .publish(&late, Duration::from_secs(2))
        .await
        .unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (error.code, error.class()),
        (Code::DeadlinePassed, ErrorClass::Transient)
    );
    assert_eq!(error.outcomes, [Outcome::Unknown, Outcome::NotSent]);
    assert!(
        error.message.starts_with("not acknowledged within 2000 ms"),
        "{error}"
    );
    kafka.cluster.broker_up(1).unwrap();
    publish(&producer, &[event("a", 3)]).await.unwrap();
    assert_eq!(kafka.values().await, ["a-0", "a-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dropped_call_leaves_is_not_sent_later() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    publish(&producer, &[event("a", 0)]).await.unwrap();
    kafka.cluster.broker_down(1).unwrap();
    let dropped = [event("a", 1)];
    let call = producer.publish(&dropped, LIMIT);
    tokio::time::timeout(Duration::from_millis(500), call)
        .await
        .unwrap_err();
    kafka.cluster.broker_up(1).unwrap();
    publish(&producer, &[event("a", 2)]).await.unwrap();
    assert_eq!(kafka.values().await, ["a-0", "a-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_outlives_a_broker_that_is_down_for_a_while() {
    let kafka = Kafka::with_partitions(1);
    let producer = kafka.producer();
    kafka.cluster.broker_down(1).unwrap();
    let events = [event("a", 0), event("a", 1)];
    let (published, ()) = tokio::join!(publish(&producer, &events), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        kafka.cluster.broker_up(1).unwrap();
    });
    published.unwrap();
    assert_eq!(kafka.values().await, ["a-0", "a-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_another_call_retires_begins_again() {
    let kafka = Kafka::with_partitions(2);
    let producer = kafka.producer();
    // On two partitions, so that one refused batch holds the events of one call.
    let (guilty, innocent) = ([event("21", 0)], [event("abc", 0), event("abc", 1)]);
    let rtt = Duration::from_millis(200);
    kafka.cluster.broker_round_trip_time(1, rtt).unwrap();
    kafka.answer(&[Err::RD_KAFKA_RESP_ERR_INVALID_RECORD]);
    let (first, second) = tokio::join!(publish(&producer, &guilty), publish(&producer, &innocent));
    let failed: Vec<_> = [first, second]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(
        (failed[0].code, failed[0].index),
        (Code::InvalidRecord, Some(0))
    );
    assert_eq!(failed[0].class(), ErrorClass::Event);
}
