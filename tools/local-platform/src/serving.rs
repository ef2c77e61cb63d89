//! The life of one embedded HTTP server: bind the loopback address, serve, stop within a bound.
//!
//! It knows nothing of what is served, and it never binds an address that other machines can reach.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How long a server may take to finish its open requests after it was told to stop.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

/// Binds a loopback port; 0 picks a free one.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Hands an answer to whoever asked for it; an asker that has left is no error.
pub(crate) fn answer<T>(asker: oneshot::Sender<T>, value: T) {
    if asker.send(value).is_err() {
        tracing::debug!("the asker left before its answer");
    }
}

/// Raises the stop signal; dropping it raises it too.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Creates a signal that is not raised.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Returns an observer of this signal.
    pub(crate) fn signal(&self) -> StopSignal {
        StopSignal(self.0.subscribe())
    }

    /// Raises the signal.
    pub(crate) fn raise(&self) {
        self.0.send_replace(true);
    }
}

/// Tells its holder when to stop.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Waits until the signal is raised or its owner is gone.
    pub(crate) async fn raised(&mut self) {
        while !*self.0.borrow_and_update() {
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells whether the signal has been raised or its owner is gone.
    pub(crate) fn is_raised(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    address: SocketAddr,
    stop: Stop,
    task: JoinHandle<()>,
}

impl Serving {
    /// Serves a router; `stop` also ends whatever else observes it.
    pub(crate) fn router(
        listener: TcpListener,
        address: SocketAddr,
        router: Router,
        stop: Stop,
    ) -> Self {
        let mut signal = stop.signal();
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(async move { signal.raised().await });
        let task = async move {
            if let Err(error) = server.await {
                tracing::error!(%address, error = &error as &dyn std::error::Error, "server failed");
            }
        };
        Self::task(address, task, stop)
    }

    /// Runs a future that serves `address` and ends by itself once `stop` is raised.
    pub(crate) fn task(
        address: SocketAddr,
        task: impl Future<Output = ()> + Send + 'static,
        stop: Stop,
    ) -> Self {
        Self {
            address,
            stop,
            task: tokio::spawn(task),
        }
    }

    /// Returns the address that is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Raises the stop signal and returns at once.
    pub(crate) fn stop(&self) {
        self.stop.raise();
    }

    /// Raises the stop signal and waits for open requests, at most [`SHUTDOWN_SECONDS_MAX`].
    pub(crate) async fn shutdown(mut self) {
        self.stop.raise();
        let limit = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            tracing::warn!(address = %self.address, "server still busy after its stop; abandoned");
            self.task.abort();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.raise();
    }
}
