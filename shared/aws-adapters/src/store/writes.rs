//! The engine's writes as the actions of a `TransactWriteItems` request.
//!
//! Every name goes through an expression attribute name, because any word may be a reserved one.
//! Nothing here sends anything.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use event_schema::Decimal;
use processing::{
    Addition, Body, Change, Expect, ItemKey, PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX, Write,
};

use super::TableNames;
use super::attributes::{PARTITION, VERSION, check_name, item_attributes, key_attributes};

/// Why a write is not sent at all: the service would refuse it, or keep something else than was meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidWriteError {
    #[error("a key of table {table} is empty or too long")]
    KeyLength { table: &'static str },
    #[error("attribute {name} is the store's own")]
    ReservedName { name: String },
    #[error("attribute {name} holds a number that is not whole or not of 64 bits")]
    NumberNotWhole { name: String },
    #[error("attribute {name} is nested deeper than the store takes")]
    NestedTooDeep { name: String },
    #[error("an item is put without saying what is expected of the stored one")]
    PutWithoutExpectation,
    #[error("an item is checked without saying what is expected of it")]
    CheckWithoutExpectation,
    #[error("an addition adds nothing")]
    EmptyAddition,
    #[error("a request cannot be put together")]
    Build(#[from] BuildError),
}

/// Puts one action together.
pub(crate) fn action(
    tables: &TableNames,
    write: &Write,
) -> Result<TransactWriteItem, InvalidWriteError> {
    let Write {
        key,
        expect,
        change,
    } = write;
    check_key(key)?;
    let table = tables.physical(key.table);
    let action = TransactWriteItem::builder();
    Ok(match change {
        Change::Check => action.condition_check(check(table, key, *expect)?),
        Change::Put(body) => action.put(put(table, key, *expect, body)?),
        Change::Add(additions) => action.update(add(table, key, *expect, additions)?),
        Change::Delete => action.delete(delete(table, key, *expect)?),
    }
    .build())
}

fn check_key(key: &ItemKey) -> Result<(), InvalidWriteError> {
    let fits = (1..=PARTITION_KEY_BYTES_MAX).contains(&key.partition.len())
        && (1..=SORT_KEY_BYTES_MAX).contains(&key.sort.len());
    if fits {
        Ok(())
    } else {
        Err(InvalidWriteError::KeyLength { table: key.table })
    }
}

fn check(
    table: String,
    key: &ItemKey,
    expect: Expect,
) -> Result<ConditionCheck, InvalidWriteError> {
    let terms = Terms::expecting(expect);
    let condition = terms
        .condition()
        .ok_or(InvalidWriteError::CheckWithoutExpectation)?;
    Ok(ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key_attributes(key)))
        .condition_expression(condition)
        .set_expression_attribute_names(terms.names())
        .set_expression_attribute_values(terms.values())
        .build()?)
}

fn put(
    table: String,
    key: &ItemKey,
    expect: Expect,
    body: &Body,
) -> Result<Put, InvalidWriteError> {
    let version = match expect {
        Expect::Absent => 1,
        Expect::Version(version) => version.saturating_add(1),
        Expect::Anything => return Err(InvalidWriteError::PutWithoutExpectation),
    };
    let terms = Terms::expecting(expect);
    Ok(Put::builder()
        .table_name(table)
        .set_item(Some(item_attributes(key, body, version)?))
        .set_condition_expression(terms.condition())
        .set_expression_attribute_names(terms.names())
        .set_expression_attribute_values(terms.values())
        .build()?)
}

fn add(
    table: String,
    key: &ItemKey,
    expect: Expect,
    additions: &[Addition],
) -> Result<Update, InvalidWriteError> {
    if additions.is_empty() {
        return Err(InvalidWriteError::EmptyAddition);
    }
    let mut terms = Terms::expecting(expect);
    terms.name("#v", VERSION);
    terms.value(":one", AttributeValue::N("1".to_owned()));
    let mut update = String::from("ADD #v :one");
    for (number, addition) in additions.iter().enumerate() {
        check_name(&addition.field)?;
        update.push_str(&terms.addition(number, addition));
    }
    Ok(Update::builder()
        .table_name(table)
        .set_key(Some(key_attributes(key)))
        .update_expression(update)
        .set_condition_expression(terms.condition())
        .set_expression_attribute_names(terms.names())
        .set_expression_attribute_values(terms.values())
        .build()?)
}

fn delete(table: String, key: &ItemKey, expect: Expect) -> Result<Delete, InvalidWriteError> {
    let terms = Terms::expecting(expect);
    Ok(Delete::builder()
        .table_name(table)
        .set_key(Some(key_attributes(key)))
        .set_condition_expression(terms.condition())
        .set_expression_attribute_names(terms.names())
        .set_expression_attribute_values(terms.values())
        .build()?)
}

