//! Apache Kafka as one process (KRaft): a plain listener, and two that want tokens as Amazon MSK does, over TLS.
//!
//! It has one broker; what needs several is not tested here.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::ServerError;
use crate::jars::Jars;
use crate::process::{Server, file_error, free_ports, run};

/// How long the broker may take to open its ports: some seconds, minutes on a machine that does much else.
const START_TIME_MAX: Duration = Duration::from_mins(3);
/// How long one of Kafka's tools may take, for the same reason.
const TOOL_TIME_MAX: Duration = Duration::from_mins(3);
/// How often other ports are tried, should somebody take one before the broker does.
const STARTS_MAX: usize = 3;
/// Any id will do: each server is a cluster of its own.
const CLUSTER_ID: &str = "dGFpbHJhY2UtdGVzdHM0Mg";
const PASSWORD: &str = "only-for-tests";

/// What the listeners that want tokens accept.
pub mod iam {
    /// The region that tokens have to be for.
    pub const REGION: &str = "eu-central-1";
    /// The only access key that is known.
    pub const ACCESS_KEY: &str = "AKIATAILRACETESTS";
    /// Its secret.
    pub const SECRET_KEY: &str = "secret/for+the=tests";
    /// After so many milliseconds a connection has to authenticate again, with a token that holds then.
    pub const SESSION_MS_MAX: u64 = 4_000;
}

/// How a broker is set beyond its defaults.
#[derive(Clone, Debug, Default)]
pub struct KafkaOptions {
    /// More lines of `server.properties`.
    pub properties: Vec<String>,
}

/// A running broker; dropping it kills it and deletes its data.
#[derive(Debug)]
pub struct Kafka {
    // Dropped first: the broker still writes to its folder.
    server: Option<Server>,
    folder: Folder,
    jars: Jars,
    ports: Ports,
    tools: AtomicU32,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    plain: u16,
    controller: u16,
    iam: u16,
    late: u16,
}

impl Kafka {
    /// Starts a broker; it is ready when this returns. Blocks for some seconds, the first time for longer.
    ///
    /// # Errors
    /// [`ServerError`] if Java or Maven are missing, or the broker does not start in time.
    pub fn start(options: &KafkaOptions) -> Result<Self, ServerError> {
        let jars = Jars::of("kafka")?;
        let folder = Folder::new()?;
        let mut kafka = Self {
            jars,
            folder,
            ports: Ports {
                plain: 0,
                controller: 0,
                iam: 0,
                late: 0,
            },
            server: None,
            tools: AtomicU32::new(0),
        };
        kafka.make_certificate()?;
        let mut tries_left = STARTS_MAX;
        loop {
            tries_left -= 1;
            let [plain, controller, iam, late] = free_ports()?;
            kafka.ports = Ports {
                plain,
                controller,
                iam,
                late,
            };
            kafka.format(options)?;
            match kafka.run() {
                Err(ServerError::Failed { output, .. })
                    if tries_left > 0 && output.contains("Address already in use") => {}
                started => return started.map(|()| kafka),
            }
        }
    }

    /// The `bootstrap.servers` without security.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// The `bootstrap.servers` that want a token over TLS; the certificate is for `localhost`, not for addresses.
    #[must_use]
    pub fn iam(&self) -> String {
        format!("localhost:{}", self.ports.iam)
    }

