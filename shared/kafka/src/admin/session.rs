//! The connections of one operation: to any broker, to the controller, to a group's coordinator.
//!
//! They are made when needed and end with the operation, so that no token outlives its use. What changes
//! something is sent once more only where the broker says that it did nothing.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeConfigsRequest, FindCoordinatorRequest, IncrementalAlterConfigsRequest,
    ListGroupsRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse, OffsetCommitRequest,
    OffsetFetchRequest, SaslAuthenticateRequest, SaslHandshakeRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::{Instant, sleep};

use super::access::Access;
use super::connection::{Ask, Connection};
use super::error::{AdminCode, AdminError, passes_soon, result};

/// How often a request goes out again, to a broker that is looked up anew.
const TRIES_MAX: u32 = 100;
/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(100);

/// What this client speaks: nothing below what Kafka 2.4 has, nothing that changes what a field means.
macro_rules! speaks {
    ($($request:ident $versions:expr;)+) => {
        $(impl Ask for $request { const OURS: RangeInclusive<i16> = $versions; })+
    };
}

speaks! {
    SaslHandshakeRequest 1..=1;
    SaslAuthenticateRequest 0..=2;
    MetadataRequest 4..=9;
    CreateTopicsRequest 4..=6;
    CreatePartitionsRequest 1..=3;
    DeleteTopicsRequest 1..=5;
    DescribeConfigsRequest 1..=4;
    IncrementalAlterConfigsRequest 0..=1;
    ListGroupsRequest 0..=4;
    FindCoordinatorRequest 1..=3;
    OffsetFetchRequest 2..=7;
    OffsetCommitRequest 2..=7;
    ListOffsetsRequest 1..=6;
}

/// The connections of one operation.
pub(crate) struct Session {
    servers: Vec<String>,
    client_id: String,
    access: Access,
    pub(crate) deadline: Instant,
    any: Option<Connection>,
    brokers: BTreeMap<i32, String>,
    nodes: BTreeMap<i32, Connection>,
}

impl Session {
    pub(crate) fn new(servers: &str, client_id: &str, access: Access, deadline: Instant) -> Self {
        Self {
            servers: servers.split(',').map(str::to_owned).collect(),
            client_id: client_id.to_owned(),
            access,
            deadline,
            any: None,
            brokers: BTreeMap::new(),
            nodes: BTreeMap::new(),
        }
    }

    /// Milliseconds that are left, for requests that say how long a broker may take.
    pub(crate) fn left_ms(&self) -> i32 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        i32::try_from(left.as_millis()).unwrap_or(i32::MAX)
    }

    /// Waits a moment, or fails with `otherwise` if there is none left.
    pub(crate) async fn pause(&self, otherwise: AdminError) -> Result<(), AdminError> {
        if Instant::now() + PAUSE >= self.deadline {
            return Err(otherwise);
        }
        sleep(PAUSE).await;
        Ok(())
    }

    /// Asks any broker; a connection that is lost is made once more, so only for what changes nothing.
    pub(crate) async fn ask_any<R: Ask>(&mut self, request: &R) -> Result<R::Response, AdminError> {
        let deadline = self.deadline;
        let answer = self.any().await?.ask(request, deadline).await;
        match answer {
            Err(error) if error.code == AdminCode::Unreachable => {
                self.any().await?.ask(request, deadline).await
            }
            answer => answer,
        }
    }

    async fn any(&mut self) -> Result<&mut Connection, AdminError> {
        let kept = self.any.take().filter(Connection::is_usable);
        let connection = match kept {
            Some(connection) => connection,
            None => self.first_that_opens().await?,
        };
        Ok(self.any.insert(connection))
    }

    /// Tries the bootstrap servers in their order, as long as they are only unreachable.
    async fn first_that_opens(&self) -> Result<Connection, AdminError> {
        let mut last = AdminError::new(AdminCode::Unreachable, "there is no bootstrap server");
        for server in &self.servers {
            match Connection::open(server, &self.client_id, &self.access, self.deadline).await {
                Err(error) if error.code == AdminCode::Unreachable => last = error,
                opened => return opened,
            }
        }
        Err(last)
    }

    /// Asks for topics: these, or all; none that is missing is made.
    pub(crate) async fn metadata(
        &mut self,
        topics: Option<&[&str]>,
    ) -> Result<MetadataResponse, AdminError> {
        let topics = topics.map(|names| {
            let topic =
                |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            names.iter().map(topic).collect()
        });
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(false);
        let answer = self.ask_any(&request).await?;
        let brokers = answer.brokers.iter();
        self.brokers = brokers
            .map(|broker| {
                (
                    broker.node_id.0,
                    format!("{}:{}", bracketed(&broker.host), broker.port),
                )
            })
            .collect();
        Ok(answer)
    }

    /// The brokers of the last metadata.
    pub(crate) fn broker_ids(&self) -> Vec<i32> {
        self.brokers.keys().copied().collect()
    }

    /// Asks one broker of the last metadata.
    pub(crate) async fn ask_node<R: Ask>(
        &mut self,
        node: i32,
        request: &R,
    ) -> Result<R::Response, AdminError> {
        let kept = self.nodes.remove(&node).filter(Connection::is_usable);
        let mut connection = if let Some(connection) = kept {
            connection
        } else {
            let server = self.brokers.get(&node).ok_or_else(|| {
                let message = format!("the cluster names broker {node}, but not where it is");
                AdminError::new(AdminCode::NotReady, message)
            })?;
            Connection::open(server, &self.client_id, &self.access, self.deadline).await?
        };
        let answer = connection.ask(request, self.deadline).await;
        self.nodes.insert(node, connection);
        answer
    }

    /// Asks the controller; looks for it again where a broker says that it is another one.
    pub(crate) async fn ask_controller<R: Ask>(
        &mut self,
        request: &R,
        code: fn(&R::Response) -> Option<i16>,
    ) -> Result<R::Response, AdminError> {
        let mut last = AdminError::new(AdminCode::NotReady, "the cluster has no controller");
        for _ in 0..TRIES_MAX {
            let controller = self.metadata(Some(&[])).await?.controller_id;
            if controller != BrokerId(-1) {
                let answer = self.ask_node(controller.0, request).await?;
                match code(&answer).filter(|code| passes_soon(*code)) {
                    None => return Ok(answer),
                    Some(code) => last = result(code, None).err().unwrap_or(last),
                }
            }
            self.pause(last.clone()).await?;
        }
        Err(last)
    }

    /// Asks a group's coordinator; looks for it again where a broker says that it is another one.
    pub(crate) async fn ask_coordinator<R: Ask>(
        &mut self,
        group: &str,
        request: &R,
        code: fn(&R::Response) -> Option<i16>,
    ) -> Result<R::Response, AdminError> {
        let find = FindCoordinatorRequest::default().with_key(text(group));
        let mut last = AdminError::new(AdminCode::NotReady, "the group has no coordinator");
        for _ in 0..TRIES_MAX {
            let found = self.ask_any(&find).await?;
            let mut asked = found.error_code;
            if asked == 0 {
                let node = found.node_id.0;
                let server = format!("{}:{}", bracketed(&found.host), found.port);
                self.brokers.insert(node, server);
                let answer = self.ask_node(node, request).await?;
                match code(&answer).filter(|code| passes_soon(*code)) {
                    None => return Ok(answer),
                    Some(code) => asked = code,
                }
            }
            match result(asked, found.error_message.as_deref()) {
                Err(error) if passes_soon(asked) => last = error,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            self.pause(last.clone()).await?;
        }
        Err(last)
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// An address with colons needs brackets before its port.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
