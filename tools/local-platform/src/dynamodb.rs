//! Embedded `DynamoDB`: the dynoxide engine behind `DynamoDB`'s own HTTP protocol.
//!
//! Conditional writes, transactions with the old item in the cancellation reason, `ClientRequestToken`,
//! batches, indexes, time to live and streams behave as in AWS; a stream has one shard and keeps a day. A known
//! limit: transactions never meet `TransactionConflict`, since writes run one after another.
//!
//! It creates no tables: their owner does, through the protocol.

mod storage;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dynoxide::Database;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

pub use storage::{STREAM_RECORD_SECONDS, Storage};

use crate::serving::{self, Serving, Stop, StopSignal};

/// How often items past their time to live are deleted; AWS promises days, here it is soon.
const TTL_SWEEP_INTERVAL_SECONDS: u64 = 2;

/// Why `DynamoDB` could not be started.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// The loopback port is taken or may not be used.
    #[error("cannot bind 127.0.0.1:{port} for DynamoDB")]
    Bind {
        /// The port asked for; 0 stands for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path of the database file is not valid UTF-8.
    #[error("the path of the DynamoDB file is not UTF-8: {path:?}")]
    Path {
        /// The path as given.
        path: PathBuf,
    },
    /// The database could not be opened.
    #[error("cannot open the DynamoDB storage")]
    Open {
        /// What the engine said.
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    /// The streams could not be given their index and their trimming.
    #[error("cannot prepare the streams of the DynamoDB storage")]
    Streams {
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
}

/// A running `DynamoDB`; dropping it stops it.
#[derive(Debug)]
pub struct LocalDynamoDb {
    serving: Serving,
}

impl LocalDynamoDb {
    /// Starts the server on `127.0.0.1:port` (0 picks a free port); it is ready when this returns.
    ///
    /// # Errors
    /// [`DynamoDbError`] when the port is taken or the storage cannot be opened.
    pub async fn start(port: u16, storage: Storage) -> Result<Self, DynamoDbError> {
        let database = storage::open(storage)?;
        let (listener, address) = serving::bind(port)
            .await
            .map_err(|source| DynamoDbError::Bind { port, source })?;
        let stop = Stop::new();
        tokio::spawn(sweep_expired_items(database.clone(), stop.signal()));
        let mut signal = stop.signal();
        let task = async move {
            let until = async move { signal.raised().await };
            if let Err(problem) =
                dynoxide::server::serve_with_shutdown(listener, database, until).await
            {
                tracing::error!(%address, problem, "DynamoDB failed");
            }
        };
        Ok(Self {
            serving: Serving::task(address, task, stop),
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Returns the endpoint to give to a client, such as `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Stops the server after its open requests; a file is then complete.
    pub async fn shutdown(self) {
        self.serving.shutdown().await;
    }
}

/// Deletes expired items until the server stops; a failed sweep is left to the next one.
async fn sweep_expired_items(database: Database, mut stop: StopSignal) {
    let mut ticks = tokio::time::interval(Duration::from_secs(TTL_SWEEP_INTERVAL_SECONDS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.raised() => return,
            _ = ticks.tick() => {}
        }
        let database = database.clone();
        match spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(deleted_items)) => tracing::trace!(deleted_items, "expired items swept"),
            Ok(Err(error)) => tracing::warn!(%error, "the sweep of expired items failed"),
            Err(error) => tracing::warn!(%error, "the sweep of expired items was ended"),
        }
    }
}
