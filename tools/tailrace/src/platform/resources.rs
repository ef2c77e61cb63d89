//! The tables, the dead-letter queue and the bucket for large values, the clients that reach them, and what functions are told of them.
//!
//! In AWS the infrastructure code makes all of this.

use std::collections::BTreeMap;

use aws_adapters::S3Payloads;
use aws_adapters::tables::{CreateTablesError, create_tables};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::create_queue::CreateQueueError;
use aws_sdk_sqs::types::QueueAttributeName;
use local_platform::{ACCOUNT_ID, REGION};

use super::{Endpoints, Settings};

/// Local servers check no credentials, but the SDK wants some; functions have the same.
const CREDENTIALS: &str = "local";
/// How long a dead letter is kept: 14 days, the most SQS has.
const DEAD_LETTER_SECONDS: u64 = 14 * 24 * 60 * 60;

/// The bucket for what is too large for an event or a message; dev and demo share it, its keys say what is what.
const BUCKET: &str = "tailrace-overflow";

/// The tables, the queue and the bucket.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// The bucket.
    pub(crate) payloads: S3Payloads,
    /// Stands before every table name.
    pub(crate) table_prefix: String,
    pub(crate) queue_url: String,
    pub(crate) queue_arn: String,
}

/// Why the tables, the queue or the bucket are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResourcesError {
    #[error(transparent)]
    Tables(#[from] CreateTablesError),
    #[error("SQS did not make queue {name}")]
    Queue {
        name: String,
        source: Box<SdkError<CreateQueueError>>,
    },
    #[error("SQS made queue {name} but did not say where")]
    QueueWithoutUrl { name: String },
    #[error("S3 did not make bucket {BUCKET}")]
    Bucket(#[source] Box<SdkError<CreateBucketError>>),
}

impl Resources {
    /// Makes what is missing; what is there stays as it is.
    pub(crate) async fn create(
        endpoints: &Endpoints,
        settings: &Settings,
    ) -> Result<Self, ResourcesError> {
        let dynamodb = dynamodb_client(&endpoints.dynamodb);
        let sqs = sqs_client(&endpoints.sqs);
        create_tables(&dynamodb, &settings.table_prefix).await?;
        let name = &settings.queue_name;
        let created = sqs
            .create_queue()
            .queue_name(name)
            .attributes(
                QueueAttributeName::MessageRetentionPeriod,
                DEAD_LETTER_SECONDS.to_string(),
            )
            .send()
            .await;
        let created = created.map_err(|source| ResourcesError::Queue {
            name: name.clone(),
            source: Box::new(source),
        })?;
        let queue_url = created
            .queue_url
            .ok_or_else(|| ResourcesError::QueueWithoutUrl { name: name.clone() })?;
        let s3 = s3_client(&endpoints.s3);
        create_bucket(&s3).await?;
        Ok(Self {
            dynamodb,
            sqs,
            payloads: S3Payloads::new(&s3, BUCKET),
            table_prefix: settings.table_prefix.clone(),
            queue_url,
            queue_arn: format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}"),
        })
    }

    /// Returns the variables of a function, as the infrastructure code would set them.
    pub(crate) fn environment(
        &self,
        endpoints: &Endpoints,
        log_format: &str,
    ) -> BTreeMap<String, String> {
        let variables = [
            ("TABLE_PREFIX", self.table_prefix.as_str()),
            ("DEAD_LETTER_QUEUE_URL", &self.queue_url),
            ("PARTIAL_BATCH_RESPONSE", "true"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
            ("AWS_ENDPOINT_URL_SQS", &endpoints.sqs),
            ("AWS_ENDPOINT_URL_S3", &endpoints.s3),
            ("OVERFLOW_BUCKET", BUCKET),
            ("AWS_LAMBDA_LOG_FORMAT", log_format),
            // Mail stays here.
            ("MAIL_TRANSPORT", "mailbox"),
            // Those that publish need it; the others do not look.
            ("KAFKA_BOOTSTRAP_SERVERS", &endpoints.kafka),
        ];
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

pub(super) fn dynamodb_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    let credentials = Credentials::new(CREDENTIALS, CREDENTIALS, None, None, CREDENTIALS);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(endpoint);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn sqs_client(endpoint: &str) -> aws_sdk_sqs::Client {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    let credentials = Credentials::new(CREDENTIALS, CREDENTIALS, None, None, CREDENTIALS);
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(endpoint);
    aws_sdk_sqs::Client::from_conf(config.build())
}

fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    let credentials = Credentials::new(CREDENTIALS, CREDENTIALS, None, None, CREDENTIALS);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .force_path_style(true)
        .endpoint_url(endpoint);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// Makes the bucket; one that is there stays as it is.
async fn create_bucket(s3: &aws_sdk_s3::Client) -> Result<(), ResourcesError> {
    let Err(error) = s3.create_bucket().bucket(BUCKET).send().await else {
        return Ok(());
    };
    let is_there = error.as_service_error().is_some_and(|error| {
        error.is_bucket_already_owned_by_you() || error.is_bucket_already_exists()
    });
    if is_there {
        Ok(())
    } else {
        Err(ResourcesError::Bucket(Box::new(error)))
    }
}
