//! The address of an on-failure destination, told apart by its form (esm-spec §3).
//!
//! Reading an address does not mean that the emulator can deliver to it; `validate` says which it can.

/// An on-failure destination.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// A standard SQS queue.
    Sqs {
        /// AWS region.
        region: String,
        /// AWS account.
        account: String,
        /// Queue name.
        queue: String,
    },
    /// An SNS topic.
    Sns,
    /// An S3 bucket.
    S3,
    /// A topic of the same cluster.
    Kafka {
        /// Topic name.
        topic: String,
    },
}

impl Destination {
    /// Reads `DestinationConfig.OnFailure.Destination`; `None` if it has no known form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(topic) = text.strip_prefix("kafka://") {
            return (!topic.is_empty()).then(|| Self::Kafka {
                topic: topic.to_owned(),
            });
        }
        match *text.splitn(6, ':').collect::<Vec<_>>() {
            ["arn", _, "sqs", region, account, queue]
                if ![region, account, queue].contains(&"") && !queue.contains(':') =>
            {
                Some(Self::Sqs {
                    region: region.to_owned(),
                    account: account.to_owned(),
                    queue: queue.to_owned(),
                })
            }
            ["arn", _, "sns", _, _, name] if !name.is_empty() => Some(Self::Sns),
            ["arn", _, "s3", _, _, bucket] if !bucket.is_empty() => Some(Self::S3),
            _ => None,
        }
    }
}
