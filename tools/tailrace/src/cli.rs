//! The command line: what can be asked for, and what is wrong with what was asked.
//!
//! A wrong argument ends with exit code 2 and says what would be right. Nothing is started here.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use event_schema::catalogue::{FUNCTIONS, FunctionSpec};
use local_platform::dynamodb::Storage;

use crate::error::CliError;
use crate::platform::{DynamoDbOptions, Server};
use crate::screen::Screen;
use crate::{demo, dev};

/// The fewest orders of a demo: below it, not every situation occurs.
const ORDERS_MIN: i64 = 100;
/// The most orders of a demo: above it, the embedded Kafka would drop records that are not read yet.
const ORDERS_MAX: i64 = 20_000;
/// The port of an embedded `DynamoDB`, which `DynamoDB` Local has, too.
const DYNAMODB_PORT: u16 = 8000;
/// The port of an embedded SQS, which `ElasticMQ` has, too.
const SQS_PORT: u16 = 9324;
/// What names a real Kafka, besides `--kafka`.
const KAFKA_VARIABLE: &str = "KAFKA_BOOTSTRAP_SERVERS";
/// What names a real `DynamoDB`, besides `--dynamodb`; functions know it, too.
const DYNAMODB_VARIABLE: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// What names a real SQS, besides `--sqs`; functions know it, too.
const SQS_VARIABLE: &str = "AWS_ENDPOINT_URL_SQS";
/// What names a real S3, besides `--s3`; functions know it, too.
const S3_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";
/// The heading of these options.
const REAL_SERVERS: &str = "Real servers";
/// The file that a `--data` folder holds.
const DYNAMODB_FILE: &str = "dynamodb.sqlite";

const EXAMPLES: &str = "\
Examples:
  tailrace demo                          the whole business through the whole system, and the proof
  tailrace demo --orders 5000 --seed 7   more of them, and other ones
  tailrace dev                           the system, until Ctrl-C
  tailrace dev --data .tailrace          the same, and its tables outlive it

The function binaries have to be built: cargo build --workspace --bins
Exit codes: 0 all is well, 1 something failed, 2 the command cannot be run as it is, 130 Ctrl-C ended a demo";

/// Kafka event processing on AWS Lambda, on your own machine: no AWS account, no Docker.
#[derive(Debug, Parser)]
#[command(name = "tailrace", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole system on this machine until Ctrl-C
    ///
    /// All servers are embedded; the functions are the binaries that are deployed. One emulated event source
    /// mapping reads each topic of each function.
    Dev(DevArgs),
    /// Plays the whole business on the whole system and checks that the books balance
    ///
    /// Orders, payments, coupons, concerts, balances, activity, metrics and errors go to Kafka, with duplicates, poison
    /// and a run on scarce products among them; the event source mappings misbehave on purpose. Then everything is
    /// read back and compared with a replay of what lies in Kafka, and any difference ends with exit code 1.
    Demo(DemoArgs),
}

/// The servers that can be real ones, and where the functions are.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the function binaries are; beside this program by default
    #[arg(long, value_name = "DIR")]
    pub(crate) functions_dir: Option<PathBuf>,
    /// A Kafka to use instead of the embedded one
    #[arg(long, value_name = "HOST:PORT", env = KAFKA_VARIABLE, value_parser = bootstrap_servers, help_heading = REAL_SERVERS)]
    kafka: Option<String>,
    #[arg(long, value_name = "URL", env = DYNAMODB_VARIABLE, value_parser = endpoint, help_heading = REAL_SERVERS)]
    #[arg(help = "A DynamoDB to use instead of the embedded one")]
    dynamodb: Option<String>,
    /// An SQS to use instead of the embedded one
    #[arg(long, value_name = "URL", env = SQS_VARIABLE, value_parser = endpoint, help_heading = REAL_SERVERS)]
    sqs: Option<String>,
    /// An S3 to use instead of the embedded one
    #[arg(long, value_name = "URL", env = S3_VARIABLE, value_parser = endpoint, help_heading = REAL_SERVERS)]
    s3: Option<String>,
}

