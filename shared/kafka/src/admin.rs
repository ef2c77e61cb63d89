//! Topics and groups: what the cluster has of them, and changing it, in the open or over MSK IAM.
//!
//! It speaks Kafka's protocol itself, since librdkafka's admin client can be given no token by a safe call. It
//! produces and consumes nothing, and keeps no connection: each operation makes its own and ends within the
//! request timeout of the settings.

mod access;
mod connection;
mod error;
mod frame;
mod groups;
#[cfg(feature = "msk-iam-admin")]
mod iam;
mod session;
mod topic_settings;
mod topics;

use tokio::time::Instant;

pub use error::{AdminClass, AdminCode, AdminError};
pub use groups::{GroupListing, GroupOffset, ResetTo};
pub use topic_settings::{SettingChange, SettingOrigin, TopicSetting};
pub use topics::{Mode, NewTopic, PartitionDescription, TopicDescription, TopicListing};

use access::Access;
use session::Session;

use crate::client::{Tokens, tokens};
use crate::settings::Settings;

/// A client for topics and groups.
///
/// Its operations may be called at the same time, from any number of tasks.
pub struct Admin {
    settings: Settings,
    access: Access,
}

impl Admin {
    /// Makes the client; it connects when it is asked.
    ///
    /// It reads the authorities to trust, and with IAM starts the thread that fetches credentials.
    ///
    /// # Errors
    /// [`AdminCode::TlsFailed`] if there are no authorities, [`AdminCode::NoToken`] if tokens cannot be made in
    /// this process.
    pub fn new(settings: &Settings) -> Result<Self, AdminError> {
        let tokens = tokens(settings).map_err(|why| AdminError::new(AdminCode::NoToken, why))?;
        Self::with_tokens(settings, &tokens)
    }

    /// Makes the client with tokens of another origin.
    ///
    /// # Errors
    /// As [`Self::new`].
    #[cfg(feature = "msk-iam-admin")]
    pub fn with_token_source(
        settings: &Settings,
        source: std::sync::Arc<dyn crate::TokenSource>,
    ) -> Result<Self, AdminError> {
        Self::with_tokens(settings, &Tokens::from(source))
    }

    fn with_tokens(settings: &Settings, tokens: &Tokens) -> Result<Self, AdminError> {
        Ok(Self {
            settings: settings.clone(),
            access: Access::new(settings, tokens)?,
        })
    }

    /// Begins an operation.
    fn session(&self) -> Session {
        let Settings {
            bootstrap_servers,
            client_id,
            request_timeout,
            ..
        } = &self.settings;
        let deadline = Instant::now() + *request_timeout;
        Session::new(bootstrap_servers, client_id, self.access.clone(), deadline)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
