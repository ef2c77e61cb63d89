//! Applying a transaction: all of its writes, or none and a reason for each that was at fault.
//!
//! What makes a transaction unacceptable before anything is looked at is in `limits`.

use event_schema::Timestamp;
use processing::{
    Addition, Cancellation, Change, CommitError, Expect, Transaction, Write, number, number_value,
};
use rust_decimal::Decimal;
use serde_json::Value;

use super::{AppliedToken, Kept, State, TOKEN_SECONDS, limits};

impl State {
    pub(super) fn commit(
        &mut self,
        transaction: &Transaction,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        limits::check_transaction(transaction)
            .map_err(|error| CommitError::Invalid(error.into()))?;
        let oldest_ms = now.as_ms() - TOKEN_SECONDS * 1_000;
        self.tokens.retain(|_, token| token.at.as_ms() > oldest_ms);
        if let Some(token) = self.tokens.get(&transaction.token) {
            if token.writes == transaction.writes {
                return Ok(());
            }
            return Err(CommitError::Invalid(
                "the token belongs to other writes".into(),
            ));
        }
        let results: Vec<_> = transaction
            .writes
            .iter()
            .map(|write| self.after(write))
            .collect();
        if results.iter().any(Result::is_err) {
            return Err(CommitError::Cancelled(
                results.into_iter().map(Result::err).collect(),
            ));
        }
        for (write, after) in transaction.writes.iter().zip(results.into_iter().flatten()) {
            match after {
                After::Same => {}
                After::Gone => drop(self.items.remove(&write.key)),
                After::Is(kept) => drop(self.items.insert(write.key.clone(), kept)),
            }
        }
        let writes = transaction.writes.clone();
        self.applied.push(writes.clone());
        self.tokens
            .insert(transaction.token.clone(), AppliedToken { at: now, writes });
        Ok(())
    }

    /// What the write makes of its item, as the store stands before the transaction.
    fn after(&self, write: &Write) -> Result<After, Cancellation> {
        let before = self.items.get(&write.key);
        let as_expected = match write.expect {
            Expect::Anything => true,
            Expect::Absent => before.is_none(),
            Expect::Version(version) => before.is_some_and(|kept| kept.version == version),
        };
        if !as_expected {
            return Err(Cancellation::ConditionFailed);
        }
        let after = match &write.change {
            Change::Check => return Ok(After::Same),
            Change::Delete => return Ok(After::Gone),
            Change::Put(body) => Kept::new(next_version(before), body.clone()),
            Change::Add(additions) => added(before, additions)?,
        };
        limits::check_item(&write.key, &after.body)
            .map_err(|error| Cancellation::Invalid(error.to_string()))?;
        Ok(After::Is(after))
    }
}

enum After {
    Same,
    Gone,
    Is(Kept),
}

fn next_version(before: Option<&Kept>) -> u64 {
    before.map_or(0, |kept| kept.version).saturating_add(1)
}

/// Adds as `ADD` does: what is absent comes into being from zero; guards are conditions and are looked at
/// first.
fn added(before: Option<&Kept>, additions: &[Addition]) -> Result<Kept, Cancellation> {
    let mut after = before
        .cloned()
        .unwrap_or_else(|| Kept::new(0, serde_json::Map::new()));
    if !additions
        .iter()
        .all(|addition| guard_holds(&after, addition))
    {
        return Err(Cancellation::ConditionFailed);
    }
    for Addition { field, amount, .. } in additions {
        let no_number = || Cancellation::Invalid(format!("field {field} is no number"));
        let value = after.value(field).ok_or_else(no_number)?;
        let sum = value.checked_add(*amount).ok_or_else(|| {
            Cancellation::Invalid(format!("field {field} would hold too large a number"))
        })?;
        after.body.insert(field.clone(), number_value(sum));
        after.numbers.insert(field.clone());
    }
    after.version = next_version(before);
    Ok(after)
}

/// A comparison with what is no number is false, as it is in a condition expression.
fn guard_holds(kept: &Kept, addition: &Addition) -> bool {
    addition.at_least.is_none_or(|least| {
        kept.value(&addition.field)
            .is_some_and(|value| value >= least)
    })
}

impl Kept {
    /// The attribute as a number; zero if it is absent, `None` if it is something else.
    fn value(&self, field: &str) -> Option<Decimal> {
        let Some(value) = self.body.get(field) else {
            return Some(Decimal::ZERO);
        };
        if !self.numbers.contains(field) {
            return None;
        }
        // Beyond 63 bits a JSON number is still a number, though not one that items should hold.
        number(value).or_else(|| Value::as_u64(value).map(Decimal::from))
    }
}
