//! One connection to one broker: frames, correlation, versions, and the token that opens it.
//!
//! It asks one thing at a time and never asks again: whoever holds it knows what may be repeated.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiVersionsRequest, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::access::Access;
use super::error::{AdminCode, AdminError, result, what_to_check};
use super::frame::{frame, parsed, read_frame};

/// How long one broker may take to accept a connection; others are tried then.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// The share of a session's time, in percent, after which it is not used any more.
const SESSION_PERCENT: u32 = 80;
const MECHANISM: &str = "OAUTHBEARER";

/// A request with the versions that this client speaks.
pub(crate) trait Ask: Request {
    /// The versions in which the fields that are used here mean the same.
    const OURS: RangeInclusive<i16>;
}

/// What bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that is ready to be asked.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    server: String,
    client_id: StrBytes,
    versions: BTreeMap<i16, RangeInclusive<i16>>,
    last_id: i32,
    /// Set while an exchange is not over: what comes then belongs to nobody.
    is_broken: bool,
    usable_until: Option<Instant>,
}

impl Connection {
    /// Connects, encrypts and shows a token, as the settings want it.
    pub(crate) async fn open(
        server: &str,
        client_id: &str,
        access: &Access,
        deadline: Instant,
    ) -> Result<Self, AdminError> {
        let soon = deadline.min(Instant::now() + CONNECT_TIME_MAX);
        let opening = async {
            let tcp = TcpStream::connect(server).await;
            let tcp = tcp.map_err(|error| unreachable(server, &error.to_string()))?;
            access.secure(tcp, server).await
        };
        let stream = timeout_at(soon, opening)
            .await
            .map_err(|_| unreachable(server, "no connection in time"))??;
        let mut connection = Self::over(stream, server, client_id);
        connection.learn_versions(deadline).await?;
        if let Some(token) = access.token(deadline).await? {
            connection.show(&token, deadline).await?;
        }
        Ok(connection)
    }

    fn over(stream: Box<dyn Stream>, server: &str, client_id: &str) -> Self {
        Self {
            stream,
            server: server.to_owned(),
            client_id: StrBytes::from_string(client_id.to_owned()),
            versions: BTreeMap::new(),
            last_id: 0,
            is_broken: false,
            usable_until: None,
        }
    }

    /// Whether it may be asked once more.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_broken && self.usable_until.is_none_or(|until| Instant::now() < until)
    }

    /// Asks, in the newest version that both sides speak.
    pub(crate) async fn ask<R: Ask>(
        &mut self,
        request: &R,
        deadline: Instant,
    ) -> Result<R::Response, AdminError> {
        let version = self.version::<R>()?;
        self.exchange(request, version, deadline).await
    }

    fn version<R: Ask>(&self) -> Result<i16, AdminError> {
        let ours = R::OURS;
        let common = self.versions.get(&R::KEY).and_then(|theirs| {
            let newest = *theirs.end().min(ours.end());
            (newest >= *theirs.start().max(ours.start())).then_some(newest)
        });
        common.ok_or_else(|| {
            let theirs = self.versions.get(&R::KEY);
            let theirs = theirs.map_or_else(
                || "does not know it".to_owned(),
                |theirs| format!("speaks its versions {} to {}", theirs.start(), theirs.end()),
            );
            let message = format!(
                "broker {} cannot be asked this (request {}): it {theirs}, this client {} to {}",
                self.server,
                R::KEY,
                ours.start(),
                ours.end()
            );
            AdminError::new(AdminCode::Unsupported, message)
        })
    }

    /// The first version of this question is the only one that every broker answers.
    async fn learn_versions(&mut self, deadline: Instant) -> Result<(), AdminError> {
        let answer = self
            .exchange(&ApiVersionsRequest::default(), 0, deadline)
            .await?;
        result(answer.error_code, None)?;
        let keys = answer.api_keys.into_iter();
        self.versions = keys
            .map(|key| (key.api_key, key.min_version..=key.max_version))
            .collect();
        Ok(())
    }

    /// Shows a token (RFC 7628). A broker that refuses it says why only when told that its refusal was heard.
    async fn show(&mut self, token: &str, deadline: Instant) -> Result<(), AdminError> {
        let handshake =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(MECHANISM));
        let answer = self.ask(&handshake, deadline).await?;
        if answer.error_code != 0 {
            let offered: Vec<_> = answer.mechanisms.iter().map(StrBytes::as_str).collect();
            let message = format!("the listener takes {}, not {MECHANISM}", offered.join(", "));
            return result(answer.error_code, Some(&message));
        }
        let first = Bytes::from(format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}"));
        let shown = Instant::now();
        let mut answer = self
            .ask(
                &SaslAuthenticateRequest::default().with_auth_bytes(first),
                deadline,
            )
            .await?;
        if answer.error_code == 0 && !answer.auth_bytes.is_empty() {
            let why = String::from_utf8_lossy(&answer.auth_bytes).into_owned();
            let heard =
                SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(b"\x01"));
            answer = self.ask(&heard, deadline).await?;
            if answer.error_code == 0 {
                return result(ResponseError::SaslAuthenticationFailed.code(), Some(&why));
            }
        }
        result(answer.error_code, answer.error_message.as_deref())?;
        let lifetime_ms = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
        // Zero means without end.
        let usable = Duration::from_millis(lifetime_ms) * SESSION_PERCENT / 100;
        self.usable_until = (lifetime_ms > 0).then(|| shown + usable);
        Ok(())
    }

    /// Sends a request and waits for its answer; an exchange that does not end well ends the connection.
    async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, AdminError> {
        self.is_broken = true;
        self.last_id = self.last_id.wrapping_add(1);
        let frame = frame(request, version, self.last_id, &self.client_id)?;
        let exchanged = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await?;
            read_frame(&mut self.stream).await
        };
        let answer = match timeout_at(deadline, exchanged).await {
            Err(_) => {
                let message = format!("broker {} did not answer in time", self.server);
                return Err(AdminError::new(AdminCode::TimedOut, message));
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(self.bad_answer(&error.to_string()));
            }
            Ok(Err(error)) => {
                let why = format!("the connection was lost before the answer: {error}");
                return Err(unreachable(&self.server, &why));
            }
            Ok(Ok(answer)) => answer,
        };
        let answer =
            parsed::<R>(answer, version, self.last_id).map_err(|why| self.bad_answer(&why))?;
        self.is_broken = false;
        Ok(answer)
    }

    fn bad_answer(&self, why: &str) -> AdminError {
        let message = format!(
            "broker {}: {why}; is it a Kafka listener of this kind?",
            self.server
        );
        AdminError::new(AdminCode::BadAnswer, message)
    }
}