/// The arguments of `dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Runs this function only; may be given several times
    #[arg(long = "function", value_name = "NAME", value_parser = PossibleValuesParser::new(FUNCTIONS.iter().map(|function| function.name)))]
    functions: Vec<String>,
    /// Shows the metrics that functions write, too
    #[arg(long)]
    pub(crate) metrics: bool,
    /// Leaves out the payment provider and the carrier, which otherwise pay for and deliver each placed order
    #[arg(long)]
    pub(crate) no_partners: bool,
    /// The port of Lambda's APIs; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 9001)]
    pub(crate) lambda_port: u16,
    /// The port of the first function that answers requests; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) http_port: u16,
    #[arg(long, value_name = "PORT")]
    #[arg(help = "The port of the embedded DynamoDB; 0 picks a free one [default: 8000]")]
    dynamodb_port: Option<u16>,
    /// The port of the embedded SQS; 0 picks a free one [default: 9324]
    #[arg(long, value_name = "PORT")]
    sqs_port: Option<u16>,
    #[arg(long, value_name = "DIR")]
    #[arg(help = "Keeps the embedded DynamoDB in a file of this folder; in memory by default")]
    data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) servers: ServerArgs,
}

/// An option of an embedded server, although a real one is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{option} is for the embedded server, but {at} is used instead: leave out {option}, or {flag} and {variable}"
)]
pub(crate) struct NotEmbeddedError {
    option: &'static str,
    at: String,
    flag: &'static str,
    variable: &'static str,
}

/// The arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many orders are placed, 100 to 20000
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(ORDERS_MIN..=ORDERS_MAX))]
    pub(crate) orders: u32,
    /// What the orders are drawn from; the same seed gives the same records
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the log of servers and functions goes
    #[arg(long, value_name = "FILE", default_value = "target/tailrace-demo.log")]
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) servers: ServerArgs,
}

/// Runs the command and says how it ended.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let mut screen = Screen::of_stdout();
    // The commands are large state machines: on the heap they are built once and never moved.
    let ended = match cli.command {
        Command::Dev(args) => Box::pin(dev::run(&args, &mut screen))
            .await
            .map_err(CliError::from),
        Command::Demo(args) => Box::pin(demo::run(&args, &mut screen))
            .await
            .map_err(CliError::from),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

impl ServerArgs {
    pub(crate) fn kafka(&self) -> Server<()> {
        server(self.kafka.as_deref(), ())
    }

    pub(crate) fn dynamodb(&self, embedded: DynamoDbOptions) -> Server<DynamoDbOptions> {
        server(self.dynamodb.as_deref(), embedded)
    }

    pub(crate) fn sqs(&self, port: u16) -> Server<u16> {
        server(self.sqs.as_deref(), port)
    }

    pub(crate) fn s3(&self) -> Server<()> {
        server(self.s3.as_deref(), ())
    }
}

/// An empty address, as of a variable that is set to nothing, is none.
fn server<O>(existing: Option<&str>, embedded: O) -> Server<O> {
    match existing {
        Some(at) if !at.is_empty() => Server::Existing(at.to_owned()),
        Some(_) | None => Server::Embedded(embedded),
    }
}

impl DevArgs {
    pub(crate) fn functions(&self) -> Vec<&'static FunctionSpec> {
        let is_asked = |function: &&FunctionSpec| {
            self.functions.is_empty() || self.functions.iter().any(|name| name == function.name)
        };
        FUNCTIONS.iter().filter(is_asked).collect()
    }

    pub(crate) fn dynamodb(&self) -> Result<Server<DynamoDbOptions>, NotEmbeddedError> {
        let storage = match &self.data {
            Some(folder) => Storage::File(folder.join(DYNAMODB_FILE)),
            None => Storage::Memory,
        };
        let port = self.dynamodb_port.unwrap_or(DYNAMODB_PORT);
        let server = self.servers.dynamodb(DynamoDbOptions { port, storage });
        let option = match (&self.data, self.dynamodb_port) {
            (Some(_), _) => Some("--data"),
            (None, Some(_)) => Some("--dynamodb-port"),
            (None, None) => None,
        };
        embedded(server, option, "--dynamodb", DYNAMODB_VARIABLE)
    }

    pub(crate) fn sqs(&self) -> Result<Server<u16>, NotEmbeddedError> {
        let server = self.servers.sqs(self.sqs_port.unwrap_or(SQS_PORT));
        let option = self.sqs_port.map(|_| "--sqs-port");
        embedded(server, option, "--sqs", SQS_VARIABLE)
    }
}

