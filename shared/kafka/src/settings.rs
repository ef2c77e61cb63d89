//! Every setting of a Kafka client, read from environment variables in one place.
//!
//! All problems are found at once. It connects to nothing: whether servers answer is seen when they are needed.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Characters of one host and port.
const SERVER_CHARS_MAX: usize = 260;
/// Servers in the list.
const SERVERS_MAX: usize = 64;
/// Characters of a client id.
const CLIENT_ID_CHARS_MAX: usize = 200;
const LINGER_MS: RangeInclusive<u64> = 0..=60_000;
const BATCH_BYTES: RangeInclusive<u64> = 1..=1_048_576;
const RETRIES: RangeInclusive<u64> = 0..=10;
const REQUEST_TIMEOUT_MS: RangeInclusive<u64> = 100..=240_000;
const MESSAGE_TIMEOUT_MS: RangeInclusive<u64> = 1_000..=900_000;
const EVENT_BYTES_MAX: RangeInclusive<u64> = 1_024..=8_388_608;

/// What a process says to Kafka, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `KAFKA_BOOTSTRAP_SERVERS`: `host:port`, separated by commas; required.
    pub bootstrap_servers: String,
    /// `KAFKA_SECURITY`: `plaintext` by default, or `msk-iam`.
    pub security: Security,
    /// `KAFKA_CLIENT_ID`: names the client in the brokers' logs and quotas; `tailrace` by default.
    pub client_id: String,
    /// `KAFKA_ACKS`: `all` by default.
    pub acks: Acks,
    /// `KAFKA_IDEMPOTENCE`: `true` by default; without it a batch that is sent again may be there twice or out of order.
    pub idempotence: bool,
    /// `KAFKA_COMPRESSION`: `gzip` by default.
    pub compression: Compression,
    /// `KAFKA_LINGER_MS`: how long a batch waits for more; 0 to 60,000, by default 10.
    pub linger: Duration,
    /// `KAFKA_BATCH_BYTES`: how large a batch grows; 1 to 1,048,576, by default 16,384.
    pub batch_bytes: u64,
    /// `KAFKA_RETRIES`: how often a call begins again with a new client; 0 to 10, by default 3.
    pub retries: u32,
    /// `KAFKA_REQUEST_TIMEOUT_MS`: how long a broker may take for one request; 100 to 240,000, by default 30,000.
    pub request_timeout: Duration,
    /// `KAFKA_MESSAGE_TIMEOUT_MS`: how long a call may take, whatever its caller allows; 1,000 to 900,000, by
    /// default 120,000, and no less than the linger and the request timeout together.
    pub message_timeout: Duration,
    /// `KAFKA_EVENT_BYTES_MAX`: bytes of an event's key, value and headers; 1,024 to 8,388,608, by default 1,000,000.
    pub event_bytes_max: u64,
}

/// How connections are secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Neither encrypted nor authenticated: for machines of one's own.
    Plaintext,
    /// TLS, and tokens signed with IAM credentials, as Amazon MSK wants them.
    MskIam {
        /// `KAFKA_REGION`, else `AWS_REGION`: the cluster's region; required.
        region: String,
        /// `KAFKA_CA_FILE`: a PEM file of the authorities to trust; the system's by default.
        ca_file: Option<String>,
    },
}

/// Who has to have a batch before it counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Every replica in sync.
    All,
    /// The partition's leader.
    Leader,
    /// Nobody: what is lost is not noticed.
    None,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// With gzip.
    Gzip,
    /// With Snappy.
    Snappy,
    /// With LZ4.
    Lz4,
}

/// All that is wrong with the Kafka settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<SettingsProblem>,
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// The variable's name.
    pub name: &'static str,
    /// What it is set to; `None` if it is not set.
    pub found: Option<String>,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{count} Kafka setting(s) cannot be used")?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{} is {found:?}", self.name)?,
            None => write!(f, "{} is not set", self.name)?,
        }
        write!(f, "; it has to be {}", self.expected)
    }
}

impl Settings {
    /// Reads all settings through `lookup`, which answers with a variable's value.
    ///
    /// An empty value counts as not set.
    ///
    /// # Errors
    /// Fails with every setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader {
            lookup,
            problems: Vec::new(),
        };
        let settings = Self {
            bootstrap_servers: reader.bootstrap_servers(),
            security: reader.security(),
            client_id: reader.client_id(),
            acks: reader.choice("KAFKA_ACKS", &ACKS),
            idempotence: reader.choice("KAFKA_IDEMPOTENCE", &[("true", true), ("false", false)]),
            compression: reader.choice("KAFKA_COMPRESSION", &COMPRESSIONS),
            linger: reader.duration("KAFKA_LINGER_MS", 10, LINGER_MS),
            batch_bytes: reader.number("KAFKA_BATCH_BYTES", 16_384, BATCH_BYTES, "bytes"),
            retries: u32::try_from(reader.number("KAFKA_RETRIES", 3, RETRIES, "retries"))
                .unwrap_or(u32::MAX),
            request_timeout: reader.duration(
                "KAFKA_REQUEST_TIMEOUT_MS",
                30_000,
                REQUEST_TIMEOUT_MS,
            ),
            message_timeout: reader.duration(
                "KAFKA_MESSAGE_TIMEOUT_MS",
                120_000,
                MESSAGE_TIMEOUT_MS,
            ),
            event_bytes_max: reader.number(
                "KAFKA_EVENT_BYTES_MAX",
                1_000_000,
                EVENT_BYTES_MAX,
                "bytes",
            ),
        };
        reader.agreement(&settings);
        if reader.problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError {
                problems: reader.problems,
            })
        }
    }

    /// The defaults, for these servers and without security.
    ///
    /// # Errors
    /// Fails if the servers are no list of `host:port`.
    pub fn plaintext(bootstrap_servers: &str) -> Result<Self, SettingsError> {
        Self::read(|name| (name == "KAFKA_BOOTSTRAP_SERVERS").then(|| bootstrap_servers.to_owned()))
    }
}

