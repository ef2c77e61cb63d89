//! Hands an OAuth token to a librdkafka client whose callbacks nobody serves, as those of rdkafka's admin client.
//!
//! librdkafka asks for tokens through an event; rdkafka 0.39 serves the events of producers and consumers, but
//! not of admin clients, and wraps no call to set a token. This crate is that call and nothing else: it makes no
//! tokens, and knows of no settings. It holds the workspace's only unsafe block.

use std::ffi::{CStr, CString, NulError, c_char};
use std::ptr;

use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaRespErr;

/// Bytes of the reason that a client gives for a refusal.
const REASON_BYTES_MAX: usize = 512;

/// Why a client did not take a token.
#[derive(Debug, thiserror::Error)]
pub enum SetTokenError {
    /// The token holds a zero byte.
    #[error("the token holds a zero byte")]
    ZeroByte(#[from] NulError),
    /// The client refused it, for instance because it has expired or the client uses no OAUTHBEARER.
    #[error("the client refuses the token: {0}")]
    Refused(String),
}

/// Sets the token that `client` authenticates with from now on.
///
/// `expires_at_ms` counts milliseconds since 1970; it has to lie in the future. Connections that are open stay so.
///
/// # Errors
/// [`SetTokenError`]; the client then keeps what it had.
pub fn set_token<C: ClientContext>(
    client: &Client<C>,
    token: &str,
    expires_at_ms: i64,
) -> Result<(), SetTokenError> {
    let token = CString::new(token)?;
    let principal = CString::default();
    let mut reason = [0_u8; REASON_BYTES_MAX];
    #[allow(unsafe_code, reason = "rdkafka wraps no call to set a token")]
    // SAFETY: `client` keeps its native client alive for the call. The strings end with a zero byte, outlive the
    // call and are copied by it. No extensions are given: null with length 0. `reason` is writable for its length.
    let code = unsafe {
        rdkafka::bindings::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            token.as_ptr(),
            expires_at_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            reason.as_mut_ptr().cast::<c_char>(),
            reason.len(),
        )
    };
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        let reason = CStr::from_bytes_until_nul(&reason).unwrap_or_default();
        Err(SetTokenError::Refused(
            reason.to_string_lossy().into_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::admin::AdminClient;
    use rdkafka::client::DefaultClientContext;

    use super::*;

    fn admin() -> AdminClient<DefaultClientContext> {
        ClientConfig::new().create().unwrap()
    }

    #[test]
    fn a_token_with_a_zero_byte_is_refused() {
        let refused = set_token(admin().inner(), "a\0b", i64::MAX);
        assert!(matches!(refused, Err(SetTokenError::ZeroByte(_))));
    }

    #[test]
    fn a_client_without_oauthbearer_refuses_a_token_and_says_why() {
        let refused = set_token(admin().inner(), "a", i64::MAX).unwrap_err();
        let SetTokenError::Refused(reason) = refused else {
            panic!("{refused}")
        };
        assert!(reason.contains("SASL"), "{reason}");
    }
}
