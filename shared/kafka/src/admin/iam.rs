//! TLS by rustls and tokens of IAM credentials, for the admin client.
//!
//! It verifies certificates always; there is no way to switch that off.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error as TlsError, RootCertStore};

use super::connection::{Stream, unreachable};
use super::error::{AdminCode, AdminError, what_to_check};
use crate::TokenSource;
use crate::client::Tokens;

/// What opens a connection.
#[derive(Clone)]
pub(crate) struct Iam {
    tls: TlsConnector,
    tokens: Arc<dyn TokenSource>,
}

impl Iam {
    pub(crate) fn new(ca_file: Option<&str>, tokens: &Tokens) -> Result<Self, AdminError> {
        let tokens = tokens
            .source
            .clone()
            .ok_or_else(|| no_token("no token source is set"))?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_failed(&error.to_string()))?
            .with_root_certificates(authorities(ca_file)?)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, tokens })
    }

    pub(crate) async fn encrypt(
        &self,
        tcp: TcpStream,
        server: &str,
    ) -> Result<Box<dyn Stream>, AdminError> {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host)
            .map_err(|error| tls_failed(&format!("broker {server}: {error}")))?;
        match self.tls.connect(name, tcp).await {
            Ok(encrypted) => Ok(Box::new(encrypted)),
            Err(error) => {
                let of_tls = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<TlsError>());
                Err(match of_tls {
                    Some(of_tls) => tls_failed(&format!("broker {server}: {of_tls}")),
                    None => unreachable(
                        server,
                        &format!("the connection was lost while it was secured: {error}"),
                    ),
                })
            }
        }
    }

    /// Asks the source, which may block.
    pub(crate) async fn token(&self, deadline: Instant) -> Result<String, AdminError> {
        let tokens = Arc::clone(&self.tokens);
        let asked = tokio::task::spawn_blocking(move || tokens.token());
        match timeout_at(deadline, asked).await {
            Err(_) => Err(AdminError::new(
                AdminCode::TimedOut,
                "the token source did not answer in time",
            )),
            Ok(Err(error)) => Err(no_token(&format!("the token source failed: {error}"))),
            Ok(Ok(Err(error))) => Err(no_token(&error.to_string())),
            Ok(Ok(Ok(token))) => Ok(token.text),
        }
    }
}

/// Reads the authorities of a PEM file, or those of the system.
fn authorities(ca_file: Option<&str>) -> Result<RootCertStore, AdminError> {
    let mut trusted = RootCertStore::empty();
    if let Some(file) = ca_file {
        let unusable =
            |error: String| tls_failed(&format!("KAFKA_CA_FILE {file:?} cannot be used: {error}"));
        let certificates =
            CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            trusted
                .add(certificate)
                .map_err(|error| unusable(error.to_string()))?;
        }
        if trusted.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        return Ok(trusted);
    }
    let found = rustls_native_certs::load_native_certs();
    // Systems keep certificates that rustls does not take; what matters is that some are left.
    let (added, _) = trusted.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let message = format!(
            "the system has no authorities to trust: {}",
            errors.join("; ")
        );
        return Err(tls_failed(&message));
    }
    Ok(trusted)
}

fn no_token(why: &str) -> AdminError {
    hinted(AdminCode::NoToken, why)
}

fn tls_failed(why: &str) -> AdminError {
    hinted(AdminCode::TlsFailed, why)
}

fn hinted(code: AdminCode, why: &str) -> AdminError {
    let hint = what_to_check(code).unwrap_or_default();
    AdminError::new(code, format!("{why}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let none =
            authorities(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
        assert_eq!(none.code, AdminCode::TlsFailed);
        assert!(
            none.message
                .contains("Cargo.toml\" cannot be used: it holds no certificate"),
            "{none}"
        );
        let missing = authorities(Some("/nowhere/ca.pem")).unwrap_err();
        assert_eq!(missing.code, AdminCode::TlsFailed);
        assert!(
            missing
                .message
                .contains("KAFKA_CA_FILE \"/nowhere/ca.pem\""),
            "{missing}"
        );
    }
}
