//! What a transaction may hold is counted to the last write and to the last byte.

use event_schema::Event;
use event_schema::Timestamp;
use event_schema::events::StockUpdated;
use rust_decimal::Decimal;
use serde_json::Value;

use super::*;
use crate::outbox::Outgoing;
use crate::plan::Parking;
use crate::view::{Cache, Effects};

fn key(table: &'static str, name: &str) -> ItemKey {
    ItemKey {
        table,
        partition: name.to_owned(),
        sort: "-".to_owned(),
    }
}

fn put(name: &str) -> Write {
    Write {
        key: key("state", name),
        expect: Expect::Absent,
        change: Change::Put(Body::new()),
    }
}

fn text(value: &str) -> Body {
    [("n".to_owned(), Value::from(value))].into_iter().collect()
}

fn nothing() -> Planned {
    Planned {
        index: 0,
        fate: Fate::Applied,
        letter: false,
        effects: Effects::default(),
        mark: None,
        fence: None,
        parking: None,
        unparked: Vec::new(),
        lane: None,
        same_event: None,
    }
}

fn reading(names: impl IntoIterator<Item = String>) -> Planned {
    let effect = ItemEffect {
        depends: true,
        ..ItemEffect::default()
    };
    let items = names
        .into_iter()
        .map(|name| (key("items", &name), effect.clone()));
    Planned {
        effects: Effects {
            items: items.collect(),
            ..Effects::default()
        },
        ..nothing()
    }
}

fn numbered(count: usize) -> Planned {
    reading((0..count).map(|n| format!("i-{n}")))
}

fn outgoing(key: &str) -> Outgoing {
    let now = Timestamp::from_ms(0);
    Outgoing::new(
        StockUpdated::SPEC,
        "id",
        Some(key.to_owned()),
        "{}",
        now,
        None,
    )
}

/// Keys whose events go to different lanes.
fn keys_of_two_lanes() -> (String, String) {
    let first = outgoing("k-0").lane;
    let other = (1..100)
        .map(|n| format!("k-{n}"))
        .find(|key| outgoing(key).lane != first);
    ("k-0".to_owned(), other.unwrap())
}

/// Every kind of write, with how many writes each is.
fn kinds() -> Vec<(usize, Planned)> {
    let (a, b) = keys_of_two_lanes();
    let parking = Parking {
        flag: key("state", "flag"),
        rows: vec![put("r-0"), put("r-1"), put("r-2")],
    };
    let published = |keys: &[&String]| Effects {
        published: keys.iter().map(|key| outgoing(key)).collect(),
        ..Effects::default()
    };
    vec![
        (2, reading(["x".to_owned(), "y".to_owned()])),
        (
            1,
            Planned {
                mark: Some(put("mark")),
                ..nothing()
            },
        ),
        (
            1,
            Planned {
                fence: Some((key("state", "fence"), Fence::START)),
                ..nothing()
            },
        ),
        (
            4,
            Planned {
                parking: Some(parking),
                ..nothing()
            },
        ),
        (
            2,
            Planned {
                unparked: vec![put("u-0"), put("u-1")],
                ..nothing()
            },
        ),
        (
            2,
            Planned {
                effects: published(&[&a, &b, &a]),
                ..nothing()
            },
        ),
    ]
}

/// Several of them in one record.
fn everything() -> (usize, Planned) {
    let mut all = nothing();
    let mut count = 0;
    for (writes, kind) in kinds() {
        count += writes;
        all.effects.items.extend(kind.effects.items);
        all.effects.published.extend(kind.effects.published);
        all.mark = all.mark.or(kind.mark);
        all.fence = all.fence.or(kind.fence);
        all.parking = all.parking.or(kind.parking);
        all.unparked.extend(kind.unparked);
    }
    (count, all)
}

fn writes_of(draft: &Draft) -> Vec<Write> {
    let packing = Packing {
        cache: &Cache::default(),
        now: Timestamp::from_ms(0),
        outbox_order: "0",
        isolate: false,
    };
    draft.writes(&packing, &mut HashMap::new(), "0")
}

#[test]
fn every_kind_of_write_counts_and_the_hundredth_is_the_last() {
    let mut all = kinds();
    all.push(everything());
    for (writes, planned) in all {
        let mut alone = Draft::default();
        alone.push(planned.clone());
        assert_eq!(writes_of(&alone).len(), writes);
        let mut draft = Draft::default();
        draft.push(numbered(TRANSACTION_WRITES_MAX - writes));
        assert!(draft.has_room_for(&planned), "{planned:?}");
        assert!(draft.has_room_for_draft(&alone), "{planned:?}");
        draft.push(reading(["one more".to_owned()]));
        assert!(!draft.has_room_for(&planned), "{planned:?}");
        assert!(!draft.has_room_for_draft(&alone), "{planned:?}");
    }
}

#[test]
fn what_a_draft_has_is_counted_whatever_it_is() {
    let (writes, planned) = everything();
    let mut draft = Draft::default();
    draft.push(planned);
    assert_eq!(writes_of(&draft).len(), writes);
    let fits = TRANSACTION_WRITES_MAX - writes;
    assert!(draft.has_room_for(&numbered(fits)));
    assert!(!draft.has_room_for(&numbered(fits + 1)));
}

#[test]
fn what_is_there_already_takes_no_more_writes() {
    let (_, planned) = everything();
    let mut draft = Draft::default();
    draft.push(planned.clone());
    draft.push(numbered(TRANSACTION_WRITES_MAX - writes_of(&draft).len()));
    let again = Planned {
        mark: None,
        parking: None,
        unparked: Vec::new(),
        ..planned.clone()
    };
    assert!(draft.has_room_for(&again));
    let parking = planned.parking.map(|parking| Parking {
        rows: Vec::new(),
        ..parking
    });
    assert!(
        draft.has_room_for(&Planned {
            parking,
            ..nothing()
        }),
        "the flag is there"
    );
}

