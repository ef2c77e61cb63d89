//! Embedded SQS: standard queues in memory behind SQS's JSON protocol (awsJson 1.0), small and exact.
//!
//! Sizes, limits, MD5 digests, error names, receive counts, visibility, long polling, delays, retention and
//! redrive to a dead-letter queue follow the SQS API reference. Time is tokio's, so a paused clock works.
//!
//! Left out on purpose: FIFO queues, the older query protocol, permissions, tags, encryption settings,
//! changing or deleting a queue, and message move tasks.

mod api;
mod attributes;
mod checksum;
mod clock;
mod errors;
mod message;
mod queue;
mod service;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::ACCOUNT_ID;
use crate::serving::{self, Serving, Stop};
use service::Service;

/// The bytes of one message, and of all messages of one batch together, with their attributes.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// The entries of one batch request, and the messages of one receive.
pub const BATCH_ENTRIES_MAX: usize = 10;

/// The seconds a receive may wait for a first message.
pub const WAIT_SECONDS_MAX: u64 = 20;

/// The messages a queue may have received and not yet deleted.
pub const IN_FLIGHT_MESSAGES_MAX: usize = 120_000;

/// The messages one queue may hold; AWS has no such limit, this process has.
pub const QUEUE_MESSAGES_MAX: usize = 1_000_000;

/// Why SQS could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SqsError {
    /// The loopback port is taken or may not be used.
    #[error("cannot bind 127.0.0.1:{port} for SQS")]
    Bind {
        /// The port asked for; 0 stands for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A running SQS; dropping it stops it and forgets every queue.
#[derive(Debug)]
pub struct LocalSqs {
    serving: Serving,
}

impl LocalSqs {
    /// Starts the server on `127.0.0.1:port` (0 picks a free port); it is ready when this returns.
    ///
    /// # Errors
    /// [`SqsError`] when the port is taken.
    pub async fn start(port: u16) -> Result<Self, SqsError> {
        let (listener, address) = serving::bind(port)
            .await
            .map_err(|source| SqsError::Bind { port, source })?;
        let stop = Stop::new();
        let service = Arc::new(Service::new(address, stop.signal()));
        let router = api::router(service);
        Ok(Self {
            serving: Serving::router(listener, address, router, stop),
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Returns the endpoint to give to a client, such as `AWS_ENDPOINT_URL_SQS`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the URL a queue of this name has; the queue need not exist.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        queue_url(self.address(), name)
    }

    /// Stops the server; receives that wait for messages end empty.
    pub async fn shutdown(self) {
        self.serving.shutdown().await;
    }
}

fn queue_url(address: SocketAddr, name: &str) -> String {
    format!("http://{address}/{ACCOUNT_ID}/{name}")
}
