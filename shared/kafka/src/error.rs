//! Why events could not be published, and what is known of each of them.
//!
//! It decides nothing about what happens next: the class says what would make sense.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a call of [`publish`](crate::Publish::publish) did not publish all its events.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct PublishError {
    /// Bounded; labels metrics.
    pub code: Code,
    /// The event that is to blame, as its index in the call; `None` if none is.
    pub index: Option<usize>,
    /// What is known of each event of the call, in its order.
    pub outcomes: Vec<Outcome>,
    /// What was wrong, and what to check.
    pub message: String,
    /// What the client library said, if it did.
    #[source]
    pub source: Option<Box<KafkaError>>,
}

/// What is known of one event of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the topic.
    Acknowledged,
    /// The client or the broker refused it: it is not on the topic.
    Refused,
    /// It may or may not be on the topic.
    Unknown,
    /// It was never handed to the client library: it is not on the topic.
    NotSent,
}

/// What makes sense after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same events again, later.
    Transient,
    /// Without the event at `index`, at once; that event will never be taken.
    Event,
    /// An operator must correct credentials, permissions or certificates; then the same events again.
    Access,
    /// An operator must correct the settings or read the logs; the same events may be tried again.
    Fatal,
}

macro_rules! codes {
    (
        $(#[doc = $head:literal])+ $code:ident of $classes:ident;
        $($(#[doc = $doc:literal])+ $name:ident, $text:literal, $class:ident;)+
    ) => {
        $(#[doc = $head])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as metrics and logs name it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What makes sense after it.
            #[must_use]
            pub fn class(self) -> $classes {
                match self { $(Self::$name => $classes::$class,)+ }
            }
        }

        impl std::fmt::Display for $code {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The bounded reasons of [`PublishError`] and [`ReadError`](crate::ReadError).
    Code of ErrorClass;

    /// Not everything was acknowledged within the limit of the call.
    DeadlinePassed, "deadline_passed", Transient;
    /// The brokers could not take the events now.
    BrokerUnavailable, "broker_unavailable", Transient;
    /// The cluster does not have the topic, or not yet.
    UnknownTopic, "unknown_topic", Transient;
    /// The client stopped for a reason that lies elsewhere, more often than the call may begin again.
    Interrupted, "interrupted", Transient;
    /// The event is larger than the client or the topic takes.
    EventTooLarge, "event_too_large", Event;
    /// Its topic's name is none that Kafka knows of.
    InvalidTopic, "invalid_topic", Event;
    /// The broker refuses the record, for instance one without a key on a compacted topic.
    InvalidRecord, "invalid_record", Event;
    /// The brokers do not accept the credentials, or none could be had.
    AuthenticationFailed, "authentication_failed", Access;
    /// The credentials are accepted, but may not write.
    AuthorizationFailed, "authorization_failed", Access;
    /// The brokers' certificate cannot be trusted, or a connection cannot be encrypted.
    TlsFailed, "tls_failed", Access;
    /// The client library refuses its settings.
    ClientNotCreated, "client_not_created", Fatal;
    /// The client library stopped for good; the next call begins with a new one.
    ClientFailed, "client_failed", Fatal;
}

impl PublishError {
    /// What makes sense now.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.code.class()
    }

    /// How many events from the first on are acknowledged without a gap.
    #[must_use]
    pub fn acknowledged_prefix(&self) -> usize {
        let is_acknowledged = |outcome: &&Outcome| **outcome == Outcome::Acknowledged;
        self.outcomes.iter().take_while(is_acknowledged).count()
    }
}

/// What an error of the client library means for an event.
pub(crate) fn code_of(error: &KafkaError) -> Code {
    use RDKafkaErrorCode as E;
    let Some(code) = error.rdkafka_error_code() else {
        return Code::ClientFailed;
    };
    match code {
        E::MessageSizeTooLarge | E::MessageBatchTooLarge => Code::EventTooLarge,
        E::InvalidTopic => Code::InvalidTopic,
        E::InvalidRecord | E::InvalidTimestamp | E::InvalidMessage => Code::InvalidRecord,
        E::UnknownTopic | E::UnknownTopicOrPartition | E::UnknownPartition => Code::UnknownTopic,
        E::Authentication
        | E::SaslAuthenticationFailed
        | E::UnsupportedSASLMechanism
        | E::IllegalSASLState => Code::AuthenticationFailed,
        E::TopicAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed => Code::AuthorizationFailed,
        E::SSL => Code::TlsFailed,
        // What the client says of events that only shared their fate with others.
        E::PurgeQueue
        | E::PurgeInflight
        | E::GaplessGuarantee
        | E::InvalidDifferentRecord
        | E::Retry
        | E::DestroyBroker
        | E::BrokerDestroy => Code::Interrupted,
        E::Fatal
        | E::OutOfOrderSequenceNumber
        | E::UnknownProducerId
        | E::InvalidProducerEpoch
        | E::ProducerFenced
        | E::Fenced => Code::ClientFailed,
        // The library's list is open; what it may add counts as passing, since then nothing is put aside for it.
        _ => Code::BrokerUnavailable,
    }
}

/// What an operator has to check when access fails.
pub(crate) fn what_to_check(code: Code) -> Option<&'static str> {
    match code {
        Code::AuthenticationFailed => Some(
            "check that the credentials are valid and belong to the right account, that KAFKA_REGION or \
             AWS_REGION is the cluster's region, that the clock is right, and that the role may kafka-cluster:Connect",
        ),
        Code::AuthorizationFailed => Some(
            "check that the role may kafka-cluster:DescribeTopic, kafka-cluster:WriteData and \
             kafka-cluster:WriteDataIdempotently on this topic and cluster",
        ),
        Code::TlsFailed => Some(
            "check that KAFKA_BOOTSTRAP_SERVERS names the brokers by the names in their certificate, and that \
             KAFKA_CA_FILE (by default the system's) holds the authority that signed it",
        ),
        Code::DeadlinePassed
        | Code::BrokerUnavailable
        | Code::UnknownTopic
        | Code::Interrupted
        | Code::EventTooLarge
        | Code::InvalidTopic
        | Code::InvalidRecord
        | Code::ClientNotCreated
        | Code::ClientFailed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_snake_case() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let is_snake_case = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(texts.iter().all(is_snake_case), "{texts:?}");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn the_prefix_ends_at_the_first_event_that_is_not_acknowledged() {
        let error = PublishError {
            code: Code::DeadlinePassed,
            index: None,
            outcomes: vec![
                Outcome::Acknowledged,
                Outcome::Unknown,
                Outcome::Acknowledged,
            ],
            message: String::new(),
            source: None,
        };
        assert_eq!(error.acknowledged_prefix(), 1);
    }
}
