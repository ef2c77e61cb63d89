//! Kafka, `DynamoDB`, SQS and S3: each embedded, or a real one that is there already.
//!
//! It makes no tables, queues or topics, except that the embedded Kafka starts with the catalogue's topics:
//! it has no other way to get them.

use std::io;
use std::path::{Path, PathBuf};

use event_schema::catalogue::EVENTS;
use local_platform::dynamodb::Storage;
use local_platform::{
    DynamoDbError, KafkaError, LocalDynamoDb, LocalKafka, LocalS3, LocalSqs, S3Error, SqsError,
    Topic,
};

use super::Settings;

/// A server: embedded with these options, or one that exists at this address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Server<O> {
    Embedded(O),
    Existing(String),
}

/// How the embedded `DynamoDB` starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DynamoDbOptions {
    /// 0 picks a free one.
    pub(crate) port: u16,
    pub(crate) storage: Storage,
}

/// Where the servers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// The `bootstrap.servers` of Kafka.
    pub(crate) kafka: String,
    /// The URL of `DynamoDB`.
    pub(crate) dynamodb: String,
    /// The URL of SQS.
    pub(crate) sqs: String,
    /// The URL of S3.
    pub(crate) s3: String,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    #[error("Kafka did not start")]
    Kafka(#[source] KafkaError),
    #[error("DynamoDB did not start; --dynamodb-port chooses another port, 0 a free one")]
    DynamoDb(#[source] DynamoDbError),
    #[error("SQS did not start; --sqs-port chooses another port, 0 a free one")]
    Sqs(#[source] SqsError),
    #[error("S3 did not start")]
    S3(#[source] S3Error),
    #[error("the folder {} cannot be made", folder.display())]
    DataFolder { folder: PathBuf, source: io::Error },
}

/// The embedded servers, as far as they are, and where all of them are.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) endpoints: Endpoints,
    kafka: Option<LocalKafka>,
    dynamodb: Option<LocalDynamoDb>,
    sqs: Option<LocalSqs>,
    s3: Option<LocalS3>,
}

impl Servers {
    /// Starts what is embedded.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, ServersError> {
        let (kafka, kafka_at) = kafka(&settings.kafka)?;
        let (dynamodb, dynamodb_at) = dynamodb(&settings.dynamodb).await?;
        let (sqs, sqs_at) = sqs(&settings.sqs).await?;
        let (s3, s3_at) = s3(&settings.s3).await?;
        let endpoints = Endpoints {
            kafka: kafka_at,
            dynamodb: dynamodb_at,
            sqs: sqs_at,
            s3: s3_at,
        };
        Ok(Self {
            endpoints,
            kafka,
            dynamodb,
            sqs,
            s3,
        })
    }

    pub(crate) fn has_embedded_kafka(&self) -> bool {
        self.kafka.is_some()
    }

    /// Stops what is embedded.
    pub(crate) async fn shutdown(self) {
        if let Some(s3) = self.s3 {
            s3.shutdown().await;
        }
        if let Some(sqs) = self.sqs {
            sqs.shutdown().await;
        }
        if let Some(dynamodb) = self.dynamodb {
            dynamodb.shutdown().await;
        }
        if let Some(kafka) = self.kafka {
            kafka.shutdown().await;
        }
    }
}

fn kafka(server: &Server<()>) -> Result<(Option<LocalKafka>, String), ServersError> {
    match server {
        Server::Existing(at) => Ok((None, at.clone())),
        Server::Embedded(()) => {
            let topics = EVENTS.iter().map(|event| {
                let partitions = i32::try_from(event.partitions).unwrap_or(i32::MAX);
                Topic::new(event.topic, partitions)
            });
            let topics: Vec<_> = topics.collect();
            let kafka = LocalKafka::start(&topics).map_err(ServersError::Kafka)?;
            let at = kafka.bootstrap_servers().to_owned();
            Ok((Some(kafka), at))
        }
    }
}

async fn dynamodb(
    server: &Server<DynamoDbOptions>,
) -> Result<(Option<LocalDynamoDb>, String), ServersError> {
    match server {
        Server::Existing(at) => Ok((None, at.clone())),
        Server::Embedded(DynamoDbOptions { port, storage }) => {
            if let Storage::File(file) = storage {
                make_folder_of(file)?;
            }
            let dynamodb = LocalDynamoDb::start(*port, storage.clone()).await;
            let dynamodb = dynamodb.map_err(ServersError::DynamoDb)?;
            let at = dynamodb.endpoint();
            Ok((Some(dynamodb), at))
        }
    }
}

fn make_folder_of(file: &Path) -> Result<(), ServersError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| ServersError::DataFolder {
        folder: folder.to_owned(),
        source,
    })
}

async fn sqs(server: &Server<u16>) -> Result<(Option<LocalSqs>, String), ServersError> {
    match server {
        Server::Existing(at) => Ok((None, at.clone())),
        Server::Embedded(port) => {
            let sqs = LocalSqs::start(*port).await.map_err(ServersError::Sqs)?;
            let at = sqs.endpoint();
            Ok((Some(sqs), at))
        }
    }
}

async fn s3(server: &Server<()>) -> Result<(Option<LocalS3>, String), ServersError> {
    match server {
        Server::Existing(at) => Ok((None, at.clone())),
        Server::Embedded(()) => {
            let s3 = LocalS3::start(0, &[]).await.map_err(ServersError::S3)?;
            let at = s3.endpoint();
            Ok((Some(s3), at))
        }
    }
}
