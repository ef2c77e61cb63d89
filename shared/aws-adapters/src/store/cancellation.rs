//! Why a transaction was cancelled, write by write (`CancellationReasons` of `TransactWriteItems`).
//!
//! It reads codes only. What follows from a reason is the engine's decision.

use aws_sdk_dynamodb::types::CancellationReason;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use processing::Cancellation;

/// Reads one reason a write, in their order; `None` if there are not as many reasons as writes.
pub(crate) fn read(
    cancelled: &TransactionCanceledException,
    writes: usize,
) -> Option<Vec<Option<Cancellation>>> {
    let reasons = cancelled.cancellation_reasons();
    (reasons.len() == writes).then(|| reasons.iter().map(read_reason).collect())
}

fn read_reason(reason: &CancellationReason) -> Option<Cancellation> {
    let code = reason.code().unwrap_or("None");
    Some(match code {
        "None" => return None,
        // DuplicateItem is what an insertion says of an item that should have been absent.
        "ConditionalCheckFailed" | "DuplicateItem" => Cancellation::ConditionFailed,
        "TransactionConflict" => Cancellation::Conflict,
        "ThrottlingError" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded" => {
            Cancellation::Throttled
        }
        "ValidationError" | "ItemCollectionSizeLimitExceeded" => {
            let message = reason.message().unwrap_or("no message");
            Cancellation::Invalid(format!("{code}: {message}"))
        }
        // A code of a later API version. Nothing was written, so trying again within bounds can lose
        // nothing; calling it invalid would make healthy records dead letters.
        unknown => {
            tracing::warn!(
                code = unknown,
                "a transaction was cancelled for an unknown reason"
            );
            Cancellation::Conflict
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder()
            .code(code)
            .message("m")
            .build()
    }

    #[test]
    fn each_write_gets_its_own_reason() {
        let codes = [
            "None",
            "ConditionalCheckFailed",
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
            "ValidationError",
            "DuplicateItem",
        ];
        let cancelled = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(codes.map(reason).to_vec()))
            .build();
        let reasons = read(&cancelled, codes.len()).unwrap();
        assert_eq!(
            reasons,
            [
                None,
                Some(Cancellation::ConditionFailed),
                Some(Cancellation::Conflict),
                Some(Cancellation::Throttled),
                Some(Cancellation::Throttled),
                Some(Cancellation::Invalid("ValidationError: m".into())),
                Some(Cancellation::ConditionFailed),
            ]
        );
    }

    #[test]
    fn an_unknown_reason_is_tried_again_within_bounds() {
        assert_eq!(
            read_reason(&reason("SomethingNew")),
            Some(Cancellation::Conflict)
        );
    }

    #[test]
    fn reasons_that_do_not_match_the_writes_are_not_guessed_at() {
        let cancelled = TransactionCanceledException::builder().build();
        assert_eq!(read(&cancelled, 2), None);
    }
}
