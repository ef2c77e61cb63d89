//! How a connection is secured: in the open, or by TLS and a token.
//!
//! It speaks no Kafka: what is done with a token lies with the connection.

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection::Stream;
use super::error::AdminError;
#[cfg(feature = "msk-iam-admin")]
use super::iam;
use crate::client::Tokens;
use crate::settings::{Security, Settings};

/// What the settings want of a connection.
#[derive(Clone)]
pub(crate) enum Access {
    /// Nothing.
    Plain,
    /// TLS and a token.
    #[cfg(feature = "msk-iam-admin")]
    Iam(iam::Iam),
}

#[cfg_attr(
    not(feature = "msk-iam-admin"),
    allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::unnecessary_wraps,
        unused_variables,
        reason = "no TLS and no tokens without the feature"
    )
)]
impl Access {
    /// Reads the authorities to trust.
    pub(crate) fn new(settings: &Settings, tokens: &Tokens) -> Result<Self, AdminError> {
        match &settings.security {
            Security::Plaintext => Ok(Self::Plain),
            #[cfg(feature = "msk-iam-admin")]
            Security::MskIam { ca_file, .. } => {
                iam::Iam::new(ca_file.as_deref(), tokens).map(Self::Iam)
            }
            #[cfg(not(feature = "msk-iam-admin"))]
            Security::MskIam { .. } => Err(AdminError::new(
                super::error::AdminCode::NoToken,
                "this binary was built without the feature `msk-iam-admin`",
            )),
        }
    }

    /// Encrypts a connection to `server`, a `host:port`.
    pub(crate) async fn secure(
        &self,
        tcp: TcpStream,
        server: &str,
    ) -> Result<Box<dyn Stream>, AdminError> {
        match self {
            Self::Plain => Ok(Box::new(tcp)),
            #[cfg(feature = "msk-iam-admin")]
            Self::Iam(iam) => iam.encrypt(tcp, server).await,
        }
    }

    /// The token to show, if one is wanted.
    pub(crate) async fn token(&self, deadline: Instant) -> Result<Option<String>, AdminError> {
        match self {
            Self::Plain => Ok(None),
            #[cfg(feature = "msk-iam-admin")]
            Self::Iam(iam) => iam.token(deadline).await.map(Some),
        }
    }
}
