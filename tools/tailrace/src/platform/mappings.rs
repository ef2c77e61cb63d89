//! One emulated event source mapping for each function and event of the catalogue.
//!
//! They are what the infrastructure code gives AWS, from the same catalogue: provisioned, with partial batch responses,
//! bisection, bounded retries and an on-failure queue. Only the window is the emulator's own half second, as whoever
//! looks on does not want to wait. Each runs as its own task until all are stopped together.

use std::collections::BTreeMap;
use std::time::Duration;

use esm_emulator::{
    ConfigError, FaultPlan, HttpInvoke, InvokeError, KafkaSource, Mapping, MappingConfig,
    MappingError, MappingHandle, Metrics, OnFailureError, ProvisionedPollers, SourceError,
    SqsOnFailure, Switches,
};
use event_schema::catalogue::{FunctionSpec, MAPPING, Subscription};
use local_platform::{ACCOUNT_ID, REGION};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Endpoints;

/// The one poller that the emulator has for each mapping.
const POLLERS: i64 = 1;
/// Seconds that a mapping has for its last commit, when nothing is in flight any more.
const LAST_COMMIT_SECONDS_MAX: u64 = 15;

/// What the mappings are between.
pub(crate) struct Surroundings<'a> {
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) invoke_endpoint: &'a str,
    /// How long a mapping waits for one invocation.
    pub(crate) invoke_limit: Duration,
    pub(crate) queue_arn: &'a str,
    pub(crate) faults: &'a FaultPlan,
}

/// One mapping, for looking only.
#[derive(Debug, Clone)]
pub(crate) struct MappingView {
    pub(crate) function: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) partitions: u32,
    pub(crate) group: String,
    pub(crate) handle: MappingHandle,
}

/// Why a mapping could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MappingSetupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the consumer of a topic could not be made")]
    Source(#[from] SourceError),
    #[error("the Invoke API cannot be used")]
    Invoke(#[from] InvokeError),
    #[error("the on-failure destination cannot be used")]
    OnFailure(#[from] OnFailureError),
}

/// A mapping that ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MappingEnded {
    #[error("the mapping of group {group} gave up")]
    Failed { group: String, source: MappingError },
    #[error("the mapping of group {group} ended by itself")]
    Early { group: String },
    #[error("a mapping broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
    #[error("there are no mappings")]
    None,
}

type Ended = (String, Result<Metrics, MappingError>);

/// The running mappings.
#[derive(Debug)]
pub(crate) struct Mappings {
    views: Vec<MappingView>,
    running: JoinSet<Ended>,
    stop: watch::Sender<bool>,
}

impl Mappings {
    /// Starts a mapping for each subscription of each function.
    pub(crate) fn start(
        functions: &[&'static FunctionSpec],
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, MappingSetupError> {
        let mut mappings = Self {
            views: Vec::new(),
            running: JoinSet::new(),
            stop: watch::Sender::new(false),
        };
        for function in functions {
            for subscription in function.subscriptions() {
                mappings.start_one(function, subscription, surroundings)?;
            }
        }
        Ok(mappings)
    }

    fn start_one(
        &mut self,
        function: &FunctionSpec,
        subscription: Subscription,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), MappingSetupError> {
        let config = config(function, &subscription, surroundings.queue_arn);
        let switches = Switches {
            faults: surroundings.faults.clone(),
            ..Switches::default()
        };
        let endpoints = surroundings.endpoints;
        let mapping = Mapping::new(
            &config,
            switches,
            KafkaSource::new(&endpoints.kafka, &config, &BTreeMap::new())?,
            HttpInvoke::new(surroundings.invoke_endpoint, surroundings.invoke_limit)?,
            SqsOnFailure::new(&endpoints.sqs)?,
        )?;
        let Subscription { event, group } = subscription;
        self.views.push(MappingView {
            function: function.name,
            topic: event.topic,
            partitions: event.partitions,
            group: group.clone(),
            handle: mapping.handle(),
        });
        let mut stop = self.stop.subscribe();
        self.running.spawn(async move {
            let stopped = async move { stop.wait_for(|stop| *stop).await.is_ok() };
            (group, mapping.run(stopped).await)
        });
        Ok(())
    }

    pub(crate) fn views(&self) -> &[MappingView] {
        &self.views
    }

    /// Waits until a mapping ends although nobody stopped it; functions that read no events have none to end.
    pub(crate) async fn ended(&mut self) -> MappingEnded {
        if self.views.is_empty() {
            std::future::pending::<()>().await;
        }
        match self.running.join_next().await {
            Some(Ok((group, Err(source)))) => MappingEnded::Failed { group, source },
            Some(Ok((group, Ok(_)))) => MappingEnded::Early { group },
            Some(Err(error)) => MappingEnded::BrokeOff(error),
            None => MappingEnded::None,
        }
    }

    /// Stops all; each has `in_flight` for what it has begun, and a little for its last commit.
    pub(crate) async fn shutdown(mut self, in_flight: Duration) {
        self.stop.send_replace(true);
        let limit = in_flight + Duration::from_secs(LAST_COMMIT_SECONDS_MAX);
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                match ended {
                    Ok((_, Ok(_))) => {}
                    Ok((group, Err(error))) => {
                        tracing::warn!(group, %error, "a mapping did not end well");
                    }
                    Err(error) => tracing::warn!(%error, "a mapping broke off"),
                }
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("a mapping did not end in time; its records come again");
        }
    }
}

fn config(function: &FunctionSpec, subscription: &Subscription, queue_arn: &str) -> MappingConfig {
    let cluster = format!("arn:aws:kafka:{REGION}:{ACCOUNT_ID}:cluster/tailrace/local");
    MappingConfig {
        consumer_group_id: Some(subscription.group.clone()),
        on_failure_destination: Some(queue_arn.to_owned()),
        provisioned_pollers: Some(ProvisionedPollers {
            minimum_pollers: Some(POLLERS),
            maximum_pollers: Some(POLLERS),
            poller_group_name: None,
        }),
        batch_size: function.batch_records_max.into(),
        maximum_retry_attempts: MAPPING.retry_attempts_max.into(),
        bisect_batch_on_function_error: MAPPING.bisect_batch_on_function_error,
        report_batch_item_failures: MAPPING.report_batch_item_failures,
        ..MappingConfig::new(cluster, function.name, subscription.event.topic)
    }
}

#[cfg(test)]
mod tests {
    use event_schema::catalogue::FUNCTIONS;

    use super::*;

    #[test]
    fn without_mappings_none_ends() {
        let mut mappings = Mappings {
            views: Vec::new(),
            running: JoinSet::new(),
            stop: watch::Sender::new(false),
        };
        let mut ended = std::pin::pin!(mappings.ended());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(ended.as_mut().poll(&mut context).is_pending());
    }

    #[test]
    fn the_mapping_of_every_subscription_is_valid_and_reports_items() {
        let queue = format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:dead-letters");
        for function in FUNCTIONS {
            for subscription in function.subscriptions() {
                let config = config(function, &subscription, &queue);
                assert_eq!(config.validate(), Ok(()));
                assert!(config.report_batch_item_failures);
                assert_eq!(config.group_id(), subscription.group);
                assert_eq!(config.batch_size, i64::from(function.batch_records_max));
            }
        }
    }
}