/// Refuses a real server where an option of the embedded one is given.
fn embedded<O>(
    server: Server<O>,
    option: Option<&'static str>,
    flag: &'static str,
    variable: &'static str,
) -> Result<Server<O>, NotEmbeddedError> {
    match (server, option) {
        (Server::Existing(at), Some(option)) => Err(NotEmbeddedError {
            option,
            at,
            flag,
            variable,
        }),
        (server, _) => Ok(server),
    }
}

/// Accepts `host:port`, or several with commas between, or nothing.
fn bootstrap_servers(text: &str) -> Result<String, String> {
    let is_server = |server: &str| {
        server
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if text.is_empty() || text.split(',').all(is_server) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "it has to be host:port, such as 127.0.0.1:9092, also in {KAFKA_VARIABLE}"
        ))
    }
}

/// Accepts the URL of a local endpoint, or nothing; the emulated mapping speaks no TLS.
fn endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://");
    if text.is_empty() || host.is_some_and(|host| !host.trim_matches('/').is_empty()) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(format!(
            "it has to be a URL such as http://127.0.0.1:8000, also in {DYNAMODB_VARIABLE}, {SQS_VARIABLE} and {S3_VARIABLE}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = [&["tailrace"], arguments].concat();
        let error = Cli::try_parse_from(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    fn dev(arguments: &[&str]) -> DevArgs {
        let arguments = [&["tailrace", "dev"], arguments].concat();
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Dev(args) => args,
            Command::Demo(args) => panic!("{args:?}"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn too_few_or_too_many_orders_are_refused_with_the_range() {
        for orders in ["99", "20001", "-1", "many"] {
            let text = refusal(&["demo", &format!("--orders={orders}")]);
            assert!(text.contains(orders), "{text}");
        }
        let text = refusal(&["demo", "--orders=99"]);
        assert!(text.contains("100..=20000"), "{text}");
    }

    #[test]
    fn an_unknown_function_is_refused_with_those_that_exist() {
        let text = refusal(&["dev", "--function", "order-lost"]);
        assert!(text.contains("order-created"), "{text}");
    }

    #[test]
    fn options_of_an_embedded_server_do_not_go_with_a_real_one() {
        let dynamodb = |option: &str| dev(&["--dynamodb=http://h:1", option]).dynamodb();
        for option in ["--data=x", "--dynamodb-port=0"] {
            let text = dynamodb(option).unwrap_err().to_string();
            assert!(text.contains("http://h:1 is used instead"), "{text}");
            assert!(text.contains("AWS_ENDPOINT_URL_DYNAMODB"), "{text}");
        }
        let sqs = dev(&["--sqs=http://h:1", "--sqs-port=1"]).sqs();
        assert!(sqs.unwrap_err().to_string().contains("--sqs-port"));
        assert!(dynamodb("--sqs-port=1").is_ok());
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        for (option, example) in [
            ("--kafka=nowhere", "127.0.0.1:9092"),
            ("--dynamodb=127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("--sqs=https://x", "http://127.0.0.1:8000"),
        ] {
            let text = refusal(&["dev", option]);
            assert!(text.contains(example), "{text}");
        }
    }

    #[test]
    fn an_empty_address_is_none() {
        let args = dev(&["--kafka=", "--sqs=", "--data=x"]);
        assert_eq!(args.servers.kafka(), Server::Embedded(()));
        assert_eq!(args.sqs(), Ok(Server::Embedded(SQS_PORT)));
    }

    #[test]
    fn without_names_every_function_runs() {
        assert_eq!(dev(&[]).functions().len(), FUNCTIONS.len());
        let one = dev(&["--function", "order-created"]).functions();
        assert_eq!(one.first().unwrap().name, "order-created");
    }
}
