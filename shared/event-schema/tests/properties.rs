//! What holds for any bytes, for every event type: reading does not panic, what was read is written
//! and read back the same, and no error text holds anything of the value.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod support;

use std::error::Error;

use event_schema::{
    Envelope, Event, Hints, Read,
    catalogue::{self, EventVisitor},
};
use proptest::{collection::vec, prelude::*, test_runner::FileFailurePersistence};
use serde_json::{Value, json};

/// Is part of every text and every unknown name that is planted.
const MARKER: &str = "s3cr3t";

/// Reads the same value as each event type and checks what must hold of the outcome.
struct ReadAll<'a> {
    value: &'a [u8],
    hints: Hints<'a>,
}

impl EventVisitor for ReadAll<'_> {
    fn event<E: Event>(&mut self) {
        check::<E>(self.value, self.hints);
    }
}

fn check<E: Event>(value: &[u8], hints: Hints<'_>) {
    match Envelope::<E>::read(value, hints) {
        Ok(Read::Event(first)) => {
            let written = first.write().unwrap();
            let again: Envelope<E> = support::read(&written);
            assert_eq!(
                format!("{:?}", again.payload),
                format!("{:?}", first.payload)
            );
            assert_eq!(
                (&again.event_id, again.timestamp),
                (&first.event_id, first.timestamp)
            );
            assert_eq!(again.write().unwrap(), written);
        }
        Ok(Read::ClaimCheck(claimed)) => {
            assert!(claimed.check.key().ends_with(claimed.check.sha256()));
        }
        Ok(Read::OtherType(name)) => assert!(!E::SPEC.is_named(&name)),
        Err(error) => {
            let mut texts = format!("{error:?} {}", error.code());
            let mut cause: Option<&dyn Error> = Some(&error);
            while let Some(error) = cause {
                texts += &error.to_string();
                cause = error.source();
            }
            assert!(!texts.contains(MARKER), "{texts}");
        }
    }
}

/// Any JSON, of texts that hold the marker.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}".prop_map(|text| format!("{MARKER}{text}")),
        "\\PC{0,8}".prop_map(|text| format!("{text}{MARKER}")),
        Just(format!("{MARKER}, expected u32 at line 1 column 1")),
        Just(format!("missing field `{MARKER}`")),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..60_u8).prop_map(Value::from),
        text.clone().prop_map(Value::from),
        Just(json!("2026-11-21T10:15:30Z")),
        Just(json!("79228162514264337593543950335")),
    ];
    scalar.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text.clone(), inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Lists every value within, the value itself not.
fn pointers(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, one)| (name.clone(), one))
            .collect(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(n, one)| (n.to_string(), one))
            .collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let pointer = format!("{prefix}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

/// Replaces some values of each type's full sample and reads the result as that type.
struct Mutate {
    changes: Vec<(prop::sample::Index, Value)>,
}

impl EventVisitor for Mutate {
    fn event<E: Event>(&mut self) {
        let full = support::sample(E::SPEC.event_type, "full");
        let mut value: Value = serde_json::from_str(&full).unwrap();
        for (place, new) in &self.changes {
            let mut places = Vec::new();
            pointers(&value, "", &mut places);
            let place: &String = place.get(&places);
            *value.pointer_mut(place).unwrap() = new.clone();
        }
        if let Value::Object(fields) = &mut value {
            fields.insert(format!("{MARKER} name"), json!({ MARKER: [MARKER] }));
        }
        check::<E>(value.to_string().as_bytes(), Hints::default());
    }
}

/// Cuts and overwrites bytes of each type's legacy sample.
struct Corrupt {
    at: prop::sample::Index,
    with: Vec<u8>,
    cut: bool,
}

impl EventVisitor for Corrupt {
    fn event<E: Event>(&mut self) {
        let mut value = support::sample(E::SPEC.event_type, "legacy").into_bytes();
        let at = self.at.index(value.len());
        if self.cut {
            value.truncate(at);
        }
        value.splice(at..at, self.with.iter().copied());
        check::<E>(&value, Hints::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_panic(
        value in vec(any::<u8>(), 0..256),
        event_id in proptest::option::of("\\PC{0,140}"),
        event_type in proptest::option::of("\\PC{0,140}"),
        timestamp in proptest::option::of("[0-9TZ:.+-]{0,30}"),
    ) {
        let hints = Hints {
            event_id: event_id.as_deref(),
            event_type: event_type.as_deref(),
            timestamp: timestamp.as_deref(),
            topic: None,
        };
        catalogue::visit(&mut ReadAll { value: &value, hints });
    }

    #[test]
    fn no_json_panics_and_no_error_quotes_it(value in any_json()) {
        let value = value.to_string();
        catalogue::visit(&mut ReadAll { value: value.as_bytes(), hints: Hints::default() });
    }

    #[test]
    fn a_changed_sample_is_refused_discreetly_or_round_trips(
        changes in vec((any::<prop::sample::Index>(), any_json()), 1..3),
    ) {
        catalogue::visit(&mut Mutate { changes });
    }

    #[test]
    fn a_corrupt_sample_is_refused_or_round_trips(
        at in any::<prop::sample::Index>(),
        with in vec(any::<u8>(), 0..4),
        cut in any::<bool>(),
    ) {
        catalogue::visit(&mut Corrupt { at, with, cut });
    }

    #[test]
    fn any_amount_and_metric_round_trip(amount in any::<i64>(), places in 0_u32..=18, value in any::<f64>()) {
        let amount = event_schema::Decimal::new(amount, places);
        let paid = json!({ "order_id": "o", "amount": amount.to_string() }).to_string();
        let metric = json!({ "metric_name": "m", "value": value }).to_string();
        for value in [paid, metric] {
            catalogue::visit(&mut ReadAll { value: value.as_bytes(), hints: Hints::default() });
        }
    }
}
