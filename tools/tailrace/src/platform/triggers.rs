//! What starts functions by itself, apart from topics and requests: streams of tables, and schedules.
//!
//! Each table stream of the catalogue gets a mapping of its own, as the infrastructure code makes them: inserted
//! items only, partial batch responses, endless retries from the oldest record on.

use std::time::Duration;

use esm_emulator::{Fault, FaultPlan};
use event_schema::catalogue::FunctionSpec;
use local_platform::stream::{StillBusy, StreamFault, StreamFaults};
use local_platform::{
    InvokeError, LocalLambda, Schedule, ScheduleError, StreamConfig, StreamMapping,
    StreamMappingError, StreamSource,
};

/// Why a trigger could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TriggersError {
    #[error("the stream of table {table} could not be mapped to {function}")]
    Stream {
        table: &'static str,
        function: &'static str,
        source: StreamMappingError,
    },
    #[error("the schedule of {function} could not be made")]
    Schedule {
        function: &'static str,
        source: ScheduleError,
    },
    #[error("a trigger has no function")]
    Function(#[from] InvokeError),
}

/// The stream of one table, mapped to one function.
#[derive(Debug)]
pub(crate) struct StreamTrigger {
    pub(crate) table: &'static str,
    pub(crate) function: &'static str,
    mapping: StreamMapping,
}

/// A function that is invoked every so many seconds.
#[derive(Debug)]
pub(crate) struct ScheduleTrigger {
    pub(crate) function: &'static str,
    pub(crate) seconds: u32,
    schedule: Schedule,
}

/// The running triggers.
#[derive(Debug)]
pub(crate) struct Triggers {
    pub(crate) streams: Vec<StreamTrigger>,
    pub(crate) schedules: Vec<ScheduleTrigger>,
}

/// What the triggers are between.
pub(crate) struct Surroundings<'a> {
    pub(crate) dynamodb: &'a str,
    pub(crate) table_prefix: &'a str,
    pub(crate) lambda: &'a LocalLambda,
    pub(crate) faults: &'a FaultPlan,
}