const ACKS: [(&str, Acks); 3] = [("all", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];

/// `zstd` would need a library that the build does without.
const COMPRESSIONS: [(&str, Compression); 4] = [
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("none", Compression::None),
];

struct Reader<L> {
    lookup: L,
    problems: Vec<SettingsProblem>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn problem(&mut self, name: &'static str, found: Option<String>, expected: impl Into<String>) {
        self.problems.push(SettingsProblem {
            name,
            found,
            expected: expected.into(),
        });
    }

    /// Reads one of a few words; the first is the default.
    fn choice<T: Copy, const N: usize>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T); N],
    ) -> T {
        const { assert!(N > 0) };
        let [(_, default), ..] = choices.as_slice() else {
            unreachable!("there is a choice")
        };
        let Some(value) = self.value(name) else {
            return *default;
        };
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == value) {
            return *chosen;
        }
        let words = choices.map(|(word, _)| format!("`{word}`")).join(" or ");
        self.problem(name, Some(value), words);
        *default
    }

    fn number(
        &mut self,
        name: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
        unit: &str,
    ) -> u64 {
        let Some(value) = self.value(name) else {
            return default;
        };
        if let Some(number) = value.parse().ok().filter(|number| bounds.contains(number)) {
            return number;
        }
        let (least, most) = bounds.into_inner();
        let expected = format!("a whole number of {unit} from {least} to {most}");
        self.problem(name, Some(value), expected);
        default
    }

    fn duration(
        &mut self,
        name: &'static str,
        default_ms: u64,
        bounds: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_millis(self.number(name, default_ms, bounds, "milliseconds"))
    }

    fn bootstrap_servers(&mut self) -> String {
        let value = self.value("KAFKA_BOOTSTRAP_SERVERS");
        if let Some(servers) = value.as_ref().filter(|servers| are_servers(servers)) {
            return servers.clone();
        }
        let expected = "`host:port`, several separated by commas";
        self.problem("KAFKA_BOOTSTRAP_SERVERS", value, expected);
        String::new()
    }

    fn client_id(&mut self) -> String {
        let name = "KAFKA_CLIENT_ID";
        let value = self.value(name).unwrap_or_else(|| "tailrace".to_owned());
        let is_char = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if value.len() > CLIENT_ID_CHARS_MAX || !value.chars().all(is_char) {
            let expected =
                format!("at most {CLIENT_ID_CHARS_MAX} of letters, digits, `.`, `_` and `-`");
            self.problem(name, Some(value.clone()), expected);
        }
        value
    }

    fn security(&mut self) -> Security {
        let name = "KAFKA_SECURITY";
        if !self.choice(name, &[("plaintext", false), ("msk-iam", true)]) {
            return Security::Plaintext;
        }
        if !cfg!(feature = "msk-iam-admin") {
            let expected = "`plaintext`: this binary was built without the feature `msk-iam`";
            self.problem(name, self.value(name), expected);
        }
        let region = self.region();
        let ca_file = self.value("KAFKA_CA_FILE");
        Security::MskIam { region, ca_file }
    }

    fn region(&mut self) -> String {
        let (name, value) = match self.value("KAFKA_REGION") {
            Some(region) => ("KAFKA_REGION", Some(region)),
            None => ("AWS_REGION", self.value("AWS_REGION")),
        };
        let is_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(region) = value.as_ref().filter(|region| region.chars().all(is_char)) {
            return region.clone();
        }
        let expected = "the region of the MSK cluster, such as `eu-central-1`";
        self.problem(name, value, expected);
        String::new()
    }

    /// Finds settings that are right alone and wrong together.
    fn agreement(&mut self, settings: &Settings) {
        if settings.idempotence && settings.acks != Acks::All {
            let expected = "`all` as long as KAFKA_IDEMPOTENCE is `true`";
            self.problem("KAFKA_ACKS", self.value("KAFKA_ACKS"), expected);
        }
        let least = settings.linger + settings.request_timeout;
        if settings.message_timeout < least {
            let name = "KAFKA_MESSAGE_TIMEOUT_MS";
            let expected = format!(
                "at least {}, which is KAFKA_LINGER_MS and KAFKA_REQUEST_TIMEOUT_MS together",
                least.as_millis()
            );
            let found = settings.message_timeout.as_millis().to_string();
            self.problem(name, Some(found), expected);
        }
    }
}

fn are_servers(servers: &str) -> bool {
    let is_server = |server: &str| {
        let parts = server.rsplit_once(':');
        server.len() <= SERVER_CHARS_MAX
            && parts.is_some_and(|(host, port)| {
                let is_char = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
                let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
                !host.is_empty() && host.chars().all(is_char) && is_port
            })
    };
    servers.split(',').count() <= SERVERS_MAX && servers.split(',').all(is_server)
}

#[cfg(test)]
mod tests;
