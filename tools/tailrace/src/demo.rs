//! `tailrace demo`: all of the business through the whole system, and the proof that the books balance.
//!
//! Read [`tell`]: it is the demo from its plan to its last line. Nothing that is shown at the end was counted on
//! the way; [`books`] reads it back, [`areas`] replays what lies in Kafka and compares.

mod areas;
mod books;
mod checks;
mod evidence;
mod plan;
mod produce;
mod random;
mod summary;
mod waiting;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use esm_emulator::{Fault, FaultPlan};
use event_schema::Timestamp;
use event_schema::catalogue::FUNCTIONS;
use local_platform::dynamodb::Storage;
use tracing_subscriber::util::TryInitError;

use crate::cli::DemoArgs;
use crate::logs::Logs;
use crate::platform::{DynamoDbOptions, MappingEnded, Platform, PlatformError, Settings};
use crate::screen::{self, Screen};
use crate::signals::StopSignals;
use crate::text::{Table, counted, grouped};

use books::{Books, BooksError, TablesError};
use evidence::Evidence;
use plan::{Plan, PlanError, Recipe};
use produce::{ProduceError, Progress, Sender, Sent};
use waiting::WaitError;

/// The invocation of each mapping whose batch is delivered a second time. Even the smallest demo has this one and the next.
const DUPLICATED_INVOCATION: u64 = 1;
/// The invocation of each mapping before whose commit the poller dies, so that all that is uncommitted is read again.
const KILLED_INVOCATION: u64 = 3;

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the log file {} cannot be written", path.display())]
    LogFile { path: PathBuf, source: io::Error },
    #[error("the log could not be started")]
    Logging(#[source] TryInitError),
    #[error("the orders could not be drawn")]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    Products(#[from] TablesError),
    #[error("not all records could be sent")]
    Produce(#[from] ProduceError),
    #[error("the records were not finished; see the log {}", log.display())]
    Wait {
        log: PathBuf,
        source: Box<WaitError>,
    },
    #[error("the system stopped")]
    Ended(#[from] MappingEnded),
    #[error("what happened could not be read back")]
    Books(#[from] BooksError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
    #[error("{failed} of {all} checks failed: the books do not balance; see the log {}", log.display())]
    Checks {
        failed: usize,
        all: usize,
        log: PathBuf,
    },
    #[error("interrupted")]
    Interrupted,
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

/// Runs the demo.
///
/// # Errors
/// [`DemoError`]; above all when a check fails.
pub(crate) async fn run(args: &DemoArgs, screen: &mut Screen) -> Result<(), DemoError> {
    let started = Instant::now();
    let starts_at = now();
    let recipe = Recipe {
        seed: args.seed,
        orders: args.orders,
        starts_at,
    };
    let plan = Plan::new(&recipe)?;
    let logs = Logs::to_file(&args.log).map_err(|source| DemoError::LogFile {
        path: args.log.clone(),
        source,
    })?;
    logs.install().map_err(DemoError::Logging)?;
    let mut signals = StopSignals::take().map_err(DemoError::Signals)?;
    let mut platform = Platform::start(&settings(args, &plan, logs, starts_at)).await?;
    let told = tokio::select! {
        told = tell(args, &plan, &platform, screen, started) => told,
        () = signals.received() => Err(DemoError::Interrupted),
    };
    let told = match told {
        // Only the mapping itself knows why it is gone.
        Err(DemoError::Wait { source, .. }) if source.is_a_mapping_gone() => {
            Err(platform.mapping_ended().await.into())
        }
        told => told,
    };
    platform.shutdown().await;
    told
}

/// The demo on a running platform.
async fn tell(
    args: &DemoArgs,
    plan: &Plan,
    platform: &Platform,
    screen: &mut Screen,
    started: Instant,
) -> Result<(), DemoError> {
    screen.line(&opening(args, plan, platform))?;
    books::seed(platform.resources(), plan).await?;
    let first_sent = Instant::now();
    let sent = send(plan, platform, screen).await?;
    let waited = waiting::until_idle(platform, sent.len(), screen).await;
    waited.map_err(|source| DemoError::Wait {
        log: args.log.clone(),
        source: Box::new(source),
    })?;
    let took = first_sent.elapsed();
    screen.progress("reading the books back …")?;
    let endpoints = platform.endpoints();
    let books = Books::read(platform.resources(), endpoints, platform.mappings()).await?;
    let mappings = platform.mappings().iter();
    let evidence = Evidence {
        plan,
        sent: &sent,
        books: &books,
        delivered: mappings
            .map(|mapping| mapping.handle.metrics().invoked_event_count)
            .sum(),
    };
    let checks = areas::checks(&evidence);
    summary::show(&evidence, &checks, screen)?;
    let failed = checks
        .iter()
        .filter(|check| check.problem.is_some())
        .count();
    screen.line(&closing(sent.len(), took, started.elapsed(), args))?;
    if failed > 0 {
        return Err(DemoError::Checks {
            failed,
            all: checks.len(),
            log: args.log.clone(),
        });
    }
    let all = counted(checks.len());
    screen.line(&format!("All {all} checks hold: the books balance."))?;
    Ok(())
}

async fn send(
    plan: &Plan,
    platform: &Platform,
    screen: &mut Screen,
) -> Result<Vec<Sent>, DemoError> {
    let mut sender = Sender::new(&platform.endpoints().kafka, plan)?;
    let mut progress = screen::Steps::new("sent", plan.records.len());
    loop {
        match sender.send_some().await? {
            Progress::Partly(rest) => {
                progress.show(rest.count(), screen)?;
                sender = rest;
            }
            Progress::Done(sent) => {
                progress.show(sent.len(), screen)?;
                return Ok(sent);
            }
        }
    }
}

fn settings(args: &DemoArgs, plan: &Plan, logs: Logs, starts_at: Timestamp) -> Settings {
    // Real servers may remember an earlier demo, so each has tables and a queue of its own.
    let name = format!("demo-{}", starts_at.as_ms());
    let faults = [
        (DUPLICATED_INVOCATION, Fault::DuplicateBatch),
        (KILLED_INVOCATION, Fault::KillBeforeCommit),
    ];
    Settings {
        functions: FUNCTIONS.iter().collect(),
        functions_dir: args.servers.functions_dir.clone(),
        kafka: args.servers.kafka(),
        dynamodb: args.servers.dynamodb(DynamoDbOptions {
            port: 0,
            storage: Storage::Memory,
        }),
        sqs: args.servers.sqs(0),
        s3: args.servers.s3(),
        lambda_port: 0,
        http_port: 0,
        table_prefix: format!("{name}-"),
        queue_name: format!("{name}-dead-letters"),
        partners: Some(plan.paid_early()),
        faults: FaultPlan::planned(faults),
        logs,
        log_format: "JSON",
    }
}

fn opening(args: &DemoArgs, plan: &Plan, platform: &Platform) -> String {
    let endpoints = platform.endpoints();
    let mut servers = Table::new(&[true, true]);
    servers.row(["Kafka", &endpoints.kafka]);
    servers.row(["DynamoDB", &endpoints.dynamodb]);
    servers.row(["SQS", &endpoints.sqs]);
    servers.row(["S3", &endpoints.s3]);
    servers.row(["Lambda", &platform.lambda().endpoint()]);
    servers.row(["log", &args.log.display().to_string()]);
    format!(
        "Tailrace demo: {} orders and {} other events from seed {}, through {} functions and {} mappings.\n\
         On purpose, each mapping delivers a batch twice and loses its poller before a commit.\n\n{}\n",
        grouped(args.orders),
        counted(plan.records.len().saturating_sub(plan.orders.len())),
        args.seed,
        counted(FUNCTIONS.len()),
        counted(platform.mappings().len()),
        servers.lay_out()
    )
}

fn closing(records: usize, took: Duration, in_all: Duration, args: &DemoArgs) -> String {
    let seconds = took.as_secs_f64();
    let whole = u32::try_from(records).unwrap_or(u32::MAX);
    let rate = f64::from(whole) / seconds.max(0.001);
    format!(
        "\n{} records in {seconds:.1} s ({rate:.0} records/s), {:.1} s in all. Log: {}",
        counted(records),
        in_all.as_secs_f64(),
        args.log.display()
    )
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is as good as none; the time only marks the orders.
    let ms = since_1970.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(0));
    Timestamp::from_ms(ms)
}
