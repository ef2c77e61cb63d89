//! One system for one test: embedded `DynamoDB`, SQS and S3 with the tables, the queue and the bucket that functions
//! need.
//!
//! It runs no function and no Kafka by itself; a test adds those that it is about. Everything stops when it
//! is dropped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_adapters::tables::{self, TableSpec};
use aws_adapters::{DynamoStore, S3Payloads};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use local_platform::dynamodb::Storage;
use local_platform::{ACCOUNT_ID, Function, LocalDynamoDb, LocalS3, LocalSqs, REGION};
use processing::{Change, Expect, ItemKey, Store as _, Transaction, Write};
use serde_json::json;

use crate::binaries;
use crate::samples::Seed;

/// The name of the queue for dead letters and on-failure documents.
pub const QUEUE: &str = "dead-letters";

/// The bucket for large values.
pub const BUCKET: &str = "overflow";

/// Stands before every table name, so that a function which forgets it is found out.
pub const TABLE_PREFIX: &str = "test-";

/// How long one invocation may take: much, for debug builds on a busy machine.
const INVOCATION_SECONDS_MAX: u64 = 60;

/// Environments of one function: five in flight, and those that a mapping has given up.
const ENVIRONMENTS_MAX: usize = 20;

/// `DynamoDB`, SQS and S3, empty but for tables, queue and bucket.
#[derive(Debug)]
pub struct System {
    dynamodb: LocalDynamoDb,
    sqs: LocalSqs,
    s3: LocalS3,
    /// The tables that were made, for looking at them.
    pub(crate) specs: Vec<TableSpec>,
    pub(crate) tables: aws_sdk_dynamodb::Client,
    pub(crate) queues: aws_sdk_sqs::Client,
    pub(crate) payloads: S3Payloads,
}

impl System {
    /// Starts the servers and makes the tables and the queue.
    pub async fn start() -> Self {
        let system = Self::start_without_queue().await;
        system.create_queue().await;
        system
    }

    /// Starts the servers and makes the queue, the tables without their streams, and this table of the test's own.
    ///
    /// For many records: a stream makes every write of the embedded store cost as much as all its stream records.
    pub async fn start_without_streams(own_table: &'static str) -> Self {
        let own = TableSpec {
            name: own_table,
            ttl_attribute: None,
            new_image_stream: false,
            indexes: &[],
        };
        let mut specs = tables::tables();
        specs.push(own);
        for spec in &mut specs {
            spec.new_image_stream = false;
        }
        let system = Self::start_with_tables(specs).await;
        system.create_queue().await;
        system
    }

    /// Starts the servers and makes the tables: a dead letter cannot be sent yet.
    pub async fn start_without_queue() -> Self {
        Self::start_with_tables(tables::tables()).await
    }

    async fn start_with_tables(specs: Vec<TableSpec>) -> Self {
        let dynamodb = LocalDynamoDb::start(0, Storage::Memory).await.unwrap();
        let sqs = LocalSqs::start(0).await.unwrap();
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(dynamodb.endpoint());
        let tables = aws_sdk_dynamodb::Client::from_conf(config.build());
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(sqs.endpoint());
        let queues = aws_sdk_sqs::Client::from_conf(config.build());
        let s3 = LocalS3::start(0, &[BUCKET]).await.unwrap();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .force_path_style(true)
            .endpoint_url(s3.endpoint());
        let payloads = S3Payloads::new(&aws_sdk_s3::Client::from_conf(config.build()), BUCKET);
        let made = tables::create_these_tables(&tables, TABLE_PREFIX, &specs).await;
        made.unwrap();
        Self {
            dynamodb,
            sqs,
            s3,
            specs,
            tables,
            queues,
            payloads,
        }
    }

    /// Makes the queue.
    pub async fn create_queue(&self) {
        let made = self.queues.create_queue().queue_name(QUEUE).send().await;
        made.unwrap();
    }

    /// Returns the URL of the queue, whether it was made or not.
    #[must_use]
    pub fn queue_url(&self) -> String {
        self.sqs.queue_url(QUEUE)
    }

