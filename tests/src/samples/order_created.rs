//! The samples of `order-created`.
//!
//! Orders are numbered, and the number of an order is in all that belongs to it: `o-21`, `u-21`, its event's
//! id and its offset. The products are `p-1` to `p-10`.

use serde_json::{Value, json};
use testkit::KafkaRecord;

use super::{Event, Sample};

/// The topic of every record.
const TOPIC: &str = "order.order.created";
/// Its partitions.
const PARTITIONS: i64 = 6;
/// The milliseconds since 1970 of offset 0: 2026-09-21T14:13:20Z.
const STARTED_MS: i64 = 1_790_000_000_000;
/// Records of the large sample.
const THOUSAND: i64 = 1_000;
/// The products that the large sample spreads over.
const PRODUCTS: i64 = 10;
/// The stock of each before a sample is sent.
pub const PIECES: i64 = 1_000;

/// Returns the samples, one a case.
pub(super) fn samples() -> Vec<Sample> {
    let cases = [
        ("single", single()),
        ("batch", batch()),
        ("duplicate", duplicate()),
        ("poison", poison()),
        ("tombstone", tombstone()),
        ("null-headers", null_headers()),
        ("non-ascii-headers", non_ascii_headers()),
        ("unknown-fields", unknown_fields()),
        ("old-schema-version", old_schema_version()),
        ("early-payment", early_payment()),
        ("thousand", thousand()),
    ];
    let sample = |(case, event): (&'static str, Event)| {
        let sample = Sample::new("order-created", case, event.write());
        let sample = (1..=PRODUCTS).fold(sample, |sample, n| {
            let product = format!("p-{n}");
            let item = json!({ "product_id": product, "available": PIECES });
            sample.seed("products", &product, "-", item)
        });
        match case {
            "poison" => sample.letter(3, 32, "invalid_json"),
            "tombstone" => (sample.letter(4, 42, "tombstone")).letter(4, 43, "tombstone"),
            "early-payment" => early_payments()
                .into_iter()
                .fold(sample, |sample, payment| {
                    let key = payment["paid_for"].as_str().unwrap().to_owned();
                    sample.seed("payments", &key, "-", payment)
                }),
            "old-schema-version" => sample.letter(0, 82, "unsupported_schema_version"),
            _ => sample,
        }
    };
    cases.into_iter().map(sample).collect()
}

fn single() -> Event {
    Event::of([order(0, 1, &[("p-1", 2), ("p-2", 1)])])
}

/// Three partitions; order 15 asks for more than there is, order 16 for a product that there is not.
fn batch() -> Event {
    Event::of([
        order(0, 11, &[("p-1", 1)]),
        order(0, 12, &[("p-1", 2), ("p-2", 2)]),
        order(2, 13, &[("p-3", 3)]),
        order(5, 14, &[("p-1", 1), ("p-3", 1)]),
        order(5, 15, &[("p-1", 1), ("p-2", 1_000_000)]),
        order(5, 16, &[("p-unknown", 1)]),
    ])
}

/// Order 21 is there twice, as a producer sends it that did not hear its acknowledgement.
fn duplicate() -> Event {
    let mut again = order(1, 21, &[("p-1", 2)]);
    again.offset = 23;
    Event::of([
        order(1, 21, &[("p-1", 2)]),
        order(1, 22, &[("p-2", 1)]),
        again,
    ])
}

/// The second record's JSON ends in the middle.
fn poison() -> Event {
    let mut bad = order(3, 32, &[("p-1", 5)]);
    bad.value.as_mut().unwrap().truncate(60);
    Event::of([
        order(3, 31, &[("p-1", 1)]),
        bad,
        order(3, 33, &[("p-2", 1)]),
    ])
}

/// A null value is written in two ways (esm-spec §1.1): order 42's as `null`, order 43's not at all.
fn tombstone() -> Event {
    let (null, absent) = (at(4, 42), at(4, 43));
    let absent_json = without(&absent, "value");
    Event::of([order(4, 41, &[("p-1", 1)]), null]).record(&absent, absent_json)
}

/// Headers that are null, headers that are not there, and a header without a value.
fn null_headers() -> Event {
    let [null, absent, mut valueless] = [51, 52, 53].map(|n| order(0, n, &[("p-1", 1)]));
    let null_json = with(&null, "headers", Value::Null);
    let absent_json = without(&absent, "headers");
    valueless.headers.push(("trace".to_owned(), None));
    let valueless_json = valueless.to_json();
    Event::default()
        .record(&null, null_json)
        .record(&absent, absent_json)
        .record(&valueless, valueless_json)
}

