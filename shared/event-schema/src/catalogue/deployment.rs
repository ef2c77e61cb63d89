//! What infrastructure gives each function: size, settings and permissions.
//!
//! All of it follows from what the function reads, publishes and touches; the few numbers that do not are fields of
//! [`FunctionSpec`]. Roles, templates and stacks are made from here, or held to it; none is made here.

use std::collections::BTreeSet;

use super::{Access, EVENTS, FUNCTIONS, FunctionSpec, RETENTION_MS};

/// How long a dead letter is kept, the most that SQS has: 14 days.
pub const DEAD_LETTERS_KEPT_SECONDS: u64 = 14 * 24 * 60 * 60;
/// How long marks are kept: the retention of a topic and the time in which a dead letter can be put back.
pub const MARKS_KEPT_SECONDS: u64 = RETENTION_MS / 1_000 + DEAD_LETTERS_KEPT_SECONDS;
/// The longest timeout of a function behind a Kafka mapping, in seconds: 14 minutes (esm-spec §2.1).
pub const MAPPED_TIMEOUT_SECONDS_MAX: u32 = 14 * 60;

/// How the mappings of all functions are set; what differs is in [`FunctionSpec`].
///
/// What [`MappingSpec::PROVISIONED_ONLY`] names is there only where a mapping has pollers of its own (esm-spec §0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingSpec {
    /// `StartingPosition`: everything that a topic still has.
    pub starting_position: &'static str,
    /// `MaximumRetryAttempts`.
    pub retry_attempts_max: u32,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch_on_function_error: bool,
    /// `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub report_batch_item_failures: bool,
    /// `MetricsConfig.Metrics`.
    pub metrics: &'static [&'static str],
    /// `LoggingConfig.SystemLogLevel`.
    pub system_log_level: &'static str,
}

impl MappingSpec {
    /// The properties that need `ProvisionedPollerConfig` (esm-spec §0.1), by their names in `CloudFormation`.
    pub const PROVISIONED_ONLY: &'static [&'static str] = &[
        "BisectBatchOnFunctionError",
        "FunctionResponseTypes",
        "LoggingConfig",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "MetricsConfig",
    ];
}

/// The mapping of every subscription.
pub const MAPPING: MappingSpec = MappingSpec {
    starting_position: "TRIM_HORIZON",
    retry_attempts_max: 10,
    bisect_batch_on_function_error: true,
    report_batch_item_failures: true,
    metrics: &["EventCount", "ErrorCount", "KafkaMetrics"],
    system_log_level: "INFO",
};

/// A function as it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its name.
    pub name: &'static str,
    /// Its memory, in megabytes.
    pub memory_mb: u32,
    /// How long one invocation may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether it speaks to the brokers itself, and so needs their network.
    pub in_cluster_network: bool,
    /// Its environment variables, by name. Format and level of its log are not among them: Lambda sets those from
    /// the function's `LoggingConfig`.
    pub settings: Vec<(&'static str, Setting)>,
    /// What its role may do; each kind of resource once for each name.
    pub permissions: Vec<Permission>,
}

/// The value of an environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// This text.
    Text(&'static str),
    /// What stands before every table name.
    TablePrefix,
    /// The URL of the dead-letter queue.
    DeadLetterQueueUrl,
    /// The name of the bucket for what is too large.
    OverflowBucket,
    /// `true` where the mapping has pollers of its own, else `false`: on demand Lambda ignores batch responses.
    PartialBatchResponse,
    /// The cluster's `host:port` for IAM.
    BootstrapServers,
    /// The address that mail comes from.
    MailSender,
    /// The version of the code.
    CodeVersion,
}

impl Setting {
    /// Returns the name of a value that the deployment has to fill in, or none of a text.
    #[must_use]
    pub const fn reference(self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::TablePrefix => Some("table_prefix"),
            Self::DeadLetterQueueUrl => Some("dead_letter_queue_url"),
            Self::OverflowBucket => Some("overflow_bucket"),
            Self::PartialBatchResponse => Some("partial_batch_response"),
            Self::BootstrapServers => Some("bootstrap_servers"),
            Self::MailSender => Some("mail_sender"),
            Self::CodeVersion => Some("code_version"),
        }
    }
}

/// Actions that a role may do on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What they are done to.
    pub resource: Resource,
    /// IAM actions, sorted; none has a wildcard.
    pub actions: Vec<&'static str>,
}

