//! The admin client against brokers that answer wrongly, late, twice removed or not at all.
//!
//! What a right broker answers is tested against Apache Kafka.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse,
    MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::frame::read_frame;
use super::session::{text, topic_name};
use super::*;

const NOT_CONTROLLER: i16 = 41;
/// What an operation may take beyond its limit on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// How the brokers of a cluster misbehave.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// So many answers name the wrong controller.
    stale_answers: usize,
    /// So many connections are closed at their first question after the versions.
    lost_questions: usize,
    /// What is wrong beyond that.
    kind: Option<Fault>,
}

/// What a broker does wrongly every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Requests to create a topic are read, done and not answered.
    SwallowsCreation,
    /// Answers are to the request before.
    AnswersLate,
    /// Results are of another topic.
    NamesAnotherTopic,
    /// Creation is spoken in a version that came later.
    SpeaksOfTheFuture,
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self {
            kind: Some(fault),
            ..Self::default()
        }
    }
}

/// Two brokers, of which the second is the controller, with the topics that were created.
struct Cluster {
    ports: [u16; 2],
    kind: Option<Fault>,
    stale: AtomicUsize,
    lost: AtomicUsize,
    creations: AtomicUsize,
    topics: std::sync::Mutex<BTreeSet<String>>,
}

impl Cluster {
    async fn start(faults: Faults) -> Arc<Self> {
        let listeners = [
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        ];
        let ports = [0, 1].map(|node: usize| listeners[node].local_addr().unwrap().port());
        let cluster = Arc::new(Self {
            ports,
            kind: faults.kind,
            stale: AtomicUsize::new(faults.stale_answers),
            lost: AtomicUsize::new(faults.lost_questions),
            creations: AtomicUsize::new(0),
            topics: std::sync::Mutex::default(),
        });
        for (node, listener) in (0..).zip(listeners) {
            let cluster = Arc::clone(&cluster);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&cluster).serve(node, stream));
                }
            });
        }
        cluster
    }

    fn has(&self, fault: Fault) -> bool {
        self.kind == Some(fault)
    }

    fn admin(&self, limit: Duration) -> Admin {
        admin(&format!("127.0.0.1:{}", self.ports[0]), limit)
    }

    /// Answers until a fault or the other side ends it.
    async fn serve(self: Arc<Self>, node: i32, mut stream: TcpStream) {
        while let Ok(mut request) = read_frame(&mut stream).await {
            let key = ApiKey::try_from(i16::from_be_bytes([request[0], request[1]])).unwrap();
            let version = i16::from_be_bytes([request[2], request[3]]);
            let header =
                RequestHeader::decode(&mut request, key.request_header_version(version)).unwrap();
            let mut answer = BytesMut::new();
            let id = header.correlation_id
                - i32::from(self.has(Fault::AnswersLate) && key != ApiKey::ApiVersions);
            ResponseHeader::default()
                .with_correlation_id(id)
                .encode(&mut answer, key.response_header_version(version))
                .unwrap();
            let Some(()) = self.answer(node, key, version, request, &mut answer) else {
                return;
            };
            let length = u32::try_from(answer.len()).unwrap();
            stream.write_all(&length.to_be_bytes()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }

    fn answer(
        &self,
        node: i32,
        key: ApiKey,
        version: i16,
        mut request: Bytes,
        answer: &mut BytesMut,
    ) -> Option<()> {
        match key {
            ApiKey::ApiVersions => self.versions().encode(answer, version).unwrap(),
            _ if used_up(&self.lost) => return None,
            ApiKey::Metadata => {
                let request = MetadataRequest::decode(&mut request, version).unwrap();
                self.metadata(&request).encode(answer, version).unwrap();
            }
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode(&mut request, version).unwrap();
                let created = self.create(node, &request)?;
                created.encode(answer, version).unwrap();
            }
            other => panic!("nobody asks {other:?} here"),
        }
        Some(())
    }

    fn versions(&self) -> ApiVersionsResponse {
        let future = if self.has(Fault::SpeaksOfTheFuture) {
            90
        } else {
            0
        };
        let keys = [
            (ApiKey::Metadata, 4, 9),
            (ApiKey::CreateTopics, 2 + future, 7 + future),
        ];
        let keys = keys.map(|(key, least, most)| {
            ApiVersion::default()
                .with_api_key(key as i16)
                .with_min_version(least)
                .with_max_version(most)
        });
        ApiVersionsResponse::default().with_api_keys(keys.to_vec())
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = (0..).zip(self.ports).map(|(node, port)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(node))
                .with_host(text("127.0.0.1"))
                .with_port(i32::from(port))
        });
        let known = self.topics.lock().unwrap();
        let topics = request
            .topics
            .iter()
            .flatten()
            .filter_map(|topic| topic.name.clone());
        let topics = topics.map(|name| {
            let is_known = known.contains(name.as_str());
            let partitions = vec![MetadataResponsePartition::default(); usize::from(is_known)];
            MetadataResponseTopic::default()
                .with_error_code(if is_known { 0 } else { 3 })
                .with_name(Some(name))
                .with_partitions(partitions)
        });
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_controller_id(BrokerId(i32::from(!used_up(&self.stale))))
            .with_topics(topics.collect())
    }

    fn create(&self, node: i32, request: &CreateTopicsRequest) -> Option<CreateTopicsResponse> {
        self.creations.fetch_add(1, Ordering::SeqCst);
        let is_controller = node == 1;
        let results = request.topics.iter().map(|topic| {
            if is_controller {
                self.topics.lock().unwrap().insert(topic.name.to_string());
            }
            let name = if self.has(Fault::NamesAnotherTopic) {
                topic_name("another")
            } else {
                topic.name.clone()
            };
            CreatableTopicResult::default()
                .with_name(name)
                .with_error_code(if is_controller { 0 } else { NOT_CONTROLLER })
        });
        let answer = CreateTopicsResponse::default().with_topics(results.collect());
        (!self.has(Fault::SwallowsCreation)).then_some(answer)
    }
}

