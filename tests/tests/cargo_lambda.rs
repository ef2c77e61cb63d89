//! The samples by way of `cargo lambda watch` and `cargo lambda invoke`, as a developer sends them.
//!
//! It needs cargo-lambda: named by `CARGO_LAMBDA`, in `.tools/venv/bin`, or in `PATH`. Without it the test
//! fails where `CI` is `true`, and says elsewhere that it was not run. What all samples come to is in
//! `samples.rs`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, and say what they did not do"
)]

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_platform::REGION;
use serde_json::{Value, json};
use system_tests::binaries::{self, Target};
use system_tests::system::System;
use system_tests::{repository, wait_until};

const FUNCTION: &str = "order-created";
const INSTALL: &str =
    "python3 -m venv .tools/venv && .tools/venv/bin/pip install cargo-lambda==1.9.2";

/// How long `watch` may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long one invocation may take, which at first builds the function.
const INVOKE_LIMIT: Duration = Duration::from_mins(10);
/// The pause between two looks at a process that ends.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// How long `watch` may take to end its function and itself.
const STOP_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_answered_under_cargo_lambda() {
    let Some(cargo_lambda) = find() else {
        let is_ci = env::var("CI").is_ok_and(|value| value == "true");
        assert!(
            !is_ci,
            "cargo-lambda is missing; install it with `{INSTALL}`"
        );
        println!("not run: cargo-lambda is not installed (`{INSTALL}` installs it)");
        return;
    };
    let system = System::start().await;
    system.seed_products(&[("p-1", 10), ("p-2", 10)]).await;
    // Built beforehand, so that a failure to build is told apart from one to run.
    drop(binaries::function(FUNCTION));
    let mut watch = Watch::start(&cargo_lambda, &system);
    wait_until("cargo lambda watch listens", START_LIMIT, async || {
        watch.listens()
    })
    .await;

    watch.invoke(&cargo_lambda, "single").await;
    let picture = system.picture().await;
    assert_eq!(picture.orders("placed"), BTreeSet::from(["o-1".to_owned()]));
    assert!(system.take_messages().await.letters.is_empty());

    watch.invoke(&cargo_lambda, "poison").await;
    let placed = ["o-1", "o-31", "o-33"].map(str::to_owned);
    let picture = system.picture().await;
    assert_eq!(picture.orders("placed"), BTreeSet::from(placed));
    assert_eq!(
        (
            picture.stock()["p-1"].reserved,
            picture.stock()["p-2"].reserved
        ),
        (3, 2)
    );
    let letters: Vec<_> = system
        .take_messages()
        .await
        .letters_by_id()
        .into_values()
        .collect();
    assert_eq!(letters, [(3, 32, "invalid_json".to_owned())]);
}

/// Finds cargo-lambda; a file that `CARGO_LAMBDA` names and that is not there counts as not installed.
fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CARGO_LAMBDA") {
        return Some(PathBuf::from(named)).filter(|file| file.is_file());
    }
    let tools = repository::root().join(".tools/venv/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [tools].into_iter().chain(env::split_paths(&path));
    let name = format!("cargo-lambda{}", env::consts::EXE_SUFFIX);
    folders
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// A running `cargo lambda watch`; dropping it ends it and its function.
struct Watch {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Watch {
    fn start(cargo_lambda: &Path, system: &System) -> Self {
        let address = free_address();
        let target = Target::of_this_test();
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo-lambda-watch.log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new(cargo_lambda);
        binaries::clean(&mut command);
        let process = command
            .current_dir(repository::root())
            .args(["lambda", "watch", "--ignore-changes", "--invoke-address"])
            .args([
                address.ip().to_string(),
                "--invoke-port".to_owned(),
                address.port().to_string(),
            ])
            .args(["--profile", &target.profile])
            // As an argument it would also go to `cargo metadata`, which takes none.
            .env("CARGO_TARGET_DIR", &target.root)
            .envs(system.environment(true))
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("cargo-lambda can be started");
        Self {
            process,
            address,
            log,
        }
    }

    /// Tells whether it takes connections; fails if it has ended instead.
    fn listens(&mut self) -> bool {
        let ended = self.process.try_wait().unwrap();
        assert_eq!(ended, None, "cargo lambda watch ended:\n{}", self.wrote());
        TcpStream::connect(self.address).is_ok()
    }

    /// Invokes the function with a sample's file and checks that nothing is left unfinished.
    async fn invoke(&self, cargo_lambda: &Path, case: &str) {
        let file = format!("events/{FUNCTION}/{case}.json");
        let mut command = tokio::process::Command::new(cargo_lambda);
        command
            .current_dir(repository::root())
            .args([
                "lambda",
                "invoke",
                FUNCTION,
                "--data-file",
                &file,
                "--invoke-address",
            ])
            .args([self.address.ip().to_string(), "--invoke-port".to_owned()])
            .arg(self.address.port().to_string())
            .kill_on_drop(true);
        let answered = tokio::time::timeout(INVOKE_LIMIT, command.output()).await;
        let Ok(output) = answered else {
            panic!(
                "{case}: no answer after {INVOKE_LIMIT:?}; watch wrote:\n{}",
                self.wrote()
            );
        };
        let output = output.unwrap();
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let expected = Some(json!({ "batchItemFailures": [] }));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            answer,
            expected,
            "{case}: {told}; watch wrote:\n{}",
            self.wrote()
        );
    }

    fn wrote(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, so that it ends its function; tells whether it did in time.
    fn ends(&mut self) -> bool {
        let process = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return false;
        }
        let started = Instant::now();
        while started.elapsed() < STOP_LIMIT {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        false
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ends() && self.process.kill().is_ok() {
            println!(
                "cargo lambda watch had to be killed: {:?}",
                self.process.wait()
            );
        }
    }
}

/// Finds a free port: `watch` takes no port 0, so another process may still come first.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