    /// Returns the ARN of the queue, as a mapping names its destination.
    #[must_use]
    pub fn queue_arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{QUEUE}")
    }

    /// Returns SQS's endpoint.
    #[must_use]
    pub fn sqs_endpoint(&self) -> String {
        self.sqs.endpoint()
    }

    /// Returns the environment variables a function needs here; `partial` says whether its mapping heeds
    /// the batch response.
    #[must_use]
    pub fn environment(&self, partial: bool) -> BTreeMap<String, String> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.endpoint()),
            ("AWS_ENDPOINT_URL_S3", self.s3.endpoint()),
            ("OVERFLOW_BUCKET", BUCKET.to_owned()),
            ("DEAD_LETTER_QUEUE_URL", self.queue_url()),
            ("TABLE_PREFIX", TABLE_PREFIX.to_owned()),
            ("MAIL_TRANSPORT", "mailbox".to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN".to_owned()),
        ];
        if partial {
            variables.push(("PARTIAL_BATCH_RESPONSE", "true".to_owned()));
        }
        let owned = variables.into_iter();
        owned
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Describes a function of the catalogue with its real binary, set to this system; builds the binary.
    #[must_use]
    pub fn function(&self, name: &str, partial: bool) -> Function {
        self.function_at(name, binaries::function(name), partial)
    }

    /// Describes a function with this binary, set to this system.
    #[must_use]
    pub fn function_at(&self, name: &str, binary: impl Into<PathBuf>, partial: bool) -> Function {
        Function {
            timeout: Duration::from_secs(INVOCATION_SECONDS_MAX),
            environment: self.environment(partial),
            environments_max: ENVIRONMENTS_MAX,
            ..Function::new(name, binary)
        }
    }

    /// Returns the bucket for large values.
    #[must_use]
    pub fn payloads(&self) -> &S3Payloads {
        &self.payloads
    }

    /// Returns `DynamoDB`'s endpoint.
    #[must_use]
    pub fn dynamodb_endpoint(&self) -> String {
        self.dynamodb.endpoint()
    }

    /// Returns the physical name of a table.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        format!("{TABLE_PREFIX}{name}")
    }

    /// Returns a store over the tables.
    #[must_use]
    pub fn store(&self) -> DynamoStore {
        DynamoStore::new(&self.tables, TABLE_PREFIX)
    }

    /// Returns a client of the tables.
    #[must_use]
    pub fn tables(&self) -> &aws_sdk_dynamodb::Client {
        &self.tables
    }

    /// Puts the items there that a sample finds.
    pub async fn seed(&self, seeds: &[Seed]) {
        let tables = event_schema::catalogue::tables();
        let writes = seeds.iter().map(|seed| {
            let table = tables.iter().find(|table| **table == seed.table);
            let (partition, sort) = seed.key.clone();
            Write {
                key: ItemKey {
                    table: table.unwrap(),
                    partition,
                    sort,
                },
                expect: Expect::Absent,
                change: Change::Put(seed.item.as_object().unwrap().clone()),
            }
        });
        for (n, writes) in writes.collect::<Vec<_>>().chunks(100).enumerate() {
            let transaction = Transaction {
                token: format!("seed-{n}"),
                writes: writes.to_vec(),
            };
            self.store().commit(&transaction).await.unwrap();
        }
    }

    /// Puts products into stock.
    pub async fn seed_products(&self, stock: &[(&str, i64)]) {
        let writes = stock.iter().map(|(product, pieces)| {
            let body = json!({ "product_id": product, "available": pieces });
            Write {
                key: ItemKey {
                    table: "products",
                    partition: (*product).to_owned(),
                    sort: "-".to_owned(),
                },
                expect: Expect::Absent,
                change: Change::Put(body.as_object().unwrap().clone()),
            }
        });
        let transaction = Transaction {
            token: "seed".to_owned(),
            writes: writes.collect(),
        };
        self.store().commit(&transaction).await.unwrap();
    }
}
