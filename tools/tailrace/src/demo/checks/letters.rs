//! Checks of the dead-letter queue: what is poison is there, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::demo::plan::{Kind, Poison};
use crate::text::counted;

/// Each poison record is one dead letter with its code; a letter that was sent twice has the same id.
pub(super) fn each_poison_is_one_letter(evidence: &Evidence<'_>) -> Check {
    let poison = poison(evidence);
    let differences: Vec<String> = poison
        .iter()
        .filter_map(|(position, poison)| {
            let letters = evidence.books.letters.iter();
            let at_position = letters.filter(|letter| letter.position == Some(*position));
            let found: BTreeSet<(&str, &str)> = at_position
                .map(|letter| (letter.id.as_str(), letter.code.as_str()))
                .collect();
            let codes: Vec<&str> = found.iter().map(|(_, code)| *code).collect();
            (codes != [poison.code()]).then(|| {
                let (partition, offset) = position;
                format!(
                    "expected one letter {} of partition {partition}, offset {offset}, found [{}]",
                    poison.code(),
                    codes.join(", ")
                )
            })
        })
        .collect();
    let claim = format!(
        "{} poison records are one dead letter each, with the right code",
        counted(poison.len())
    );
    Check::of(claim, &differences)
}

/// No other record is a dead letter, and the mapping gave up none.
pub(super) fn nothing_else_is_a_letter(evidence: &Evidence<'_>) -> Check {
    let poison = poison(evidence);
    let letters = evidence.books.letters.iter();
    let mut differences: Vec<String> = letters
        .filter(|letter| {
            letter
                .position
                .is_none_or(|position| !poison.contains_key(&position))
        })
        .map(|letter| {
            let place = letter.position.map_or_else(
                || "a position that it does not say".to_owned(),
                |(partition, offset)| format!("partition {partition}, offset {offset}"),
            );
            format!("expected no letter of {place}, found {}", letter.code)
        })
        .collect();
    if evidence.books.given_up > 0 {
        differences.push(format!(
            "expected no records that the mapping gave up, found {} message(s) of it",
            counted(evidence.books.given_up)
        ));
    }
    Check::of("no other record is a dead letter", &differences)
}

fn poison(evidence: &Evidence<'_>) -> BTreeMap<(i32, i64), Poison> {
    let poison = evidence.sent.iter().filter_map(|sent| match sent.kind {
        Kind::Poison(poison) => Some(((sent.partition, sent.offset), poison)),
        Kind::Order | Kind::LegacyOrder | Kind::Duplicate => None,
    });
    poison.collect()
}