/// Takes one of what is left; false if there is nothing.
fn used_up(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

fn admin(servers: &str, limit: Duration) -> Admin {
    let mut settings = Settings::plaintext(servers).unwrap();
    settings.request_timeout = limit;
    Admin::new(&settings).unwrap()
}

fn orders() -> NewTopic {
    NewTopic {
        name: "orders".to_owned(),
        partitions: 1,
        replicas: None,
        settings: Vec::new(),
    }
}

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_controller_that_has_moved_is_looked_up_again() {
    let cluster = Cluster::start(Faults {
        stale_answers: 3,
        ..Faults::default()
    })
    .await;
    cluster
        .admin(LIMIT)
        .create_topic(&orders(), Mode::Apply)
        .await
        .unwrap();
    assert_eq!(cluster.creations.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_controller_that_is_never_found_is_given_up_in_time() {
    let cluster = Cluster::start(Faults {
        stale_answers: usize::MAX,
        ..Faults::default()
    })
    .await;
    let start = Instant::now();
    let admin = cluster.admin(Duration::from_millis(500));
    let error = admin
        .create_topic(&orders(), Mode::Apply)
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::NotReady, "{error}");
    assert!(error.message.contains("NotController (41)"), "{error}");
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_sent_again() {
    let cluster = Cluster::start(Fault::SwallowsCreation.into()).await;
    let admin = cluster.admin(LIMIT);
    let error = admin
        .create_topic(&orders(), Mode::Apply)
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::Unreachable, "{error}");
    assert_eq!(error.class(), AdminClass::Transient);
    assert_eq!(cluster.creations.load(Ordering::SeqCst), 1);
    assert!(admin.describe("orders").await.unwrap().is_some());
}

#[tokio::test]
async fn a_question_whose_connection_is_lost_is_asked_once_more() {
    let cluster = Cluster::start(Faults {
        lost_questions: 1,
        ..Faults::default()
    })
    .await;
    assert_eq!(cluster.admin(LIMIT).describe("orders").await.unwrap(), None);
    let cluster = Cluster::start(Faults {
        lost_questions: 2,
        ..Faults::default()
    })
    .await;
    let error = cluster.admin(LIMIT).describe("orders").await.unwrap_err();
    assert_eq!(error.code, AdminCode::Unreachable, "{error}");
}

#[tokio::test]
async fn an_answer_to_another_request_or_of_another_topic_is_no_answer() {
    let late = Cluster::start(Fault::AnswersLate.into()).await;
    let error = late.admin(LIMIT).describe("orders").await.unwrap_err();
    assert_eq!(error.code, AdminCode::BadAnswer, "{error}");
    assert!(
        error.message.contains("the answer is to request"),
        "{error}"
    );
    let other = Cluster::start(Fault::NamesAnotherTopic.into()).await;
    let error = other
        .admin(LIMIT)
        .create_topic(&orders(), Mode::Apply)
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::BadAnswer, "{error}");
    assert!(
        error.message.contains("says nothing of topic \"orders\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_broker_without_a_common_version_is_told_by_its_versions() {
    let cluster = Cluster::start(Fault::SpeaksOfTheFuture.into()).await;
    let error = cluster
        .admin(LIMIT)
        .create_topic(&orders(), Mode::Apply)
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::Unsupported, "{error}");
    assert!(
        error
            .message
            .contains("speaks its versions 92 to 97, this client 4 to 6"),
        "{error}"
    );
    let error = cluster
        .admin(LIMIT)
        .topic_settings("orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::Unsupported, "{error}");
    assert!(error.message.contains("does not know it"), "{error}");
}

/// A port at which nobody listens: it was free a moment ago, and is not given out again at once.
async fn deserted() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn the_next_bootstrap_server_is_tried_where_one_does_not_listen() {
    let cluster = Cluster::start(Faults::default()).await;
    let servers = format!("{},127.0.0.1:{}", deserted().await, cluster.ports[1]);
    assert_eq!(
        admin(&servers, LIMIT).describe("orders").await.unwrap(),
        None
    );
    let error = admin(&deserted().await, LIMIT)
        .describe("orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, AdminCode::Unreachable, "{error}");
    assert!(
        error.message.contains("check KAFKA_BOOTSTRAP_SERVERS"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_limit_and_no_more() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = silent.local_addr().unwrap().to_string();
    let limit = Duration::from_millis(300);
    let start = Instant::now();
    let error = admin(&servers, limit).describe("orders").await.unwrap_err();
    assert_eq!(error.code, AdminCode::TimedOut, "{error}");
    assert!(
        (limit..limit + SLACK).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_is_no_broker_gives_no_answer() {
    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = web.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = web.accept().await.unwrap();
        let mut request = [0; 16];
        stream.read_exact(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let error = admin(&servers, LIMIT).describe("orders").await.unwrap_err();
    assert_eq!(error.code, AdminCode::BadAnswer, "{error}");
    assert!(error.message.contains("is it a Kafka listener"), "{error}");
}