    /// The same listener by an address that its certificate does not name.
    #[must_use]
    pub fn iam_by_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.iam)
    }

    /// The same with a clock an hour ahead, so that every token has expired.
    #[must_use]
    pub fn iam_late(&self) -> String {
        format!("localhost:{}", self.ports.late)
    }

    /// The certificate of the TLS listeners, as PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.0.join("ca.pem")
    }

    /// What was decided about tokens, in order: `accepted` or `refused`, the token's digest, why.
    ///
    /// # Errors
    /// [`ServerError::File`] if the log cannot be read.
    pub fn token_decisions(&self) -> Result<Vec<String>, ServerError> {
        let log = self.folder.0.join("iam.log");
        if !log.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&log).map_err(|source| file_error(&log, source))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Kills the broker as a power cut would (`SIGKILL`), leaving its data.
    ///
    /// # Errors
    /// [`ServerError`] if it does not end.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        match self.server.take() {
            Some(mut server) => server.kill(),
            None => Ok(()),
        }
    }

    /// Starts a killed broker again, on the same ports and data.
    ///
    /// # Errors
    /// [`ServerError`] if it does not start in time.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        self.run()
    }

    /// Runs one of Kafka's own tools with `input`, and returns what it wrote. `bootstrap-server` is given.
    ///
    /// # Errors
    /// [`ServerError`] if the tool fails.
    pub fn tool(&self, main: &str, arguments: &[&str], input: &str) -> Result<String, ServerError> {
        let number = self.tools.fetch_add(1, Ordering::Relaxed);
        let mut java = self.java(&["-Xmx128m", "-XX:TieredStopAtLevel=1"]);
        java.args([main, "--bootstrap-server", &self.plain()])
            .args(arguments);
        run(
            java,
            input,
            &self.folder.0.join(format!("tool-{number}.out")),
            TOOL_TIME_MAX,
        )
    }

    fn run(&mut self) -> Result<(), ServerError> {
        let log = self.folder.0.join("iam.log");
        let mut java = self.java(&["-Xmx512m", "-XX:+UseSerialGC"]);
        java.arg(format!("-Diam.region={}", iam::REGION))
            .arg(format!("-Diam.access.key={}", iam::ACCESS_KEY))
            .arg(format!("-Diam.secret.key={}", iam::SECRET_KEY))
            .arg(format!("-Diam.log={}", log.display()))
            .args(["WithParent", "kafka.Kafka"])
            .arg(self.folder.0.join("server.properties"));
        let output = self.folder.0.join("server.out");
        let Ports {
            plain, iam, late, ..
        } = self.ports;
        self.server = Some(Server::start(
            java,
            &output,
            &[plain, iam, late],
            START_TIME_MAX,
        )?);
        Ok(())
    }

    fn java(&self, options: &[&str]) -> Command {
        let mut java = self.jars.java();
        let logging = self.jars.sources.join("log4j2.properties");
        java.args(options);
        java.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
        java.current_dir(&self.folder.0);
        java
    }

    fn make_certificate(&self) -> Result<(), ServerError> {
        let keytool = |arguments: &[&str], output: &str| {
            let mut keytool = Command::new("keytool");
            keytool.current_dir(&self.folder.0).args(arguments);
            keytool.args([
                "-alias",
                "broker",
                "-keystore",
                "keys.p12",
                "-storepass",
                PASSWORD,
            ]);
            run(keytool, "", &self.folder.0.join(output), TOOL_TIME_MAX)
        };
        let make = [
            "-genkeypair",
            "-storetype",
            "PKCS12",
            "-keyalg",
            "EC",
            "-groupname",
            "secp256r1",
            "-validity",
            "2",
            "-dname",
            "CN=localhost",
            "-ext",
            "san=dns:localhost",
        ];
        keytool(&make, "keytool.log")?;
        keytool(&["-exportcert", "-rfc"], "ca.pem").map(drop)
    }

    fn format(&self, options: &KafkaOptions) -> Result<(), ServerError> {
        let properties = self.folder.0.join("server.properties");
        let text = self.properties(options);
        fs::write(&properties, text).map_err(|source| file_error(&properties, source))?;
        let mut java = self.java(&["-Xmx128m", "-XX:TieredStopAtLevel=1"]);
        java.args([
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            CLUSTER_ID,
            "-c",
        ]);
        java.arg(&properties);
        run(java, "", &self.folder.0.join("format.out"), TOOL_TIME_MAX).map(drop)
    }

    fn properties(&self, options: &KafkaOptions) -> String {
        let Ports {
            plain,
            controller,
            iam,
            late,
        } = self.ports;
        let data = self.folder.0.join("data");
        let keys = self.folder.0.join("keys.p12");
        let mut lines = vec![
            "process.roles=broker,controller".to_owned(),
            "node.id=1".to_owned(),
            format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
            format!("listeners=PLAIN://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},IAM://127.0.0.1:{iam},LATE://127.0.0.1:{late}"),
            format!("advertised.listeners=PLAIN://127.0.0.1:{plain},IAM://localhost:{iam},LATE://localhost:{late}"),
            "listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,IAM:SASL_SSL,LATE:SASL_SSL".to_owned(),
            "inter.broker.listener.name=PLAIN".to_owned(),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("log.dirs={}", data.display()),
            "offsets.topic.replication.factor=1".to_owned(),
            "offsets.topic.num.partitions=4".to_owned(),
            "transaction.state.log.replication.factor=1".to_owned(),
            "transaction.state.log.min.isr=1".to_owned(),
            "share.coordinator.state.topic.replication.factor=1".to_owned(),
            "share.coordinator.state.topic.min.isr=1".to_owned(),
            "group.initial.rebalance.delay.ms=0".to_owned(),
            "auto.create.topics.enable=false".to_owned(),
            format!("ssl.keystore.location={}", keys.display()),
            "ssl.keystore.type=PKCS12".to_owned(),
            format!("ssl.keystore.password={PASSWORD}"),
        ];
        for (listener, class) in [("iam", "IamValidator"), ("late", "IamValidator$Late")] {
            let of = format!("listener.name.{listener}");
            lines.extend([
                format!("{of}.sasl.enabled.mechanisms=OAUTHBEARER"),
                format!("{of}.oauthbearer.sasl.server.callback.handler.class={class}"),
                format!("{of}.oauthbearer.connections.max.reauth.ms={}", iam::SESSION_MS_MAX),
                format!("{of}.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"),
            ]);
        }
        lines.extend(options.properties.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// A folder for one server; dropping it deletes it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, ServerError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tailrace-kafka-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|source| file_error(&folder, source))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies among other temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}
