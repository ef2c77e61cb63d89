//! The local Lambda: runs function binaries as execution environments behind Lambda's own two protocols.
//!
//! A caller invokes through the Invoke API or [`LocalLambda::invoke`]; a function asks for work through the
//! Runtime API (version 2018-06-01), as it does in AWS. Each environment is one process with one invocation at
//! a time and its own Runtime API address, so answers cannot be mixed up. Environments start when first needed,
//! are reused warm (the most recent first) and never outlive the server.
//!
//! Left out on purpose: extensions, response streaming, asynchronous invocation, versions and aliases, and the
//! memory limit, which is only told to the function. Faults such as throttling on demand are the emulator's.

mod environment;
mod function;
mod invoke_api;
mod logs;
mod outcome;
mod pool;
mod process;
mod registry;
mod runtime_api;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;

pub use environment::KilledWhile;
pub use function::{
    ENVIRONMENTS_MAX, Function, FunctionProblem, MEMORY_MB_MAX, MEMORY_MB_MIN, TIMEOUT_SECONDS_MAX,
};
pub use logs::{LOG_LINE_BYTES_MAX, LogLine, LogSink, LogStream};
pub use outcome::{Invocation, InvokeError};
pub use pool::FunctionStats;

use crate::serving::{self, Serving, Stop};
pub(crate) use pool::new_trace_id;
use pool::{Pool, Request};
use registry::Registry;

/// The bytes a request or a response may have (Lambda quotas: 6 MB each, read as 6 MiB as in esm-spec §9).
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The bytes of a body that are read before giving up on it, so that an oversized one still gets its answer.
pub(crate) const BODY_BYTES_READ_MAX: usize = 64 * 1024 * 1024;

/// The time a function has to ask for its first work (Lambda's init phase).
pub const INIT_SECONDS_MAX: u64 = 10;

/// What applies to all functions of one local Lambda.
#[derive(Clone)]
pub struct LambdaOptions {
    /// How long a process may take until it asks for work; [`INIT_SECONDS_MAX`] by default, as in AWS.
    pub init_timeout: Duration,
    /// Where the lines go that functions write; `tracing` by default.
    pub logs: LogSink,
}

impl Default for LambdaOptions {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(INIT_SECONDS_MAX),
            logs: logs::to_tracing(),
        }
    }
}

impl std::fmt::Debug for LambdaOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LambdaOptions")
            .field("init_timeout", &self.init_timeout)
            .finish_non_exhaustive()
    }
}

