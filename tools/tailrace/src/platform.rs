//! The whole system on this machine, for `dev` and `demo` alike: servers, tables, queue, functions, mappings.
//!
//! [`Platform::start`] is the order in which it comes up; [`Platform::shutdown`] takes it down the other way
//! round. It sends nothing and judges nothing: it only runs.

mod binaries;
mod mappings;
mod resources;
mod servers;
mod topics;
mod triggers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use esm_emulator::FaultPlan;
use event_schema::OrderId;
use event_schema::catalogue::FunctionSpec;
use local_platform::lambda::LambdaOptions;
use local_platform::{Function, HttpFront, HttpFrontError, LambdaError, LocalLambda};

use crate::logs::Logs;
use crate::partners::{Partners, PartnersError};

pub(crate) use binaries::MissingFunctionsError;
pub(crate) use mappings::{MappingEnded, MappingView};
pub(crate) use resources::Resources;
pub(crate) use servers::{DynamoDbOptions, Endpoints, Server};

use mappings::{MappingSetupError, Mappings};
use resources::ResourcesError;
use servers::{Servers, ServersError};
use topics::TopicsError;
use triggers::{Triggers, TriggersError};

/// Seconds that one invocation may take.
const FUNCTION_SECONDS_MAX: u64 = 30;
/// Seconds by which a mapping waits longer, so that Lambda reports the timeout and not the mapping.
const INVOKE_GRACE_SECONDS: u64 = 5;
/// The memory that functions are told they have.
const FUNCTION_MEMORY_MB: u32 = 512;

/// What the platform consists of.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The functions that run.
    pub(crate) functions: Vec<&'static FunctionSpec>,
    /// Where their binaries are; beside this program if not said.
    pub(crate) functions_dir: Option<PathBuf>,
    pub(crate) kafka: Server<()>,
    pub(crate) dynamodb: Server<DynamoDbOptions>,
    /// The port of an embedded one.
    pub(crate) sqs: Server<u16>,
    pub(crate) s3: Server<()>,
    pub(crate) lambda_port: u16,
    /// The port of the first function that answers requests; the next ones follow it, and 0 picks free ones.
    pub(crate) http_port: u16,
    /// Stands before every table name.
    pub(crate) table_prefix: String,
    /// The dead-letter queue.
    pub(crate) queue_name: String,
    /// The orders that the partners leave alone; none without partners.
    pub(crate) partners: Option<BTreeSet<OrderId>>,
    /// What the mappings do wrong on purpose.
    pub(crate) faults: FaultPlan,
    pub(crate) logs: Logs,
    /// `AWS_LAMBDA_LOG_FORMAT` of the functions.
    pub(crate) log_format: &'static str,
}

