//! All live environments by id, so that a call of the Runtime API finds the one it belongs to.
//!
//! It is also what environments share: the address, the options and the stop signal. It starts nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::LambdaOptions;
use super::environment::Inbox;
use crate::serving::StopSignal;

/// How long the end of all environments is awaited at a shutdown.
const EMPTY_SECONDS_MAX: u64 = 5;

#[derive(Debug)]
struct Entry {
    /// Counts the environments in the order of their starts.
    number: u64,
    function: String,
    inbox: Inbox,
}

#[derive(Debug)]
pub(super) struct Registry {
    address: SocketAddr,
    options: LambdaOptions,
    stop: StopSignal,
    environments: Mutex<HashMap<String, Entry>>,
    inserted: AtomicU64,
    removed: Notify,
}

impl Registry {
    pub(super) fn new(address: SocketAddr, options: LambdaOptions, stop: StopSignal) -> Self {
        let environments = Mutex::default();
        Self {
            address,
            options,
            stop,
            environments,
            inserted: AtomicU64::new(0),
            removed: Notify::new(),
        }
    }

    pub(super) fn options(&self) -> &LambdaOptions {
        &self.options
    }

    pub(super) fn stop_signal(&self) -> StopSignal {
        self.stop.clone()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_raised()
    }

    /// Returns the Runtime API address of one environment; with a path it must start with `http://`.
    pub(super) fn runtime_api(&self, id: &str) -> String {
        format!("http://{}/env/{id}", self.address)
    }

    pub(super) fn insert(&self, id: &str, function: &str, inbox: Inbox) {
        let number = self.inserted.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(
            id.to_owned(),
            Entry {
                number,
                function: function.to_owned(),
                inbox,
            },
        );
    }

    pub(super) fn remove(&self, id: &str) {
        self.lock().remove(id);
        self.removed.notify_waiters();
    }

    /// Returns the way to one environment; none when it is gone or never was.
    pub(super) fn inbox(&self, id: &str) -> Option<Inbox> {
        self.lock().get(id).map(|entry| entry.inbox.clone())
    }

    /// Returns the environments of a function, those that started first at the front.
    pub(super) fn environments_of(&self, function: &str) -> Vec<(String, Inbox)> {
        let environments = self.lock();
        let mut of_function: Vec<_> = environments
            .iter()
            .filter(|(_, entry)| entry.function == function)
            .collect();
        of_function.sort_by_key(|(_, entry)| entry.number);
        of_function
            .into_iter()
            .map(|(id, entry)| (id.clone(), entry.inbox.clone()))
            .collect()
    }

    /// Waits until no environment is left, at most [`EMPTY_SECONDS_MAX`].
    pub(super) async fn until_empty(&self) {
        let empty = async {
            loop {
                let removed = self.removed.notified();
                if self.lock().is_empty() {
                    return;
                }
                removed.await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(EMPTY_SECONDS_MAX), empty)
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.lock().len(),
                "execution environments outlived the shutdown"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.environments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
