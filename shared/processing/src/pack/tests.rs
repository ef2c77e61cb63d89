//! Packing keeps its promises for any records: limits, wholeness, order.

use event_schema::events::{NotificationChannel, NotificationKind, NotificationRequested};
use event_schema::{Event, Labels, Recipient};
use proptest::prelude::*;
use serde_json::Value;

use rust_decimal::Decimal;

use super::*;
use crate::batch::Fate;
use crate::store::{Addition, Body, Change, Expect, Stored, TRANSACTION_WRITES_MAX};
use crate::view::{ItemEffect, StagedAddition};

/// What a generated record does to one item.
#[derive(Clone, Copy, Debug)]
enum Touch {
    Reads,
    Puts,
    Adds,
}

#[derive(Clone, Debug)]
struct Made {
    touches: Vec<(u8, Touch)>,
    published: Vec<u8>,
    lane: Option<u8>,
    letter: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let touch = prop_oneof![Just(Touch::Reads), Just(Touch::Puts), Just(Touch::Adds)];
    (
        prop::collection::vec((0_u8..40, touch), 0..12),
        prop::collection::vec(0_u8..20, 0..6),
        prop::option::of(0_u8..10),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(touches, published, lane, letter)| Made {
            touches,
            published,
            lane,
            letter,
        })
}

fn item(n: u8) -> ItemKey {
    ItemKey {
        table: "items",
        partition: format!("i-{n}"),
        sort: "-".into(),
    }
}

fn effect(touch: Touch) -> ItemEffect {
    let one = || StagedAddition {
        field: "n".into(),
        amount: Decimal::ONE,
        floor: None,
    };
    let body: Body = [("n".to_owned(), Value::from(1))].into_iter().collect();
    match touch {
        Touch::Reads => ItemEffect {
            depends: true,
            ..ItemEffect::default()
        },
        Touch::Puts => ItemEffect {
            depends: true,
            put: Some(body.clone()),
            after: Some(body),
            ..ItemEffect::default()
        },
        Touch::Adds => ItemEffect {
            additions: vec![one()],
            after: Some(body),
            ..ItemEffect::default()
        },
    }
}

fn outgoing(recipient: u8) -> crate::outbox::Outgoing {
    let key = format!("r-{recipient}");
    let event = NotificationRequested {
        recipient: Recipient::new(key.clone()).unwrap(),
        kind: NotificationKind::Welcome,
        channel: NotificationChannel::default(),
        locale: None,
        data: Labels::default(),
    };
    let spec = NotificationRequested::SPEC;
    let value = serde_json::to_string(&event).unwrap();
    let now = Timestamp::from_ms(0);
    crate::outbox::Outgoing::new(spec, &key, Some(key.clone()), &value, now, None)
}

fn planned(index: usize, made: &Made) -> Planned {
    let items = if made.letter { &[][..] } else { &made.touches };
    let effects = crate::view::Effects {
        items: items
            .iter()
            .map(|(n, touch)| (item(*n), effect(*touch)))
            .collect(),
        published: made
            .published
            .iter()
            .filter(|_| !made.letter)
            .copied()
            .map(outgoing)
            .collect(),
        ..Default::default()
    };
    let mark = Write {
        key: ItemKey {
            table: "state",
            partition: format!("m-{index}"),
            sort: "mark".into(),
        },
        expect: Expect::Absent,
        change: Change::Put(Body::new()),
    };
    let refusal = crate::rejection::Refusal::new("refused", "refused");
    Planned {
        index,
        fate: if made.letter {
            Fate::DeadLettered(refusal)
        } else {
            Fate::Applied
        },
        letter: made.letter,
        effects,
        mark: Some(mark),
        fence: None,
        parking: None,
        unparked: Vec::new(),
        lane: made.lane.map(|lane| format!("lane-{lane}")),
        same_event: None,
    }
}

/// Every item is loaded at version 1.
fn cache() -> Cache {
    let stored = Stored {
        version: 1,
        body: Body::new(),
    };
    Cache {
        items: (0..40).map(|n| (item(n), Some(stored.clone()))).collect(),
        ..Cache::default()
    }
}

fn packed(made: &[Made], isolate: bool) -> Vec<Chain> {
    let cache = cache();
    let now = Timestamp::from_ms(0);
    let packing = Packing {
        cache: &cache,
        now,
        outbox_order: "0",
        isolate,
    };
    packing.pack(
        made.iter()
            .enumerate()
            .map(|(index, made)| planned(index, made))
            .collect(),
    )
}