/// Why the local Lambda could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// The loopback port is taken or may not be used.
    #[error("cannot bind 127.0.0.1:{port} for Lambda")]
    Bind {
        /// The port asked for; 0 stands for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A function's settings are out of Lambda's ranges.
    #[error("function {name:?} cannot be run")]
    Function {
        /// The function.
        name: String,
        /// What is wrong with it.
        #[source]
        source: FunctionProblem,
    },
    /// Two functions have one name.
    #[error("two functions are named {name:?}")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// A running local Lambda; dropping it kills every environment.
#[derive(Debug)]
pub struct LocalLambda {
    pools: Arc<Pools>,
    registry: Arc<Registry>,
    serving: Serving,
}

/// Invokes one function for as long as the local Lambda runs.
#[derive(Clone, Debug)]
pub struct Invoker {
    pool: Arc<Pool>,
}

impl Invoker {
    /// Invokes the function within a trace.
    pub(crate) async fn invoke(
        &self,
        payload: Bytes,
        trace_id: String,
    ) -> Result<Invocation, InvokeError> {
        let trace_id = Some(trace_id);
        self.pool.invoke(Request { payload, trace_id }).await
    }
}

/// The functions by name.
type Pools = BTreeMap<String, Arc<Pool>>;

impl LocalLambda {
    /// Starts both APIs on `127.0.0.1:port` (0 picks a free port); processes start when first invoked.
    ///
    /// # Errors
    /// [`LambdaError`] when the port is taken or a function's settings are wrong.
    pub async fn start(port: u16, functions: Vec<Function>) -> Result<Self, LambdaError> {
        Self::start_with(port, functions, LambdaOptions::default()).await
    }

    /// Does what [`Self::start`] does, with these options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        port: u16,
        functions: Vec<Function>,
        options: LambdaOptions,
    ) -> Result<Self, LambdaError> {
        let functions = checked(functions)?;
        let (listener, address) = serving::bind(port)
            .await
            .map_err(|source| LambdaError::Bind { port, source })?;
        let stop = Stop::new();
        let registry = Arc::new(Registry::new(address, options, stop.signal()));
        let pools: Pools = functions
            .into_iter()
            .map(|(name, function)| (name, Pool::new(function, Arc::clone(&registry))))
            .collect();
        let pools = Arc::new(pools);
        let router = runtime_api::router(Arc::clone(&registry))
            .merge(invoke_api::router(Arc::clone(&pools)));
        let serving = Serving::router(listener, address, router, stop);
        Ok(Self {
            pools,
            registry,
            serving,
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Returns the endpoint of the Invoke API, to give to a client as Lambda's endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the URL that invokes one function by POST; the function need not exist.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!(
            "{}/2015-03-31/functions/{name}/invocations",
            self.endpoint()
        )
    }

    /// Invokes a function and waits for its outcome; an empty payload counts as `{}`, as in AWS.
    ///
    /// A function that fails, crashes or times out gives an [`Invocation`] with `function_error`. Giving up
    /// (dropping the future) does not stop the function.
    ///
    /// # Errors
    /// [`InvokeError`] when the function was not run.
    pub async fn invoke(
        &self,
        name: &str,
        payload: impl Into<Bytes>,
    ) -> Result<Invocation, InvokeError> {
        let request = Request {
            payload: payload.into(),
            trace_id: None,
        };
        pool_of(&self.pools, name)?.invoke(request).await
    }

    /// Returns what invokes one function, for whatever stands in front of it or triggers it.
    ///
    /// # Errors
    /// [`InvokeError::UnknownFunction`].
    pub fn invoker(&self, name: &str) -> Result<Invoker, InvokeError> {
        let pool = Arc::clone(pool_of(&self.pools, name)?);
        Ok(Invoker { pool })
    }

    /// Kills one environment of a function with SIGKILL, a busy one if there is one, and waits until it is gone.
    ///
    /// Returns false when the function has no environment or does not exist.
    pub async fn kill_one(&self, name: &str) -> bool {
        match self.pools.get(name) {
            Some(pool) => pool.kill_one().await,
            None => false,
        }
    }

    /// Kills one environment of a function with SIGKILL, whatever it is doing, and waits until it is gone.
    ///
    /// `choice` picks it: the environments are counted in the order of their starts, modulo their number, so
    /// that a random number makes a random choice. Returns what it was doing when the signal was sent; an
    /// invocation that it had then ends as `Runtime.ExitError`, unless its answer was on its way. Returns
    /// none when the function has no environment or does not exist, or the process ended by itself.
    pub async fn kill_chosen(&self, name: &str, choice: u64) -> Option<KilledWhile> {
        self.pools.get(name)?.kill_chosen(choice).await
    }

    /// Returns what each function has done so far.
    #[must_use]
    pub fn stats(&self) -> BTreeMap<String, FunctionStats> {
        self.pools
            .iter()
            .map(|(name, pool)| (name.clone(), pool.stats()))
            .collect()
    }

    /// Kills every environment, waits until all are gone and stops both APIs; all of it within seconds.
    ///
    /// Invocations under way end with [`InvokeError::Stopped`].
    pub async fn shutdown(self) {
        self.serving.stop();
        self.registry.until_empty().await;
        self.serving.shutdown().await;
    }
}

fn checked(functions: Vec<Function>) -> Result<BTreeMap<String, Function>, LambdaError> {
    let mut by_name = BTreeMap::new();
    for function in functions {
        let name = function.name.clone();
        if let Err(source) = function.check() {
            return Err(LambdaError::Function { name, source });
        }
        if by_name.insert(name.clone(), function).is_some() {
            return Err(LambdaError::Duplicate { name });
        }
    }
    Ok(by_name)
}

fn pool_of<'pools>(pools: &'pools Pools, name: &str) -> Result<&'pools Arc<Pool>, InvokeError> {
    pools.get(name).ok_or_else(|| InvokeError::UnknownFunction {
        name: name.to_owned(),
    })
}