impl Triggers {
    /// Starts what the catalogue says of these functions; their tables are there.
    pub(crate) async fn start(
        functions: &[&'static FunctionSpec],
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, TriggersError> {
        let mut triggers = Self {
            streams: Vec::new(),
            schedules: Vec::new(),
        };
        for spec in functions {
            let function = spec.name;
            for table in spec.streams {
                let mapping = start_stream(function, table, surroundings).await?;
                triggers.streams.push(StreamTrigger {
                    table,
                    function,
                    mapping,
                });
            }
            if let Some(seconds) = spec.schedule_seconds {
                let period = Duration::from_secs(seconds.into());
                let invoker = surroundings.lambda.invoker(function)?;
                let schedule = Schedule::start(function, period, invoker);
                let schedule =
                    schedule.map_err(|source| TriggersError::Schedule { function, source })?;
                triggers.schedules.push(ScheduleTrigger {
                    function,
                    seconds,
                    schedule,
                });
            }
        }
        Ok(triggers)
    }

    /// Waits until the streams are done with what was written before the call.
    ///
    /// # Errors
    /// [`StillBusy`] if that takes longer than `limit` for one of them.
    pub(crate) async fn wait_until_idle(&self, limit: Duration) -> Result<(), StillBusy> {
        for stream in &self.streams {
            stream.mapping.wait_until_idle(limit).await?;
        }
        Ok(())
    }

    /// Stops all; each has `in_flight` for what it has begun.
    pub(crate) async fn shutdown(self, in_flight: Duration) {
        for one in self.schedules {
            one.schedule.shutdown(in_flight).await;
        }
        for one in self.streams {
            let metrics = one.mapping.metrics();
            tracing::debug!(
                table = one.table,
                function = one.function,
                ?metrics,
                "a stream stops"
            );
            one.mapping.shutdown(in_flight).await;
        }
    }
}

async fn start_stream(
    function: &'static str,
    table: &'static str,
    surroundings: &Surroundings<'_>,
) -> Result<StreamMapping, TriggersError> {
    let physical = format!("{}{table}", surroundings.table_prefix);
    let source = StreamSource::local(surroundings.dynamodb, physical);
    let invoker = surroundings.lambda.invoker(function)?;
    let config = StreamConfig {
        faults: faults(surroundings.faults.clone()),
        ..StreamConfig::default()
    };
    let mapping = StreamMapping::start(source, invoker, config).await;
    mapping.map_err(|source| TriggersError::Stream {
        table,
        function,
        source,
    })
}

/// The faults of a plan that a stream has too, by the numbers of its own invocations.
fn faults(plan: FaultPlan) -> StreamFaults {
    StreamFaults::chosen_by(move |invocation| of_stream(&plan, invocation))
}

fn of_stream(plan: &FaultPlan, invocation: u64) -> Option<StreamFault> {
    match plan.at(invocation)? {
        Fault::DuplicateBatch => Some(StreamFault::DuplicateBatch),
        // A poller that dies before it has noted its progress has lost the answer.
        Fault::Timeout | Fault::KillBeforeCommit => Some(StreamFault::LoseAnswer),
        Fault::Throttle | Fault::Rebalance => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use aws_adapters::tables::create_tables;
    use aws_sdk_dynamodb::types::AttributeValue;
    use event_schema::Deduplication;
    use local_platform::dynamodb::Storage;
    use local_platform::{Function, LocalDynamoDb};

    use super::super::resources::dynamodb_client;
    use super::*;

    const PREFIX: &str = "test-";
    const FOLLOWER: FunctionSpec = FunctionSpec {
        streams: &["outbox"],
        schedule_seconds: Some(3_600),
        ..FunctionSpec::reading("follower", &[], Deduplication::Position)
    };

    /// The function has no binary: each invocation fails, which shows that there was one.
    #[tokio::test]
    async fn a_function_of_a_stream_and_a_schedule_gets_both_and_the_stream_is_of_the_prefixed_table()
     {
        let server = LocalDynamoDb::start(0, Storage::Memory).await.unwrap();
        let client = dynamodb_client(&server.endpoint());
        create_tables(&client, PREFIX).await.unwrap();
        let functions = vec![Function::new(FOLLOWER.name, "no-such-binary")];
        let lambda = LocalLambda::start(0, functions).await.unwrap();
        let surroundings = Surroundings {
            dynamodb: &server.endpoint(),
            table_prefix: PREFIX,
            lambda: &lambda,
            faults: &FaultPlan::default(),
        };
        let triggers = Triggers::start(&[&FOLLOWER], &surroundings).await.unwrap();
        let schedules: Vec<_> = triggers.schedules.iter().map(|one| one.seconds).collect();
        assert_eq!(schedules, [3_600]);
        let limit = Duration::from_secs(30);
        triggers.wait_until_idle(limit).await.unwrap();
        let put = client.put_item().table_name(format!("{PREFIX}outbox"));
        let put = put.item("pk", AttributeValue::S("lane".to_owned()));
        let put = put.item("sk", AttributeValue::S("row".to_owned()));
        put.send().await.unwrap();
        let delivered = async {
            while triggers.streams[0].mapping.metrics().invocations_failed == 0 {
                let soon = Duration::from_millis(50);
                triggers.wait_until_idle(soon).await.unwrap_err();
            }
        };
        tokio::time::timeout(limit, delivered).await.unwrap();
        triggers.shutdown(limit).await;
        lambda.shutdown().await;
        server.shutdown().await;
    }

    #[test]
    fn a_plan_gives_a_stream_the_faults_that_it_has_too() {
        let plan = FaultPlan::planned([
            (1, Fault::DuplicateBatch),
            (2, Fault::KillBeforeCommit),
            (3, Fault::Timeout),
            (4, Fault::Rebalance),
            (5, Fault::Throttle),
        ]);
        let stream: Vec<_> = (1..=6).map(|number| of_stream(&plan, number)).collect();
        let lost = Some(StreamFault::LoseAnswer);
        let twice = Some(StreamFault::DuplicateBatch);
        assert_eq!(stream, [twice, lost, lost, None, None, None]);
    }
}
