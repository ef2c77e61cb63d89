//! Why a request about topics or groups failed: its codes, and what the brokers' errors mean.
//!
//! It decides nothing about what happens next: the class says what would make sense.

use kafka_protocol::ResponseError;

use crate::error::codes;

/// Characters of what a broker says that are passed on.
const REASON_CHARS_MAX: usize = 500;

/// Why a request about topics or groups failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AdminError {
    /// Bounded; labels metrics.
    pub code: AdminCode,
    /// What was wrong, what the broker said of it, and what to check.
    pub message: String,
}

/// What makes sense after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminClass {
    /// The same request again, later; look first whether it was done after all.
    Transient,
    /// Another request: this one will never be taken as things are.
    Request,
    /// An operator must correct credentials, permissions or certificates; then the same request again.
    Access,
    /// An operator must look at the cluster and its logs.
    Cluster,
}

codes! {
    /// The bounded reasons of [`AdminError`].
    AdminCode of AdminClass;

    /// The cluster did not answer within the limit; what was asked for may be done.
    TimedOut, "timed_out", Transient;
    /// No connection could be made, or it was lost; what was asked for may be done.
    Unreachable, "unreachable", Transient;
    /// The cluster is choosing who answers for this: a controller, a coordinator or a leader.
    NotReady, "not_ready", Transient;
    /// The cluster takes no more such requests now.
    Throttled, "throttled", Transient;
    /// The topic's partitions are being moved.
    TopicBusy, "topic_busy", Transient;
    /// There is a topic of that name.
    TopicExists, "topic_exists", Request;
    /// There is no topic of that name.
    UnknownTopic, "unknown_topic", Request;
    /// The name is none that a topic may have.
    InvalidTopic, "invalid_topic", Request;
    /// The broker refuses a setting.
    InvalidConfig, "invalid_config", Request;
    /// The broker refuses the number of partitions.
    InvalidPartitions, "invalid_partitions", Request;
    /// A topic cannot have fewer partitions than it has.
    FewerPartitions, "fewer_partitions", Request;
    /// The cluster cannot keep so many copies.
    InvalidReplication, "invalid_replication", Request;
    /// A policy of the cluster forbids it.
    PolicyViolation, "policy_violation", Request;
    /// The cluster deletes no topics.
    DeletionDisabled, "deletion_disabled", Request;
    /// There is no such group, or the name is none that a group may have.
    UnknownGroup, "unknown_group", Request;
    /// The group has members, who keep its offsets themselves.
    GroupInUse, "group_in_use", Request;
    /// The broker finds the request itself wrong.
    InvalidRequest, "invalid_request", Request;
    /// There is no token to show.
    NoToken, "no_token", Access;
    /// The broker does not accept the token.
    TokenRefused, "token_refused", Access;
    /// The credentials are accepted, but may not do this.
    NotAuthorised, "not_authorised", Access;
    /// The brokers' certificate cannot be trusted, or there are no authorities to trust.
    TlsFailed, "tls_failed", Access;
    /// The broker is too old, or too new, for the request.
    Unsupported, "unsupported", Cluster;
    /// What came back is no answer to the request.
    BadAnswer, "bad_answer", Cluster;
    /// The broker refuses for a reason that has no code here; the message has it.
    Refused, "refused", Cluster;
}

impl AdminError {
    pub(crate) fn new(code: AdminCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// What makes sense now.
    #[must_use]
    pub fn class(&self) -> AdminClass {
        self.code.class()
    }

    /// The same, saying what was wanted.
    pub(crate) fn about(self, what: &str) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }
}

/// Reads the result of one item: its code, and what the broker says of it.
pub(crate) fn result(code: i16, message: Option<&str>) -> Result<(), AdminError> {
    let Some(error) = ResponseError::try_from_code(code) else {
        return Ok(());
    };
    let said: String = message
        .unwrap_or_default()
        .chars()
        .take(REASON_CHARS_MAX)
        .collect();
    let code = code_of(error);
    let hint = what_to_check(code).map_or_else(String::new, |hint| format!("; {hint}"));
    let message = if said.is_empty() {
        format!("the broker answers {error} ({}){hint}", error.code())
    } else {
        format!(
            "the broker answers {error} ({}): {said}{hint}",
            error.code()
        )
    };
    Err(AdminError::new(code, message))
}

/// Tells whether asking again, perhaps another broker, may help soon.
pub(crate) fn passes_soon(code: i16) -> bool {
    let error = ResponseError::try_from_code(code);
    error.is_some_and(|error| code_of(error) == AdminCode::NotReady)
}

