//! `balance.charged`: money was added to a user's balance, or taken from it.
//!
//! That a balance never falls below zero is kept by the function that keeps the ledger.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PaymentMethod;
use crate::{
    AmountSchema, ChargeId, Deduplication, Event, EventSpec, InvalidEvent, SchemaVersion, UserId,
};

/// Money was added to a user's balance, or taken from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceCharged {
    /// Whose balance.
    #[serde(alias = "userId")]
    pub user_id: UserId,
    /// What was added; what was taken is negative.
    #[serde(with = "crate::amount")]
    #[schemars(with = "AmountSchema")]
    pub amount: Decimal,
    /// The charge.
    #[serde(
        default,
        alias = "chargeId",
        alias = "transactionId",
        skip_serializing_if = "Option::is_none"
    )]
    pub charge_id: Option<ChargeId>,
    /// How it was paid.
    #[serde(
        default,
        alias = "paymentMethod",
        alias = "payment_method",
        skip_serializing_if = "Option::is_none"
    )]
    pub method: Option<PaymentMethod>,
}

impl Event for BalanceCharged {
    const SPEC: &'static EventSpec = &EventSpec {
        event_type: "balance.charged",
        topic: "balance.balance.charged",
        alias_topics: &["balance-activity"],
        legacy_types: &["BALANCE_CHARGED"],
        key: "user:{user_id}",
        dedup: Deduplication::EventId,
        partitions: 3,
        outbox_lanes: 4,
        schema_version: SchemaVersion::V1_0,
    };

    fn ordering_key(&self) -> Option<String> {
        Some(format!("user:{}", self.user_id))
    }

    fn validate(&self) -> Result<(), InvalidEvent> {
        if self.amount.is_zero() {
            return Err(InvalidEvent::new("amount", "not zero"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_ordered_by_user_and_not_zero() {
        let mut charge = BalanceCharged {
            user_id: UserId::new("7").unwrap(),
            amount: Decimal::ONE,
            charge_id: None,
            method: None,
        };
        assert_eq!(charge.ordering_key().as_deref(), Some("user:7"));
        assert!(charge.validate().is_ok());
        charge.amount = Decimal::ZERO;
        assert!(charge.validate().is_err());
    }
}
