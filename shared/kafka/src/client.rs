//! What every client has in common: its configuration, and the ear for what goes wrong in the background.
//!
//! librdkafka tries to connect for ever and tells of refusals only through a callback; [`Health`] keeps them
//! for whoever waits.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use tokio::sync::watch;

use crate::error::{Code, code_of};
#[cfg(feature = "msk-iam-admin")]
use crate::msk_iam::TokenSource;
use crate::settings::{Security, Settings};

/// The longest pause before a broker is tried again, in milliseconds: a refusal is then seen within it.
const RECONNECT_BACKOFF_MS_MAX: u32 = 1_000;

/// What the library says of a connection that was lost while it was secured, as when a broker restarts: it gives
/// the code of a refusal, and only its text tells that nobody refused anything.
const LOST_CONNECTION: [&str; 3] = [
    "Local: Broker transport failure",
    "Local: Timed out",
    "handshake failed: Disconnected",
];

/// A refusal that waiting does not heal.
#[derive(Clone, Debug)]
pub(crate) struct AccessProblem {
    pub(crate) code: Code,
    /// What the client library said, which quotes the broker where it gave a reason.
    pub(crate) reason: String,
    pub(crate) error: KafkaError,
}

/// What a client has said of its connections.
#[derive(Debug)]
pub(crate) struct Health {
    access: watch::Sender<Option<AccessProblem>>,
    last_error: Mutex<Option<String>>,
}

impl Health {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            access: watch::Sender::new(None),
            last_error: Mutex::new(None),
        })
    }

    /// Tells of refusals, the last one first.
    pub(crate) fn access(&self) -> watch::Receiver<Option<AccessProblem>> {
        self.access.subscribe()
    }

    /// The last refusal.
    pub(crate) fn access_problem(&self) -> Option<AccessProblem> {
        self.access.borrow().clone()
    }

    /// What the client library complained of last.
    pub(crate) fn last_error(&self) -> Option<String> {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, error: KafkaError, reason: &str) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        let code = code_of(&error);
        let is_lost = LOST_CONNECTION.iter().any(|lost| reason.contains(lost));
        if let (Code::AuthenticationFailed | Code::TlsFailed, false) = (code, is_lost) {
            let reason = reason.to_owned();
            self.access.send_replace(Some(AccessProblem {
                code,
                reason,
                error,
            }));
        }
    }
}

/// Where tokens come from; nothing without the feature `msk-iam`.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    #[cfg(feature = "msk-iam-admin")]
    pub(crate) source: Option<Arc<dyn TokenSource>>,
}

#[cfg(feature = "msk-iam-admin")]
impl From<Arc<dyn TokenSource>> for Tokens {
    fn from(source: Arc<dyn TokenSource>) -> Self {
        Self {
            source: Some(source),
        }
    }
}

/// The callbacks of a client.
pub(crate) struct Context {
    health: Arc<Health>,
    #[cfg(feature = "msk-iam-admin")]
    tokens: Tokens,
}

impl Context {
    #[cfg_attr(
        not(feature = "msk-iam-admin"),
        allow(
            unused_variables,
            clippy::needless_pass_by_value,
            reason = "no tokens without the feature"
        )
    )]
    pub(crate) fn new(health: Arc<Health>, tokens: Tokens) -> Self {
        Self {
            health,
            #[cfg(feature = "msk-iam-admin")]
            tokens,
        }
    }
}

impl rdkafka::consumer::ConsumerContext for Context {}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = cfg!(feature = "msk-iam-admin");

    /// The library heals most of what it complains of, so that none of it is an error of this process.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, message, "librdkafka");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client reports an error");
        self.health.note(error, reason);
    }

    #[cfg(feature = "msk-iam-admin")]
    fn generate_oauth_token(
        &self,
        _config: Option<&str>,
    ) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
        let source = self.tokens.source.as_ref();
        let token = source.ok_or("no token source is set")?.token()?;
        Ok(rdkafka::client::OAuthToken {
            token: token.text,
            principal_name: String::new(),
            lifetime_ms: token.expires_at_ms,
        })
    }
}

/// The configuration of any client under these settings.
pub(crate) fn config(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("client.id", &settings.client_id)
        .set(
            "reconnect.backoff.max.ms",
            RECONNECT_BACKOFF_MS_MAX.to_string(),
        )
        .set("allow.auto.create.topics", "false");
    if let Security::MskIam { ca_file, .. } = &settings.security {
        // `probe` finds the authorities where the system keeps them, wherever OpenSSL was built.
        config
            .set("security.protocol", "SASL_SSL")
            .set("sasl.mechanism", "OAUTHBEARER")
            .set("ssl.ca.location", ca_file.as_deref().unwrap_or("probe"));
    }
    config
}

/// The tokens that the settings ask for: those of the default credentials provider, or none.
///
/// # Errors
/// Fails if they cannot be had in this process.
pub(crate) fn tokens(settings: &Settings) -> Result<Tokens, String> {
    let Security::MskIam { region, .. } = &settings.security else {
        return Ok(Tokens::default());
    };
    #[cfg(feature = "msk-iam-admin")]
    {
        let source = crate::msk_iam::MskIamTokens::from_default_chain(region);
        let source = source.map_err(|error| error.to_string())?;
        let source: Arc<dyn TokenSource> = Arc::new(source);
        Ok(Tokens::from(source))
    }
    #[cfg(not(feature = "msk-iam-admin"))]
    Err(format!(
        "IAM tokens for {region} need the feature `msk-iam`, which this binary was built without"
    ))
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn after(reason: &str) -> Option<AccessProblem> {
        let health = Health::new();
        health.note(KafkaError::Global(RDKafkaErrorCode::Authentication), reason);
        assert_eq!(health.last_error().as_deref(), Some(reason));
        health.access_problem()
    }

    #[test]
    fn a_refusal_is_a_problem_of_access() {
        let problem =
            after("SASL authentication error: Access denied (after 9ms in state AUTH_REQ)");
        assert_eq!(
            problem.map(|problem| problem.code),
            Some(Code::AuthenticationFailed)
        );
    }

    #[test]
    fn a_connection_that_is_lost_while_it_authenticates_is_no_refusal() {
        let reason = "SASL OAUTHBEARER mechanism handshake failed: Local: Broker transport failure: \
                      broker's supported mechanisms: (n/a) (after 0ms in state DOWN)";
        assert!(after(reason).is_none());
    }
}