/// What a permission is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A table, by its logical name.
    Table(&'static str),
    /// The stream of a table.
    Stream(&'static str),
    /// The key of the customer's that encrypts tables, where there is one; to be used through `DynamoDB` only.
    TablesKey,
    /// The dead-letter queue.
    DeadLetterQueue,
    /// The bucket for what is too large.
    OverflowBucket,
    /// Every object of that bucket.
    OverflowObjects,
    /// The Kafka cluster.
    Cluster,
    /// A topic.
    Topic(&'static str),
    /// A consumer group.
    Group(String),
    /// The identity that mail is sent from.
    MailIdentity,
    /// The function's own log group.
    LogGroup,
    /// The network interfaces of the account: AWS has no permission for one of them before it is there.
    NetworkInterfaces,
    /// Streams as such: `dynamodb:ListStreams` takes no resource.
    AnyStream,
}

impl Resource {
    /// Returns the stable name of its kind, and its own name where the kind has several.
    #[must_use]
    pub fn names(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Table(name) => ("table", Some(name)),
            Self::Stream(table) => ("stream", Some(table)),
            Self::TablesKey => ("tables_key", None),
            Self::DeadLetterQueue => ("dead_letter_queue", None),
            Self::OverflowBucket => ("overflow_bucket", None),
            Self::OverflowObjects => ("overflow_objects", None),
            Self::Cluster => ("cluster", None),
            Self::Topic(name) => ("topic", Some(name)),
            Self::Group(name) => ("group", Some(name)),
            Self::MailIdentity => ("mail_identity", None),
            Self::LogGroup => ("log_group", None),
            Self::NetworkInterfaces => ("network_interfaces", None),
            Self::AnyStream => ("any_stream", None),
        }
    }
}

/// `BatchGetItem` and `Query` read; a commit checks what was only read.
const TABLE_READS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:Query",
];
/// The actions that a transaction is made of.
const TABLE_WRITES: &[&str] = &[
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
];
const TABLES_KEY: &[&str] = &[
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];
const STREAM: &[&str] = &[
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
];
/// What every client says first (esm-spec §5.3), and what the poller asks of the control plane (esm-spec §5.2).
const CLUSTER_OF_MAPPING: &[&str] = &[
    "kafka-cluster:Connect",
    "kafka-cluster:DescribeCluster",
    "kafka:DescribeCluster",
    "kafka:DescribeClusterV2",
    "kafka:GetBootstrapBrokers",
];
const CLUSTER_OF_PRODUCER: &[&str] = &[
    "kafka-cluster:Connect",
    // An action on the cluster, not on its topics (esm-spec §5.4).
    "kafka-cluster:WriteDataIdempotently",
];
const CLUSTER_OF_ADMIN: &[&str] = &["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"];
const TOPIC_OF_MAPPING: &[&str] = &["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"];
const TOPIC_OF_PRODUCER: &[&str] = &["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"];
const TOPIC_OF_ADMIN: &[&str] = &[
    "kafka-cluster:AlterTopic",
    "kafka-cluster:AlterTopicDynamicConfiguration",
    "kafka-cluster:CreateTopic",
    "kafka-cluster:DeleteTopic",
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:DescribeTopicDynamicConfiguration",
];
const GROUP: &[&str] = &["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"];
/// What Lambda needs for a function or a poller in a network (esm-spec §5.2).
const NETWORK_INTERFACES: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
];
const LOG_GROUP: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

impl FunctionSpec {
    /// Says whether records come to it, from Kafka or a stream, so that it has dead letters and large payloads.
    #[must_use]
    pub const fn takes_records(&self) -> bool {
        !self.reads.is_empty() || !self.streams.is_empty()
    }

    /// Says whether it publishes to Kafka itself, what the outbox holds, and so needs the brokers.
    #[must_use]
    pub fn carries_the_outbox(&self) -> bool {
        self.streams.contains(&"outbox")
    }