/// What a broker's error means.
pub(crate) fn code_of(error: ResponseError) -> AdminCode {
    use ResponseError as E;
    match error {
        E::RequestTimedOut => AdminCode::TimedOut,
        E::NetworkException | E::BrokerNotAvailable | E::RebootstrapRequired => {
            AdminCode::Unreachable
        }
        E::NotController
        | E::NotCoordinator
        | E::CoordinatorNotAvailable
        | E::CoordinatorLoadInProgress
        | E::NotLeaderOrFollower
        | E::LeaderNotAvailable
        | E::ReplicaNotAvailable
        | E::FencedLeaderEpoch
        | E::UnknownLeaderEpoch
        | E::OffsetNotAvailable
        | E::UnstableOffsetCommit
        | E::RebalanceInProgress
        | E::StaleControllerEpoch
        | E::KafkaStorageError => AdminCode::NotReady,
        E::ThrottlingQuotaExceeded => AdminCode::Throttled,
        E::ReassignmentInProgress => AdminCode::TopicBusy,
        E::TopicAlreadyExists => AdminCode::TopicExists,
        E::UnknownTopicOrPartition
        | E::UnknownTopicId
        | E::InconsistentTopicId
        | E::ResourceNotFound => AdminCode::UnknownTopic,
        E::InvalidTopicException => AdminCode::InvalidTopic,
        E::InvalidConfig => AdminCode::InvalidConfig,
        E::InvalidPartitions => AdminCode::InvalidPartitions,
        E::InvalidReplicationFactor | E::InvalidReplicaAssignment => AdminCode::InvalidReplication,
        E::PolicyViolation => AdminCode::PolicyViolation,
        E::TopicDeletionDisabled => AdminCode::DeletionDisabled,
        E::GroupIdNotFound | E::InvalidGroupId => AdminCode::UnknownGroup,
        E::NonEmptyGroup
        | E::UnknownMemberId
        | E::IllegalGeneration
        | E::FencedInstanceId
        | E::FencedMemberEpoch
        | E::StaleMemberEpoch
        | E::GroupSubscribedToTopic => AdminCode::GroupInUse,
        E::InvalidRequest
        | E::OffsetOutOfRange
        | E::InvalidTimestamp
        | E::UnsupportedForMessageFormat
        | E::OffsetMetadataTooLarge
        | E::InvalidCommitOffsetSize => AdminCode::InvalidRequest,
        E::SaslAuthenticationFailed | E::UnsupportedSaslMechanism | E::IllegalSaslState => {
            AdminCode::TokenRefused
        }
        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed => AdminCode::NotAuthorised,
        E::UnsupportedVersion => AdminCode::Unsupported,
        // The protocol's list is open; what has no code of its own names itself in the message.
        _ => AdminCode::Refused,
    }
}

/// What an operator has to check when access fails.
pub(crate) fn what_to_check(code: AdminCode) -> Option<&'static str> {
    match code {
        AdminCode::NoToken => Some("check that the process has AWS credentials"),
        AdminCode::TokenRefused => Some(
            "check that the credentials are valid and belong to the right account, that KAFKA_REGION or \
             AWS_REGION is the cluster's region, that the clock is right, and that the role may kafka-cluster:Connect",
        ),
        AdminCode::NotAuthorised => Some(
            "check that the role may do this on the cluster, its topics and groups: \
             kafka-cluster:CreateTopic, DescribeTopic, AlterTopic, DeleteTopic, DescribeTopicDynamicConfiguration, \
             AlterTopicDynamicConfiguration, DescribeGroup, AlterGroup",
        ),
        AdminCode::TlsFailed => Some(
            "check that KAFKA_BOOTSTRAP_SERVERS names the brokers by the names in their certificate, and that \
             KAFKA_CA_FILE (by default the system's) holds the authority that signed it",
        ),
        AdminCode::Unreachable => {
            Some("check KAFKA_BOOTSTRAP_SERVERS, and that the network lets this process through")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_snake_case() {
        let mut texts: Vec<_> = AdminCode::ALL.iter().map(|code| code.as_str()).collect();
        let is_snake_case = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(texts.iter().all(is_snake_case), "{texts:?}");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), AdminCode::ALL.len());
    }

    #[test]
    fn the_numbers_of_the_protocol_have_their_codes() {
        let expected = [
            (3, AdminCode::UnknownTopic),
            (7, AdminCode::TimedOut),
            (14, AdminCode::NotReady),
            (15, AdminCode::NotReady),
            (16, AdminCode::NotReady),
            (17, AdminCode::InvalidTopic),
            (25, AdminCode::GroupInUse),
            (29, AdminCode::NotAuthorised),
            (30, AdminCode::NotAuthorised),
            (31, AdminCode::NotAuthorised),
            (35, AdminCode::Unsupported),
            (36, AdminCode::TopicExists),
            (37, AdminCode::InvalidPartitions),
            (38, AdminCode::InvalidReplication),
            (40, AdminCode::InvalidConfig),
            (41, AdminCode::NotReady),
            (42, AdminCode::InvalidRequest),
            (44, AdminCode::PolicyViolation),
            (58, AdminCode::TokenRefused),
            (60, AdminCode::TopicBusy),
            (68, AdminCode::GroupInUse),
            (69, AdminCode::UnknownGroup),
            (73, AdminCode::DeletionDisabled),
            (89, AdminCode::Throttled),
            (-1, AdminCode::Refused),
            (30_000, AdminCode::Refused),
        ];
        for (number, code) in expected {
            assert_eq!(result(number, None).unwrap_err().code, code, "{number}");
        }
        assert_eq!(result(0, Some("fine")), Ok(()));
    }

    #[test]
    fn what_a_broker_says_is_passed_on_in_part() {
        let long = "x".repeat(REASON_CHARS_MAX * 2);
        let message = result(44, Some(&long)).unwrap_err().message;
        assert!(message.contains("PolicyViolation (44): xxx"), "{message}");
        assert!(message.len() < REASON_CHARS_MAX + 100, "{}", message.len());
    }
}