/// Order 61's bytes are signed, as Lambda sends them, order 62's are not, and order 63's are no UTF-8.
fn non_ascii_headers() -> Event {
    let signed = order(0, 61, &[("p-1", 1)])
        .header("city", "Zoë")
        .header("note", "주문");
    let unsigned = order(0, 62, &[("p-1", 1)]);
    let bytes = json!([{ "city": "Zoë".as_bytes() }]);
    let unsigned_json = with(&unsigned, "headers", bytes);
    let no_utf8 = order(0, 63, &[("p-1", 1)]).header("digest", [0xff, 0x00, 0xc3]);
    Event::of([signed])
        .record(&unsigned, unsigned_json)
        .record(&no_utf8, no_utf8.to_json())
}

/// A later minor version of the order, and members that neither the record nor the event had before.
fn unknown_fields() -> Event {
    let value = format!(
        r#"{{"event_id":"{}","event_type":"order.created","schema_version":"1.9","timestamp":"2026-09-21T14:13:20.071Z","order_id":"o-71","user_id":"u-71","items":[{{"product_id":"p-1","quantity":1,"gift_wrap":{{"paper":"blue"}}}}],"channel":"app","addedLater":null}}"#,
        event_id(71)
    );
    let record = at(0, 71).value(value).header("x-added-later", "yes");
    let json = with(&record, "leaderEpoch", json!(7));
    Event::default()
        .record(&record, json)
        .also("eventVersion", json!("2.0"))
}

/// Order 81 as producers wrote it before there was a schema version, order 82 in a version to come.
fn old_schema_version() -> Event {
    let legacy = format!(
        r#"{{"eventType":"ORDER_CREATED","eventId":"{}","timestamp":1790000000081,"orderId":"o-81","userId":81,"totalAmount":"30000.00","couponId":null,"items":[{{"productId":"p-1","qty":2,"price":"15000"}}]}}"#,
        event_id(81)
    );
    let mut later = order(0, 82, &[("p-1", 1)]);
    let value = String::from_utf8(later.value.take().unwrap()).unwrap();
    let later =
        later.value(value.replace(r#""schema_version":"1.0""#, r#""schema_version":"2.0""#));
    // Producers of that time sent no headers either.
    Event::of([at(0, 81).value(legacy), later])
}

/// Order 91 was paid before it came, the payment of order 92 failed; order 93 is paid and cannot be had.
fn early_payment() -> Event {
    Event::of([
        order(1, 91, &[("p-1", 2)]),
        order(1, 92, &[("p-1", 3)]),
        order(1, 93, &[("p-2", 1_000_000)]),
    ])
}

fn early_payments() -> [Value; 3] {
    [(91, "completed"), (92, "failed"), (93, "completed")].map(|(n, outcome)| {
        json!({ "paid_for": format!("order#o-{n}"), "outcome": outcome,
            "payment_id": format!("pay-{n}"), "amount": "30000",
            "event_id": format!("paid-{n}"), "happened_at": super::ORDERED_AT, "state": "waiting" })
    })
}

fn thousand() -> Event {
    Event::of((0..THOUSAND).map(|n| {
        let partition = i32::try_from(n % PARTITIONS).unwrap();
        let product = format!("p-{}", n % PRODUCTS + 1);
        order(partition, 1_001 + n, &[(&product, 1)])
    }))
}

/// A record with the key of order `n`, without value and headers.
fn at(partition: i32, n: i64) -> KafkaRecord {
    KafkaRecord::new(TOPIC, partition, n).key(format!("o-{n}"))
}

/// Order `n` as a current producer sends it.
fn order(partition: i32, n: i64, lines: &[(&str, u32)]) -> KafkaRecord {
    let (id, ms) = (event_id(n), (STARTED_MS + n) % 1_000);
    let second = 20 + n / 1_000;
    let timestamp = format!("2026-09-21T14:13:{second}.{ms:03}Z");
    let items = lines.iter().map(|(product, quantity)| {
        format!(r#"{{"product_id":"{product}","quantity":{quantity}}}"#)
    });
    let items = items.collect::<Vec<_>>().join(",");
    let value = format!(
        r#"{{"event_id":"{id}","event_type":"order.created","schema_version":"1.0","timestamp":"{timestamp}","order_id":"o-{n}","user_id":"u-{n}","total_amount":30000,"items":[{items}]}}"#
    );
    at(partition, n)
        .value(value)
        .header("event_id", id)
        .header("event_type", "order.created")
        .header("timestamp", timestamp)
}

fn event_id(n: i64) -> String {
    format!("01996c5d-0000-7000-8000-{n:012}")
}

fn with(record: &KafkaRecord, name: &str, value: Value) -> Value {
    let mut json = record.to_json();
    json[name] = value;
    json
}

fn without(record: &KafkaRecord, name: &str) -> Value {
    let mut json = record.to_json();
    json.as_object_mut().unwrap().remove(name);
    json
}
