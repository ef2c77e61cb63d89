//! Tokens for Amazon MSK: a presigned request to connect, signed with IAM credentials.
//!
//! librdkafka asks for a token when 80 % of the last one's time has passed, from a thread of its own or from
//! one that runs async code, and waits for the answer. Credentials are therefore fetched by a thread with its
//! own runtime. No token is kept here: the client keeps the one it uses.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider;

/// How long credentials and their signature may take.
const TOKEN_TIME_MAX: Duration = Duration::from_secs(10);
/// How long whoever asks waits beyond that.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// A token, as a broker wants it.
#[derive(Clone)]
pub struct Token {
    /// A secret: whoever has it may connect until it expires.
    pub text: String,
    /// Until when it holds, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Makes tokens.
pub trait TokenSource: Send + Sync + 'static {
    /// Makes a token that holds from now on.
    ///
    /// It may block for some seconds, and is called from threads that may.
    ///
    /// # Errors
    /// [`TokenError`] tells what is missing.
    fn token(&self) -> Result<Token, TokenError>;
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There are no credentials, or they could not be used.
    #[error("no token could be signed: {0}")]
    Unsigned(String),
    /// The credentials have expired, and there are no newer ones.
    #[error("the credentials have expired; there are no newer ones")]
    Expired,
    /// Credentials took too long.
    #[error("the credentials provider did not answer within {} s", TOKEN_TIME_MAX.as_secs())]
    TooSlow,
    /// The thread that fetches credentials does not run.
    #[error("the thread that fetches credentials does not run: {0}")]
    NoThread(String),
}

type Reply = Sender<Result<Token, TokenError>>;

/// Tokens signed with the credentials of a provider.
#[derive(Debug)]
pub struct MskIamTokens {
    requests: Sender<Reply>,
}

impl MskIamTokens {
    /// Signs with what the SDK's default chain finds: environment, profile, container or instance.
    ///
    /// # Errors
    /// [`TokenError::NoThread`] if the thread cannot be started.
    pub fn from_default_chain(region: &str) -> Result<Self, TokenError> {
        Self::start(region, None)
    }

    /// Signs with the credentials of this provider.
    ///
    /// # Errors
    /// As [`Self::from_default_chain`].
    pub fn new(region: &str, provider: SharedCredentialsProvider) -> Result<Self, TokenError> {
        Self::start(region, Some(provider))
    }

    fn start(
        region: &str,
        provider: Option<SharedCredentialsProvider>,
    ) -> Result<Self, TokenError> {
        let (requests, received) = mpsc::channel();
        let region = Region::new(region.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| TokenError::NoThread(error.to_string()))?;
        thread::Builder::new()
            .name("msk-iam-tokens".to_owned())
            .spawn(move || serve(&runtime, &region, provider, &received))
            .map_err(|error| TokenError::NoThread(error.to_string()))?;
        Ok(Self { requests })
    }
}

impl TokenSource for MskIamTokens {
    fn token(&self) -> Result<Token, TokenError> {
        let (reply, answer) = mpsc::channel();
        let ended = || TokenError::NoThread("it has ended".to_owned());
        self.requests.send(reply).map_err(|_| ended())?;
        match answer.recv_timeout(TOKEN_TIME_MAX + ANSWER_MARGIN) {
            Ok(token) => token,
            Err(RecvTimeoutError::Timeout) => Err(TokenError::TooSlow),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }
}

/// Makes tokens until nobody can ask any more.
fn serve(
    runtime: &tokio::runtime::Runtime,
    region: &Region,
    provider: Option<SharedCredentialsProvider>,
    requests: &Receiver<Reply>,
) {
    let provider = provider.or_else(|| {
        let config = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
        runtime.block_on(config.load()).credentials_provider()
    });
    for reply in requests {
        let token = match &provider {
            None => Err(TokenError::Unsigned(
                "there is no credentials provider".to_owned(),
            )),
            Some(provider) => runtime.block_on(async {
                let signed = tokio::time::timeout(TOKEN_TIME_MAX, sign(region, provider)).await;
                signed.unwrap_or(Err(TokenError::TooSlow))
            }),
        };
        if reply.send(token).is_err() {
            tracing::debug!("a token came too late for whoever asked for it");
        }
    }
}

async fn sign(region: &Region, provider: &SharedCredentialsProvider) -> Result<Token, TokenError> {
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|error| TokenError::Unsigned(chain(&error)))?;
    let until = credentials.expiry().map(|expiry| {
        let since = expiry.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    let fixed = SharedCredentialsProvider::new(credentials);
    let signed = generate_auth_token_from_credentials_provider(region.clone(), fixed).await;
    let (text, expires_at_ms) = signed.map_err(|error| TokenError::Unsigned(chain(&error)))?;
    // A token holds no longer than what signed it.
    let expires_at_ms = until.map_or(expires_at_ms, |until| until.min(expires_at_ms));
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    if u128::try_from(expires_at_ms).unwrap_or(0) <= now.unwrap_or_default().as_millis() {
        return Err(TokenError::Expired);
    }
    Ok(Token {
        text,
        expires_at_ms,
    })
}

/// An error with its causes, since the client library takes a text only.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}