/// Why the platform did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlatformError {
    #[error(transparent)]
    MissingFunctions(#[from] MissingFunctionsError),
    #[error("a server did not start")]
    Servers(#[from] ServersError),
    #[error("the topics could not be made")]
    Topics(#[from] TopicsError),
    #[error("the tables, the queue and the bucket could not be made")]
    Resources(#[from] ResourcesError),
    #[error("the local Lambda did not start; --lambda-port chooses another port, 0 a free one")]
    Lambda(#[source] LambdaError),
    #[error(
        "the HTTP front of {function} did not start; --http-port chooses another port, 0 a free one"
    )]
    Http {
        function: &'static str,
        source: HttpFrontError,
    },
    #[error("the event source mappings could not be made")]
    Mappings(#[from] MappingSetupError),
    #[error("a stream or a schedule could not be set up")]
    Triggers(#[from] TriggersError),
    #[error("the payment provider and the carrier could not be set up")]
    Partners(#[from] PartnersError),
}

/// The running system; to be shut down, so that functions end and a file of tables is complete.
#[derive(Debug)]
pub(crate) struct Platform {
    mappings: Mappings,
    triggers: Triggers,
    partners: Option<Partners>,
    fronts: Vec<(&'static FunctionSpec, HttpFront)>,
    lambda: LocalLambda,
    resources: Resources,
    servers: Servers,
}

impl Platform {
    /// Starts everything; when this returns, records are read and functions are invoked.
    ///
    /// # Errors
    /// [`PlatformError`]; what had started by then is stopped by being dropped.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, PlatformError> {
        let folder = settings.functions_dir.as_deref();
        let binaries = binaries::find(&settings.functions, folder)?;
        let servers = Servers::start(settings).await?;
        let endpoints = &servers.endpoints;
        if !servers.has_embedded_kafka() {
            topics::create_missing(&endpoints.kafka).await?;
        }
        let resources = Resources::create(endpoints, settings).await?;
        let functions = binaries.into_iter().map(|(name, binary)| Function {
            timeout: Duration::from_secs(FUNCTION_SECONDS_MAX),
            memory_mb: FUNCTION_MEMORY_MB,
            environment: resources.environment(endpoints, settings.log_format),
            ..Function::new(name, binary)
        });
        let options = LambdaOptions {
            logs: settings.logs.functions(),
            ..LambdaOptions::default()
        };
        let lambda =
            LocalLambda::start_with(settings.lambda_port, functions.collect(), options).await;
        let lambda = lambda.map_err(PlatformError::Lambda)?;
        let fronts = start_fronts(settings, &lambda).await?;
        let surroundings = mappings::Surroundings {
            endpoints,
            invoke_endpoint: &lambda.endpoint(),
            invoke_limit: Duration::from_secs(FUNCTION_SECONDS_MAX + INVOKE_GRACE_SECONDS),
            queue_arn: &resources.queue_arn,
            faults: &settings.faults,
        };
        let mappings = Mappings::start(&settings.functions, &surroundings)?;
        let surroundings = triggers::Surroundings {
            dynamodb: &endpoints.dynamodb,
            table_prefix: &settings.table_prefix,
            lambda: &lambda,
            faults: &settings.faults,
        };
        let triggers = Triggers::start(&settings.functions, &surroundings).await?;
        let partners = match &settings.partners {
            Some(paid_otherwise) => {
                Some(Partners::start(&endpoints.kafka, paid_otherwise.clone()).await?)
            }
            None => None,
        };
        Ok(Self {
            mappings,
            triggers,
            partners,
            fronts,
            lambda,
            resources,
            servers,
        })
    }

    /// Returns the functions that answer requests, with their fronts.
    pub(crate) fn fronts(&self) -> &[(&'static FunctionSpec, HttpFront)] {
        &self.fronts
    }

    /// Returns where the servers are.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.servers.endpoints
    }

    /// Returns the local Lambda.
    pub(crate) fn lambda(&self) -> &LocalLambda {
        &self.lambda
    }

    /// Returns the tables, the queue and the bucket.
    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Returns the mappings, for looking only.
    pub(crate) fn mappings(&self) -> &[MappingView] {
        self.mappings.views()
    }

    /// Returns what else starts functions, for looking and waiting only.
    pub(crate) fn triggers(&self) -> &Triggers {
        &self.triggers
    }

    /// Says whether the partners have answered all that they can hear of.
    pub(crate) async fn are_partners_done(&self) -> Result<bool, PartnersError> {
        match &self.partners {
            Some(partners) => partners.are_done().await,
            None => Ok(true),
        }
    }

    /// Waits until a mapping ends although nobody stopped it.
    pub(crate) async fn mapping_ended(&mut self) -> MappingEnded {
        self.mappings.ended().await
    }

    /// Takes everything down: mappings finish what is in flight, then functions and servers end.
    pub(crate) async fn shutdown(self) {
        let in_flight = Duration::from_secs(FUNCTION_SECONDS_MAX + INVOKE_GRACE_SECONDS);
        for (_, front) in self.fronts {
            front.shutdown().await;
        }
        if let Some(partners) = self.partners {
            partners.shutdown().await;
        }
        self.mappings.shutdown(in_flight).await;
        self.triggers.shutdown(in_flight).await;
        self.lambda.shutdown().await;
        self.servers.shutdown().await;
    }
}

/// Starts a front, as a function URL is, for each function that answers requests.
async fn start_fronts(
    settings: &Settings,
    lambda: &LocalLambda,
) -> Result<Vec<(&'static FunctionSpec, HttpFront)>, PlatformError> {
    let mut fronts = Vec::new();
    let mut port = settings.http_port;
    let answer_requests = settings.functions.iter().filter(|one| !one.http.is_empty());
    for function in answer_requests.copied() {
        let front = HttpFront::start(port, lambda, function.name).await;
        let failed = |source| PlatformError::Http {
            function: function.name,
            source,
        };
        fronts.push((function, front.map_err(failed)?));
        if port > 0 {
            port = port.saturating_add(1);
        }
    }
    Ok(fronts)
}
