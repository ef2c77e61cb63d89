//! Claims about what happened: each says what was expected and found where it fails.
//!
//! What is claimed of each part of the business is in [`super::areas`]; here is what holds for all of it.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::catalogue::FUNCTIONS;
use processing::OUTBOX_TABLE;

use super::evidence::Evidence;
use super::plan::{Kind, Poison};
use crate::text::{counted, grouped, plural};

/// Differences that are spelt out; the rest is counted.
const DIFFERENCES_SHOWN_MAX: usize = 3;

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) claim: String,
    /// What was expected and found; none if the claim holds.
    pub(crate) problem: Option<String>,
}

impl Check {
    /// Makes a check that holds if there are no differences.
    pub(crate) fn of(claim: impl Into<String>, differences: &[String]) -> Self {
        let shown = differences.iter().take(DIFFERENCES_SHOWN_MAX);
        let mut problem = shown.cloned().collect::<Vec<_>>().join("; ");
        let hidden = differences.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
        if hidden > 0 {
            let more = format!(
                "; and {} more difference{}",
                counted(hidden),
                plural(hidden)
            );
            problem.push_str(&more);
        }
        Self {
            claim: claim.into(),
            problem: (!differences.is_empty()).then_some(problem),
        }
    }

    /// Makes a check that the same keys are on both sides, with the same values.
    pub(crate) fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
        claim: impl Into<String>,
        expected: &BTreeMap<K, V>,
        found: &BTreeMap<K, V>,
    ) -> Self {
        let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
        let differences = keys.into_iter().filter_map(|key| {
            let (expected, found) = (expected.get(key), found.get(key));
            (expected != found).then(|| {
                format!(
                    "{key:?}: expected {}, found {}",
                    said(expected),
                    said(found)
                )
            })
        });
        Self::of(claim, &differences.collect::<Vec<_>>())
    }
}

fn said<V: std::fmt::Debug>(value: Option<&V>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

/// Makes the checks that hold for all of the business.
pub(super) fn of_all(evidence: &Evidence<'_>) -> Vec<Check> {
    vec![
        each_poison_is_one_letter_of_each_reader(evidence),
        some_records_came_twice(evidence),
        everything_is_published(evidence),
        nothing_is_left_to_read(evidence),
    ]
}

/// Function, topic, partition and offset, with the code.
type Letters = BTreeMap<(String, String, i32, i64), BTreeSet<String>>;

/// Each poison record is one dead letter, with its code, of each function that reads its topic; nothing else is
/// one, and no mapping gave a record up.
fn each_poison_is_one_letter_of_each_reader(evidence: &Evidence<'_>) -> Check {
    let mut expected = Letters::new();
    for sent in evidence.sent {
        if let Kind::Poison(poison) = sent.kind {
            for function in readers(sent.topic) {
                let place = (
                    function.to_owned(),
                    sent.topic.to_owned(),
                    sent.partition,
                    sent.offset,
                );
                expected
                    .entry(place)
                    .or_default()
                    .insert(poison.code().to_owned());
            }
        }
    }
    let mut found = Letters::new();
    let mut ids = BTreeSet::new();
    for letter in &evidence.books.letters {
        let (topic, partition, offset) =
            (letter.position.clone()).unwrap_or_else(|| ("no topic".to_owned(), -1, -1));
        let place = (letter.function.clone(), topic, partition, offset);
        found.entry(place).or_default().insert(letter.code.clone());
        ids.insert(letter.id.as_str());
    }
    let claim = format!(
        "{} poison records are {} dead letters, one of each reader, with the right code; nothing else is one",
        counted(evidence.plan.count(|kind| matches!(kind, Kind::Poison(_)))),
        counted(ids.len())
    );
    let mut check = Check::same(claim, &expected, &found);
    if ids.len() != found.len() {
        let problem = format!("{} letters of {} records", ids.len(), found.len());
        check.problem.get_or_insert(problem);
    }
    if evidence.books.given_up > 0 {
        let given_up = counted(evidence.books.given_up);
        let problem = format!("mappings gave records up, in {given_up} message(s)");
        check.problem.get_or_insert(problem);
    }
    check
}

/// The functions that read a topic.
fn readers(topic: &str) -> impl Iterator<Item = &'static str> {
    let functions = FUNCTIONS.iter();
    functions
        .filter(move |function| function.reads.iter().any(|event| event.topic == topic))
        .map(|function| function.name)
}

/// The faults on purpose took place: otherwise the demo would show less than it says.
fn some_records_came_twice(evidence: &Evidence<'_>) -> Check {
    let topics = evidence.books.topics.iter();
    let once: usize = topics
        .map(|(topic, kept)| kept.len() * readers(topic).count())
        .sum();
    let once = u64::try_from(once).unwrap_or(u64::MAX);
    let delivered = grouped(evidence.delivered);
    let problem = (evidence.delivered <= once).then(|| {
        format!(
            "expected more deliveries than {}, found {delivered}",
            grouped(once)
        )
    });
    Check {
        claim: format!(
            "what {} deliveries would have done once was delivered {delivered} times",
            grouped(once)
        ),
        problem,
    }
}

fn everything_is_published(evidence: &Evidence<'_>) -> Check {
    let rows = evidence.items(OUTBOX_TABLE).len();
    Check {
        claim: "every outgoing event is on its topic: the outbox is empty".to_owned(),
        problem: (rows > 0).then(|| format!("expected no row, found {}", counted(rows))),
    }
}

fn nothing_is_left_to_read(evidence: &Evidence<'_>) -> Check {
    let lag = evidence.books.lag;
    Check {
        claim: "every consumer group has committed everything (lag 0)".to_owned(),
        problem: (lag > 0).then(|| format!("expected a lag of 0, found {}", grouped(lag))),
    }
}

/// The kinds of poison that are found, with their letters: for the summary.
pub(super) fn letters_by_code(evidence: &Evidence<'_>) -> BTreeMap<String, usize> {
    let mut ids: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for poison in Poison::ALL {
        ids.entry(poison.code().to_owned()).or_default();
    }
    for letter in &evidence.books.letters {
        let of_code = ids.entry(letter.code.clone()).or_default();
        of_code.insert(&letter.id);
    }
    ids.into_iter()
        .map(|(code, ids)| (code, ids.len()))
        .collect()
}