proptest! {
    #[test]
    fn every_record_is_in_one_transaction_within_the_limits(
        made in prop::collection::vec(made(), 0..120),
    ) {
        let chains = packed(&made, false);
        let mut indexes: Vec<usize> = Vec::new();
        for step in chains.iter().flatten() {
            indexes.extend(step.planned.iter().map(|planned| planned.index));
            prop_assert!(step.writes.len() <= TRANSACTION_WRITES_MAX);
            let keys: HashSet<_> = step.writes.iter().map(|write| &write.key).collect();
            prop_assert_eq!(keys.len(), step.writes.len(), "an item stands twice");
        }
        indexes.sort_unstable();
        prop_assert_eq!(indexes, (0..made.len()).collect::<Vec<_>>());
    }

    #[test]
    fn records_that_share_anything_keep_their_order_in_one_chain(
        made in prop::collection::vec(made(), 0..80),
        isolate in any::<bool>(),
    ) {
        let chains = packed(&made, isolate);
        let mut place: HashMap<usize, (usize, usize)> = HashMap::new();
        for (chain, steps) in chains.iter().enumerate() {
            for (step, content) in steps.iter().enumerate() {
                prop_assert!(!isolate || content.planned.len() == 1);
                place.extend(content.planned.iter().map(|planned| (planned.index, (chain, step))));
            }
        }
        for (a, first) in made.iter().enumerate() {
            for (b, second) in made.iter().enumerate().skip(a + 1) {
                if shares(first, second) {
                    prop_assert_eq!(place[&a].0, place[&b].0, "{} and {} in two chains", a, b);
                    prop_assert!(place[&a].1 <= place[&b].1, "{} after {}", a, b);
                }
            }
        }
    }

    #[test]
    fn a_chain_expects_the_versions_that_it_leaves(
        made in prop::collection::vec(made(), 0..80),
    ) {
        for chain in packed(&made, false) {
            let mut versions: HashMap<ItemKey, u64> = HashMap::new();
            for write in chain.iter().flat_map(|step| &step.writes) {
                if write.key.table != "items" {
                    continue;
                }
                let version = versions.entry(write.key.clone()).or_insert(1);
                if let Expect::Version(expected) = write.expect {
                    prop_assert_eq!(expected, *version);
                }
                *version += u64::from(write.change != Change::Check);
            }
        }
    }

    #[test]
    fn no_letter_is_sent_before_what_came_before_it_in_its_group_is_committed(
        made in prop::collection::vec(made(), 0..80),
    ) {
        for step in packed(&made, false).iter().flatten() {
            for (place, letter) in step.planned.iter().enumerate().filter(|(_, p)| p.letter) {
                let before = &step.planned[..place];
                let same_lane = before.iter().any(|earlier| {
                    !earlier.letter && earlier.lane.is_some() && earlier.lane == letter.lane
                });
                prop_assert!(!same_lane);
            }
        }
    }
}

fn shares(a: &Made, b: &Made) -> bool {
    let items = |made: &Made| -> HashSet<u8> {
        let touched = made.touches.iter().map(|(n, _)| *n);
        touched.filter(|_| !made.letter).collect()
    };
    let outgoing = |made: &Made| -> HashSet<u8> {
        made.published
            .iter()
            .filter(|_| !made.letter)
            .copied()
            .collect()
    };
    (a.lane.is_some() && a.lane == b.lane)
        || !items(a).is_disjoint(&items(b))
        || !outgoing(a).is_disjoint(&outgoing(b))
}

#[test]
fn additions_of_several_records_are_one_write_with_the_strictest_guard() {
    let take = |index: usize, amount: i64| {
        let addition = StagedAddition {
            field: "n".into(),
            amount: Decimal::from(-amount),
            floor: Some(Decimal::ZERO),
        };
        let effect = ItemEffect {
            additions: vec![addition],
            ..ItemEffect::default()
        };
        let effects = crate::view::Effects {
            items: [(item(0), effect)].into(),
            ..Default::default()
        };
        let made = Made {
            touches: vec![],
            published: vec![],
            lane: None,
            letter: false,
        };
        Planned {
            effects,
            ..planned(index, &made)
        }
    };
    let cache = Cache::default();
    let now = Timestamp::from_ms(0);
    let packing = Packing {
        cache: &cache,
        now,
        outbox_order: "0",
        isolate: false,
    };
    let chains = packing.pack(vec![take(0, 3), take(1, 4)]);
    let writes: Vec<&Write> = chains
        .iter()
        .flatten()
        .flat_map(|step| &step.writes)
        .filter(|write| write.key.table == "items")
        .collect();
    let expected = Addition {
        field: "n".into(),
        amount: Decimal::from(-7),
        at_least: Some(Decimal::from(7)),
    };
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].expect, Expect::Anything);
    assert_eq!(writes[0].change, Change::Add(vec![expected]));
}

fn touching(n: u8) -> Made {
    Made {
        touches: vec![(n, Touch::Puts)],
        published: Vec::new(),
        lane: None,
        letter: false,
    }
}

#[test]
fn records_that_share_nothing_are_chains_of_their_own() {
    let made = [touching(1), touching(2), touching(3), touching(2)];
    let chains = packed(&made, true);
    let lengths: Vec<_> = chains.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 2, 1]);
}

#[test]
fn outbox_rows_of_later_transactions_sort_behind_those_of_earlier_ones() {
    let told = |n| Made {
        published: vec![7],
        ..touching(n)
    };
    let chains = packed(&[told(1), told(2), told(3)], true);
    let steps = chains.iter().flatten();
    let writes = steps.flat_map(|step| &step.writes);
    let rows = writes.filter(|write| write.key.table == crate::outbox::OUTBOX_TABLE);
    let sorts: Vec<_> = rows.map(|write| &write.key.sort).collect();
    assert_eq!(sorts.len(), 3);
    assert!(sorts.is_sorted_by(|one, next| one < next), "{sorts:?}");
}
