//! `tailrace dev`: the system until Ctrl-C, with the commands to try it out.
//!
//! It sends nothing by itself.

use std::collections::BTreeSet;
use std::io;

use esm_emulator::FaultPlan;
use local_platform::REGION;
use tracing_subscriber::util::TryInitError;

use crate::cli::{DevArgs, NotEmbeddedError};
use crate::logs::Logs;
use crate::platform::{MappingEnded, Platform, PlatformError, Settings};
use crate::screen::Screen;
use crate::signals::StopSignals;
use crate::text::Table;

/// The dead-letter queue of a local system.
const QUEUE_NAME: &str = "tailrace-dead-letters";

/// Why the system did not start or did not last.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error(transparent)]
    NotEmbedded(#[from] NotEmbeddedError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the log could not be started")]
    Logging(#[source] TryInitError),
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
    #[error("the system stopped")]
    Ended(#[from] MappingEnded),
}

/// Runs the system until Ctrl-C or SIGTERM.
pub(crate) async fn run(args: &DevArgs, screen: &mut Screen) -> Result<(), DevError> {
    let logs = Logs::to_terminal(args.metrics);
    let settings = settings(args, logs.clone())?;
    logs.install().map_err(DevError::Logging)?;
    let mut signals = StopSignals::take().map_err(DevError::Signals)?;
    let mut platform = Platform::start(&settings).await?;
    let shown = screen.line(&banner(&platform));
    let ended = tokio::select! {
        () = signals.received() => Ok(()),
        ended = platform.mapping_ended() => Err(DevError::Ended(ended)),
    };
    let said = screen.line("\nStopping: what is in flight is finished first.");
    platform.shutdown().await;
    ended?;
    shown?;
    said?;
    screen.line("Stopped.")?;
    Ok(())
}

fn settings(args: &DevArgs, logs: Logs) -> Result<Settings, NotEmbeddedError> {
    Ok(Settings {
        functions: args.functions(),
        functions_dir: args.servers.functions_dir.clone(),
        kafka: args.servers.kafka(),
        dynamodb: args.dynamodb()?,
        sqs: args.sqs()?,
        s3: args.servers.s3(),
        lambda_port: args.lambda_port,
        http_port: args.http_port,
        table_prefix: String::new(),
        queue_name: QUEUE_NAME.to_owned(),
        partners: (!args.no_partners).then(BTreeSet::new),
        faults: FaultPlan::default(),
        logs,
        log_format: "Text",
    })
}

/// What is running where, and what can be done with it.
fn banner(platform: &Platform) -> String {
    let endpoints = platform.endpoints();
    let mut servers = Table::new(&[true, true]);
    servers.row(["Kafka", &endpoints.kafka]);
    servers.row(["DynamoDB", &endpoints.dynamodb]);
    servers.row(["SQS", &platform.resources().queue_url]);
    servers.row(["S3", &platform.endpoints().s3]);
    servers.row(["Lambda", &platform.lambda().endpoint()]);
    for (function, front) in platform.fronts() {
        servers.row([function.name, &front.url()]);
    }
    let mut mappings = Table::new(&[true, true, true, false, true]);
    for view in platform.mappings() {
        let partitions = view.partitions.to_string();
        mappings.row([
            view.topic,
            "→",
            view.function,
            partitions.as_str(),
            &format!("partitions, group {}", view.group),
        ]);
    }
    for stream in &platform.triggers().streams {
        let from = format!("stream of {}", stream.table);
        mappings.row([from.as_str(), "→", stream.function, "", "inserted items"]);
    }
    for schedule in &platform.triggers().schedules {
        let seconds = schedule.seconds.to_string();
        mappings.row([
            "schedule",
            "→",
            schedule.function,
            seconds.as_str(),
            "s between invocations",
        ]);
    }
    format!(
        "Tailrace is up. Ctrl-C stops it.\n\n{}\n\n{}\n\nTo try it out, from another terminal:\n\n{}\n",
        servers.lay_out(),
        mappings.lay_out(),
        commands(platform)
    )
}

/// Commands that need nothing but `curl` (7.75 or newer), and `kcat` for Kafka.
fn commands(platform: &Platform) -> String {
    let endpoints = platform.endpoints();
    let call = |server: &str, service: &str, target: &str, body: &str| {
        format!(
            "curl -s {server} --user local:local --aws-sigv4 aws:amz:{REGION}:{service} \\\n    \
             -H 'content-type: application/x-amz-json-1.0' -H 'x-amz-target: {target}' \\\n    -d '{body}'"
        )
    };
    let on_sale = r#"{"TableName":"products","Item":{"pk":{"S":"p-1"},"sk":{"S":"-"},"product_id":{"S":"p-1"},"available":{"N":"10"}}}"#;
    let order = r#"{"event_id":"e-1","event_type":"order.created","schema_version":"1.0","order_id":"o-1","user_id":"u-1","items":[{"product_id":"p-1","quantity":2}]}"#;
    let new_order = r#"{"user_id":"u-1","items":[{"product_id":"p-1","quantity":2}]}"#;
    let orders = r#"{"TableName":"orders"}"#;
    let letters = format!(
        r#"{{"QueueUrl":"{}","MaxNumberOfMessages":10,"VisibilityTimeout":0}}"#,
        platform.resources().queue_url
    );
    let dynamodb = |action: &str, body: &str| {
        let target = format!("DynamoDB_20120810.{action}");
        call(&endpoints.dynamodb, "dynamodb", &target, body)
    };
    let receive = call(&endpoints.sqs, "sqs", "AmazonSQS.ReceiveMessage", &letters);
    let send = format!(
        "echo 'o-1:{order}' \\\n    | kcat -P -b {} -t order.order.created -K:",
        endpoints.kafka
    );
    let invoke = format!(
        "curl -s {} -d @events/order-created/single.json",
        platform.lambda().url("order-created")
    );
    let place = platform.fronts().iter().filter_map(|(function, front)| {
        let place = function.http.iter().find(|route| route.method == "POST")?;
        let command = format!(
            "curl -si -X POST {}{} -H 'content-type: application/json' \\\n    \
             -H 'idempotency-key: k-1' -d '{new_order}'",
            front.url(),
            place.path
        );
        Some(("order it, over HTTP", command))
    });
    let all = [
        ("put a product on sale", dynamodb("PutItem", on_sale)),
        ("order it, through Kafka", send),
        ("see the orders", dynamodb("Scan", orders)),
        ("see the dead letters", receive),
        ("invoke a function without Kafka", invoke),
    ];
    let all = all.into_iter().chain(place);
    let all = all.map(|(what, command)| format!("  # {what}\n  {command}"));
    all.collect::<Vec<_>>().join("\n\n")
}