#[test]
fn bytes_are_counted_to_the_last() {
    assert_eq!(bytes_of(&nothing()), FENCE_AND_FLAG_BYTES);
    let body = text("0123456789");
    // A key of one and one byte takes 34, the body 12.
    let putting = |body: &Body| {
        let effect = ItemEffect {
            put: Some(body.clone()),
            ..ItemEffect::default()
        };
        Planned {
            effects: Effects {
                items: [(key("items", "x"), effect)].into(),
                ..Effects::default()
            },
            ..nothing()
        }
    };
    assert_eq!(bytes_of(&putting(&body)), FENCE_AND_FLAG_BYTES + 34 + 12);
    let addition = StagedAddition {
        field: "n".into(),
        amount: Decimal::ONE,
        floor: None,
    };
    let mut adding = reading(["x".to_owned()]);
    for effect in adding.effects.items.values_mut() {
        effect.additions = vec![addition.clone(), addition.clone(), addition.clone()];
    }
    assert_eq!(bytes_of(&adding), FENCE_AND_FLAG_BYTES + 34 + 3 * 48);
    let writes = Planned {
        mark: Some(put("m")),
        unparked: vec![put("u")],
        parking: Some(Parking {
            flag: key("state", "flag"),
            rows: vec![put("r"), put("r")],
        }),
        ..nothing()
    };
    assert_eq!(bytes_of(&writes), FENCE_AND_FLAG_BYTES + 4 * 34);
    let mut publishing = nothing();
    publishing.effects.published = vec![outgoing("k"), outgoing("k")];
    // The value `{}`, the id `id`, the key `k`, and 128 for what is written around them.
    assert_eq!(
        bytes_of(&publishing),
        FENCE_AND_FLAG_BYTES + 2 * (2 + 2 + 1 + 128)
    );

    let rest = TRANSACTION_BYTES_MAX - bytes_of(&putting(&body)) - FENCE_AND_FLAG_BYTES - 34 - 2;
    let filling = |bytes: usize| putting(&text(&"x".repeat(bytes)));
    let mut draft = Draft::default();
    draft.push(putting(&body));
    for (bytes, fits) in [(rest, true), (rest + 1, false)] {
        assert_eq!(draft.has_room_for(&filling(bytes)), fits);
        let mut other = Draft::default();
        other.push(filling(bytes));
        assert_eq!(draft.has_room_for_draft(&other), fits);
    }
}

#[test]
fn later_changes_of_an_item_lie_on_earlier_ones() {
    let addition = |amount: i64| StagedAddition {
        field: "n".into(),
        amount: Decimal::from(amount),
        floor: None,
    };
    let whole = |n: i64| text(&n.to_string());
    let mut folded = FoldedItem::default();
    assert_eq!(folded.change(), Change::Check);
    folded.fold(&ItemEffect {
        additions: vec![addition(2)],
        after: None,
        ..ItemEffect::default()
    });
    assert!(matches!(folded.change(), Change::Add(_)) && !folded.depends);
    folded.fold(&ItemEffect {
        depends: true,
        put: Some(whole(7)),
        after: Some(whole(7)),
        ..ItemEffect::default()
    });
    assert_eq!(folded.change(), Change::Put(whole(7)));
    folded.fold(&ItemEffect {
        additions: vec![addition(3)],
        after: Some(whole(10)),
        ..ItemEffect::default()
    });
    folded.fold(&ItemEffect {
        depends: true,
        ..ItemEffect::default()
    });
    assert_eq!(folded.change(), Change::Put(whole(10)));
    assert!(folded.depends);
}

#[test]
fn a_draft_of_letters_alone_has_no_changes() {
    let mut draft = Draft::default();
    draft.push(Planned {
        fate: Fate::Duplicate,
        ..nothing()
    });
    assert!(!draft.has_changes());
    draft.push(nothing());
    assert!(draft.has_changes());
}

#[test]
fn a_flag_counts_the_records_that_it_parks() {
    let mut draft = Draft::default();
    for row in ["r-0", "r-1", "r-2"] {
        let parking = Parking {
            flag: key("state", "flag"),
            rows: vec![put(row)],
        };
        draft.push(Planned {
            parking: Some(parking),
            ..nothing()
        });
    }
    let writes = writes_of(&draft);
    let flag = writes.iter().find(|write| write.key.partition == "flag");
    let three = Addition {
        field: FLAG_COUNT.to_owned(),
        amount: Decimal::from(3),
        at_least: None,
    };
    assert_eq!(flag.unwrap().change, Change::Add(vec![three]));
}

#[test]
fn events_of_a_lane_are_counted_against_its_own_rows() {
    let (a, b) = keys_of_two_lanes();
    let publishing = |keys: &[(&str, usize)]| Planned {
        effects: Effects {
            published: keys
                .iter()
                .flat_map(|(key, count)| std::iter::repeat_n(outgoing(key), *count))
                .collect(),
            ..Effects::default()
        },
        ..nothing()
    };
    let with_items = |count: usize| {
        let mut draft = Draft::default();
        draft.push(publishing(&[(&a, 10)]));
        draft.push(numbered(count));
        draft
    };
    // One row of the first lane is full then, and each lane takes a new one.
    let more = publishing(&[(&a, 60), (&b, 1)]);
    assert!(with_items(TRANSACTION_WRITES_MAX - 3).has_room_for(&more));
    assert!(!with_items(TRANSACTION_WRITES_MAX - 2).has_room_for(&more));
}