pub(crate) fn unreachable(server: &str, why: &str) -> AdminError {
    let hint = what_to_check(AdminCode::Unreachable).unwrap_or_default();
    AdminError::new(
        AdminCode::Unreachable,
        format!("broker {server}: {why}; {hint}"),
    )
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::{
        ResponseHeader, SaslAuthenticateResponse, SaslHandshakeResponse,
    };
    use kafka_protocol::protocol::Encodable;

    use super::*;
    use crate::admin::frame::read_frame;

    /// A connection to a broker that answers with these, one after the other, and keeps what it was asked.
    fn connected(
        answers: Vec<SaslAuthenticateResponse>,
    ) -> (Connection, tokio::task::JoinHandle<Vec<Bytes>>) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let asked = tokio::spawn(async move {
            let mut asked = vec![read_frame(&mut theirs).await.unwrap()];
            let mut answer = BytesMut::new();
            ResponseHeader::default()
                .with_correlation_id(1)
                .encode(&mut answer, 0)
                .unwrap();
            SaslHandshakeResponse::default()
                .encode(&mut answer, 1)
                .unwrap();
            for (id, next) in (2..).zip(answers) {
                theirs
                    .write_u32(u32::try_from(answer.len()).unwrap())
                    .await
                    .unwrap();
                theirs.write_all(&answer).await.unwrap();
                asked.push(read_frame(&mut theirs).await.unwrap());
                answer = BytesMut::new();
                ResponseHeader::default()
                    .with_correlation_id(id)
                    .encode(&mut answer, 0)
                    .unwrap();
                next.encode(&mut answer, 1).unwrap();
            }
            theirs
                .write_u32(u32::try_from(answer.len()).unwrap())
                .await
                .unwrap();
            theirs.write_all(&answer).await.unwrap();
            asked
        });
        let mut connection = Connection::over(Box::new(ours), "broker:9098", "me");
        connection.versions = BTreeMap::from([(17, 0..=1), (36, 0..=1)]);
        (connection, asked)
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn a_session_is_left_when_most_of_its_time_has_passed() {
        let lasting = SaslAuthenticateResponse::default().with_session_lifetime_ms(1_000_000);
        let (mut connection, asked) = connected(vec![lasting]);
        let before = Instant::now();
        connection.show("t0ken", deadline()).await.unwrap();
        let usable = Duration::from_secs(800);
        let until = connection.usable_until.unwrap();
        assert!((before + usable..=Instant::now() + usable).contains(&until));
        assert!(connection.is_usable());
        connection.usable_until = Some(before);
        assert!(!connection.is_usable());
        let asked = asked.await.unwrap();
        assert!(asked[0].ends_with(b"\0\x0bOAUTHBEARER"), "{:?}", asked[0]);
        assert!(
            asked[1].ends_with(b"n,,\x01auth=Bearer t0ken\x01\x01"),
            "{:?}",
            asked[1]
        );
    }

    #[tokio::test]
    async fn a_session_without_an_end_is_used_on() {
        let (mut connection, _asked) = connected(vec![SaslAuthenticateResponse::default()]);
        connection.show("t0ken", deadline()).await.unwrap();
        assert_eq!(connection.usable_until, None);
        assert!(connection.is_usable());
    }

    #[tokio::test]
    async fn a_refusal_is_heard_and_then_explained() {
        let refusal = SaslAuthenticateResponse::default()
            .with_auth_bytes(Bytes::from_static(b"{\"status\":\"Access denied\"}"));
        let explained = SaslAuthenticateResponse::default()
            .with_error_code(58)
            .with_error_message(Some(StrBytes::from_static_str(
                "Access denied, says the broker",
            )));
        for (last, says) in [
            (explained, "Access denied, says the broker"),
            // One that takes the hearing for an answer has refused all the same.
            (
                SaslAuthenticateResponse::default(),
                "{\"status\":\"Access denied\"}",
            ),
        ] {
            let (mut connection, asked) = connected(vec![refusal.clone(), last]);
            let error = connection.show("t0ken", deadline()).await.unwrap_err();
            assert_eq!(error.code, AdminCode::TokenRefused, "{error}");
            assert!(error.message.contains(says), "{error}");
            assert!(!error.message.contains("t0ken"), "{error}");
            assert!(asked.await.unwrap()[2].ends_with(&[0, 0, 0, 1, 1]));
        }
    }
}