    /// Returns the function as it is deployed.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        Deployment {
            name: self.name,
            memory_mb: self.memory_mb,
            timeout_seconds: self.timeout_seconds,
            in_cluster_network: self.carries_the_outbox(),
            settings: self.settings(),
            permissions: self.permissions(),
        }
    }

    fn settings(&self) -> Vec<(&'static str, Setting)> {
        let mut settings = vec![
            ("CODE_VERSION", Setting::CodeVersion),
            ("METRICS_NAMESPACE", Setting::Text("Tailrace")),
            ("TABLE_PREFIX", Setting::TablePrefix),
        ];
        if self.takes_records() {
            settings.push(("DEAD_LETTER_QUEUE_URL", Setting::DeadLetterQueueUrl));
            settings.push(("OVERFLOW_BUCKET", Setting::OverflowBucket));
        }
        if !self.reads.is_empty() {
            settings.push(("PARTIAL_BATCH_RESPONSE", Setting::PartialBatchResponse));
        }
        if !self.streams.is_empty() {
            // A stream heeds batch responses with whatever pollers.
            settings.push(("PARTIAL_BATCH_RESPONSE", Setting::Text("true")));
        }
        if self.carries_the_outbox() {
            settings.push(("KAFKA_BOOTSTRAP_SERVERS", Setting::BootstrapServers));
            settings.push(("KAFKA_SECURITY", Setting::Text("msk-iam")));
        }
        if self.sends_mail {
            settings.push(("MAIL_SENDER", Setting::MailSender));
            settings.push(("MAIL_TRANSPORT", Setting::Text("ses")));
        }
        settings.sort_unstable();
        settings
    }

    fn permissions(&self) -> Vec<Permission> {
        let mut all = self.table_permissions();
        if self.takes_records() {
            all.push(permission(Resource::DeadLetterQueue, &["sqs:SendMessage"]));
            // Without it, what is not there looks like what is forbidden, and is tried for ever.
            all.push(permission(Resource::OverflowBucket, &["s3:ListBucket"]));
            let objects = &["s3:GetObject", "s3:PutObject"];
            all.push(permission(Resource::OverflowObjects, objects));
        }
        if !self.reads.is_empty() {
            all.push(permission(Resource::Cluster, CLUSTER_OF_MAPPING));
        }
        for subscription in self.subscriptions() {
            let topic = Resource::Topic(subscription.event.topic);
            all.push(permission(topic, TOPIC_OF_MAPPING));
            all.push(permission(Resource::Group(subscription.group), GROUP));
        }
        for table in self.streams {
            all.push(permission(Resource::Stream(table), STREAM));
        }
        if !self.streams.is_empty() {
            all.push(permission(Resource::AnyStream, &["dynamodb:ListStreams"]));
        }
        if self.carries_the_outbox() {
            all.push(permission(Resource::Cluster, CLUSTER_OF_PRODUCER));
            let topics = published().into_iter();
            all.extend(topics.map(|topic| permission(Resource::Topic(topic), TOPIC_OF_PRODUCER)));
        }
        if self.carries_the_outbox() || !self.reads.is_empty() {
            all.push(permission(Resource::NetworkInterfaces, NETWORK_INTERFACES));
        }
        if self.sends_mail {
            all.push(permission(Resource::MailIdentity, &["ses:SendEmail"]));
        }
        all.push(permission(Resource::LogGroup, LOG_GROUP));
        all.sort_by(|one, other| one.resource.cmp(&other.resource));
        all
    }

    fn table_permissions(&self) -> Vec<Permission> {
        let mut all = Vec::new();
        for used in self.tables {
            let actions = match used.access {
                Access::Read => TABLE_READS.to_vec(),
                Access::Write => TABLE_WRITES.to_vec(),
                Access::ReadWrite => [TABLE_READS, TABLE_WRITES].concat(),
            };
            all.push(permission(Resource::Table(used.table), &actions));
        }
        if !self.tables.is_empty() {
            all.push(permission(Resource::TablesKey, TABLES_KEY));
        }
        all
    }
}

/// Returns the functions that serve the deployment itself and take no part in the business: `topic-admin` makes the
/// catalogue's topics on the cluster.
#[must_use]
pub fn deployment_functions() -> Vec<Deployment> {
    let mut permissions = vec![permission(Resource::Cluster, CLUSTER_OF_ADMIN)];
    let topics = EVENTS.iter();
    permissions
        .extend(topics.map(|event| permission(Resource::Topic(event.topic), TOPIC_OF_ADMIN)));
    permissions.push(permission(Resource::LogGroup, LOG_GROUP));
    permissions.push(permission(Resource::NetworkInterfaces, NETWORK_INTERFACES));
    permissions.sort_by(|one, other| one.resource.cmp(&other.resource));
    vec![Deployment {
        name: "topic-admin",
        memory_mb: 256,
        timeout_seconds: MAPPED_TIMEOUT_SECONDS_MAX,
        in_cluster_network: true,
        settings: vec![
            ("KAFKA_BOOTSTRAP_SERVERS", Setting::BootstrapServers),
            ("KAFKA_SECURITY", Setting::Text("msk-iam")),
        ],
        permissions,
    }]
}

/// The topics that any function publishes to.
fn published() -> BTreeSet<&'static str> {
    let events = FUNCTIONS.iter().flat_map(|function| function.publishes);
    events.map(|event| event.topic).collect()
}

fn permission(resource: Resource, actions: &[&'static str]) -> Permission {
    let mut actions = actions.to_vec();
    actions.sort_unstable();
    Permission { resource, actions }
}