/// The clauses of a condition, with the names and values that they and the update speak of.
#[derive(Default)]
struct Terms {
    clauses: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Terms {
    fn expecting(expect: Expect) -> Self {
        let mut terms = Self::default();
        match expect {
            Expect::Anything => {}
            Expect::Absent => {
                terms.name("#pk", PARTITION);
                terms.clause("attribute_not_exists(#pk)");
            }
            // Read without a version: it is there, and nobody has versioned it since.
            Expect::Version(0) => {
                terms.name("#pk", PARTITION);
                terms.name("#v", VERSION);
                terms.clause("attribute_exists(#pk)");
                terms.clause("attribute_not_exists(#v)");
            }
            Expect::Version(version) => {
                terms.name("#v", VERSION);
                terms.value(":v", AttributeValue::N(version.to_string()));
                terms.clause("#v = :v");
            }
        }
        terms
    }

    /// Notes an addition and its guard; the part of the update expression that makes it.
    fn addition(&mut self, number: usize, addition: &Addition) -> String {
        let (field, amount) = (format!("#f{number}"), format!(":a{number}"));
        self.name(&field, &addition.field);
        self.value(
            &amount,
            AttributeValue::N(addition.amount.normalize().to_string()),
        );
        if let Some(least) = addition.at_least {
            let bound = format!(":g{number}");
            self.value(&bound, AttributeValue::N(least.normalize().to_string()));
            // An absent field counts as zero.
            self.clause(&if least <= Decimal::ZERO {
                format!("(attribute_not_exists({field}) OR {field} >= {bound})")
            } else {
                format!("{field} >= {bound}")
            });
        }
        format!(", {field} {amount}")
    }

    fn clause(&mut self, clause: &str) {
        self.clauses.push(clause.to_owned());
    }

    fn name(&mut self, placeholder: &str, name: &str) {
        self.names.insert(placeholder.to_owned(), name.to_owned());
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }

    fn condition(&self) -> Option<String> {
        (!self.clauses.is_empty()).then(|| self.clauses.join(" AND "))
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(expect: Expect, change: Change) -> Write {
        let key = ItemKey {
            table: "orders",
            partition: "p".into(),
            sort: "s".into(),
        };
        Write {
            key,
            expect,
            change,
        }
    }

    fn built(expect: Expect, change: Change) -> Result<TransactWriteItem, InvalidWriteError> {
        action(&TableNames::new("test-"), &write(expect, change))
    }

    fn addition(field: &str, amount: i64, at_least: Option<i64>) -> Addition {
        Addition {
            field: field.to_owned(),
            amount: Decimal::from(amount),
            at_least: at_least.map(Decimal::from),
        }
    }

    #[test]
    fn a_put_expects_what_it_replaces_and_counts_on() {
        let put = built(Expect::Version(4), Change::Put(Body::new()))
            .unwrap()
            .put
            .unwrap();
        assert_eq!(put.table_name, "test-orders");
        assert_eq!(put.condition_expression.as_deref(), Some("#v = :v"));
        assert_eq!(put.item[VERSION], AttributeValue::N("5".into()));

        let put = built(Expect::Absent, Change::Put(Body::new()))
            .unwrap()
            .put
            .unwrap();
        assert_eq!(
            put.condition_expression.as_deref(),
            Some("attribute_not_exists(#pk)")
        );
        assert_eq!(put.item[VERSION], AttributeValue::N("1".into()));
    }

    #[test]
    fn an_addition_counts_the_version_and_holds_its_guards() {
        let additions = vec![addition("size", -2, Some(2)), addition("sum", 3, Some(-1))];
        let update = built(Expect::Anything, Change::Add(additions))
            .unwrap()
            .update
            .unwrap();
        assert_eq!(update.update_expression, "ADD #v :one, #f0 :a0, #f1 :a1");
        assert_eq!(
            update.condition_expression.as_deref(),
            Some("#f0 >= :g0 AND (attribute_not_exists(#f1) OR #f1 >= :g1)")
        );
        let names = update.expression_attribute_names.unwrap();
        assert_eq!(names["#f0"], "size");
    }

    #[test]
    fn a_change_that_says_nothing_is_refused() {
        let error = |expect, change| built(expect, change).unwrap_err();
        assert!(matches!(
            error(Expect::Anything, Change::Put(Body::new())),
            InvalidWriteError::PutWithoutExpectation
        ));
        assert!(matches!(
            error(Expect::Anything, Change::Check),
            InvalidWriteError::CheckWithoutExpectation
        ));
        assert!(matches!(
            error(Expect::Anything, Change::Add(Vec::new())),
            InvalidWriteError::EmptyAddition
        ));
        assert!(matches!(
            error(
                Expect::Anything,
                Change::Add(vec![addition(VERSION, 1, None)])
            ),
            InvalidWriteError::ReservedName { .. }
        ));
    }

    #[test]
    fn a_key_that_no_table_takes_is_refused() {
        let write = |partition: String, sort: String| {
            let key = ItemKey {
                table: "orders",
                partition,
                sort,
            };
            let write = Write {
                key,
                expect: Expect::Absent,
                change: Change::Put(Body::new()),
            };
            action(&TableNames::new(""), &write)
        };
        assert!(
            write(
                "p".repeat(PARTITION_KEY_BYTES_MAX),
                "s".repeat(SORT_KEY_BYTES_MAX)
            )
            .is_ok()
        );
        for (partition, sort) in [
            (String::new(), "s".to_owned()),
            ("p".to_owned(), String::new()),
            ("p".repeat(PARTITION_KEY_BYTES_MAX + 1), "s".to_owned()),
            ("p".to_owned(), "s".repeat(SORT_KEY_BYTES_MAX + 1)),
        ] {
            let refused = write(partition, sort);
            assert!(matches!(refused, Err(InvalidWriteError::KeyLength { .. })));
        }
    }

    #[test]
    fn a_deletion_needs_no_expectation() {
        let delete = built(Expect::Anything, Change::Delete)
            .unwrap()
            .delete
            .unwrap();
        assert_eq!(delete.condition_expression, None);
    }
}
