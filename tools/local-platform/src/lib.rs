//! The servers a Tailrace system needs, embedded: Lambda, Kafka, `DynamoDB`, SQS and S3 in one process (design §7).
//!
//! Each server binds the loopback address only, is ready when its `start` returns, and stops when it is shut
//! down or dropped. Nothing here needs Docker, a JVM or an AWS account, and nothing here checks a signature.
//!
//! What starts functions by itself is here too, but for Kafka: `DynamoDB` streams and schedules.
//!
//! What this crate deliberately does not do: it creates no tables or queues of the application, it knows no
//! event type, and it does not poll Kafka for functions (that is the event source mapping's emulator).

pub mod dynamodb;
pub mod http_front;
pub mod kafka;
pub mod lambda;
pub mod s3;
pub mod schedule;
mod serving;
pub mod sqs;
pub mod stream;

pub use dynamodb::{DynamoDbError, LocalDynamoDb};
pub use http_front::{HttpFront, HttpFrontError};
pub use kafka::{KafkaError, LocalKafka, Topic};
pub use lambda::{
    Function, Invocation, InvokeError, Invoker, KilledWhile, LambdaError, LocalLambda,
};
pub use s3::{LocalS3, S3Error};
pub use schedule::{Schedule, ScheduleError};
pub use sqs::{LocalSqs, SqsError};
pub use stream::{StreamConfig, StreamMapping, StreamMappingError, StreamSource};

/// The region every embedded server claims to be in, in ARNs and in the environment of functions.
pub const REGION: &str = "us-east-1";

/// The account every embedded server claims to belong to, in ARNs and queue URLs.
pub const ACCOUNT_ID: &str = "000000000000";

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
