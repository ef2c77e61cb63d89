//! Every way an SQS request can be refused, with the names both protocols have for it.
//!
//! A JSON client reads `__type`; the older code, which many programs compare with, travels in the
//! `x-amzn-query-error` header (SQS API reference, common errors and errors of each action).

/// A refusal of a request or of one entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    #[error(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    )]
    QueueNameExists { attribute: String },
    #[error("There should be at least one {entry} in the request.")]
    EmptyBatch { entry: &'static str },
    #[error(
        "Maximum number of entries per request are {}. You have sent {entries}.",
        super::BATCH_ENTRIES_MAX
    )]
    TooManyEntries { entries: usize },
    #[error("Id {id} repeated.")]
    IdsNotDistinct { id: String },
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
    )]
    InvalidBatchEntryId,
    #[error(
        "Batch requests cannot be longer than {} bytes. You have sent {bytes} bytes.",
        super::MESSAGE_BYTES_MAX
    )]
    BatchTooLong { bytes: usize },
    #[error(
        "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
    )]
    MessageTooLong { bytes_max: usize },
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    #[error("The input receipt handle \"{handle}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid { handle: String },
    #[error("The message is not currently in flight.")]
    MessageNotInflight,
    #[error("The queue has reached its limit of messages.")]
    OverLimit,
    #[error("Unknown Attribute {name}.")]
    InvalidAttributeName { name: String },
    #[error("Invalid value for the parameter {name}.")]
    InvalidAttributeValue { name: String },
    #[error("Value {value} for parameter {parameter} is invalid. Reason: {reason}.")]
    InvalidParameter {
        parameter: String,
        value: String,
        reason: String,
    },
    #[error("The request must contain the parameter {parameter}.")]
    MissingParameter { parameter: &'static str },
    #[error("{what} is not supported here.")]
    Unsupported { what: String },
    #[error("The request cannot be read: {problem}")]
    Serialization { problem: String },
    #[error("The operation {target} is not known.")]
    UnknownOperation { target: String },
}

impl Refusal {
    /// Returns the `__type` of the JSON protocol and the code of the query protocol.
    pub(super) fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::QueueDoesNotExist => (
                "com.amazonaws.sqs#QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
            ),
            Self::QueueNameExists { .. } => {
                ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists")
            }
            Self::EmptyBatch { .. } => (
                "com.amazonaws.sqs#EmptyBatchRequest",
                "AWS.SimpleQueueService.EmptyBatchRequest",
            ),
            Self::TooManyEntries { .. } => (
                "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            ),
            Self::IdsNotDistinct { .. } => (
                "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            ),
            Self::InvalidBatchEntryId => (
                "com.amazonaws.sqs#InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
            ),
            Self::BatchTooLong { .. } => (
                "com.amazonaws.sqs#BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
            ),
            Self::InvalidMessageContents => (
                "com.amazonaws.sqs#InvalidMessageContents",
                "InvalidMessageContents",
            ),
            Self::ReceiptHandleIsInvalid { .. } => (
                "com.amazonaws.sqs#ReceiptHandleIsInvalid",
                "ReceiptHandleIsInvalid",
            ),
            Self::MessageNotInflight => (
                "com.amazonaws.sqs#MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
            ),
            Self::OverLimit => ("com.amazonaws.sqs#OverLimit", "OverLimit"),
            Self::InvalidAttributeName { .. } => (
                "com.amazonaws.sqs#InvalidAttributeName",
                "InvalidAttributeName",
            ),
            Self::InvalidAttributeValue { .. } => (
                "com.amazonaws.sqs#InvalidAttributeValue",
                "InvalidAttributeValue",
            ),
            Self::MessageTooLong { .. } | Self::InvalidParameter { .. } => (
                "com.amazon.coral.service#InvalidParameterValueException",
                "InvalidParameterValue",
            ),
            Self::MissingParameter { .. } => (
                "com.amazon.coral.service#MissingRequiredParameterException",
                "MissingParameter",
            ),
            Self::Unsupported { .. } => (
                "com.amazonaws.sqs#UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
            ),
            Self::Serialization { .. } => (
                "com.amazon.coral.service#SerializationException",
                "MalformedInput",
            ),
            Self::UnknownOperation { .. } => (
                "com.amazon.coral.service#UnknownOperationException",
                "InvalidAction",
            ),
        }
    }

    /// Refuses a value that is out of its range.
    pub(super) fn out_of_range(
        parameter: &str,
        value: u64,
        range: &std::ops::RangeInclusive<u64>,
    ) -> Self {
        Self::InvalidParameter {
            parameter: parameter.to_owned(),
            value: value.to_string(),
            reason: format!("Must be between {} and {}", range.start(), range.end()),
        }
    }
}
