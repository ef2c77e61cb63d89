//! Dependencies between crates point down only (design §2): what each may know, and what it may not.
//!
//! Dependencies for tests alone are free, as long as Cargo takes them.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::{binaries, repository};

/// Crates by their folders, with the crates of the workspace that they may know; `functions/*` is any function.
const ARROWS: [(&str, &[&str]); 10] = [
    ("shared/event-schema", &[]),
    ("shared/msk-event", &[]),
    ("shared/processing", &["event-schema", "msk-event"]),
    ("shared/tables", &["event-schema", "processing"]),
    (
        "shared/aws-adapters",
        &["event-schema", "msk-event", "processing"],
    ),
    ("shared/kafka", &[]),
    (
        "shared/testkit",
        &["event-schema", "msk-event", "processing"],
    ),
    ("tools/local-platform", &[]),
    ("tools/esm-emulator", &[]),
    ("tools/real-servers", &[]),
];

/// What a function may know.
const OF_FUNCTIONS: [&str; 5] = [
    "aws-adapters",
    "event-schema",
    "kafka",
    "processing",
    "tables",
];

/// What stands above everything and may know all of it.
const TOPMOST: [&str; 3] = ["benches", "tests", "tools/tailrace"];

/// Crates that must stay free of I/O and runtimes, with what they must not reach by any way.
const PURE: [&str; 4] = ["event-schema", "msk-event", "processing", "tables"];

/// Beginnings of the names that pure crates must not reach.
const IMPURE: [&str; 9] = [
    "aws-", "axum", "hyper", "lambda_", "mio", "rdkafka", "reqwest", "socket2", "tokio",
];

/// Returns the packages of the workspace, as `cargo metadata` describes them.
pub(crate) fn packages() -> Vec<Value> {
    let mut cargo = binaries::cargo();
    cargo.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = cargo.output().expect("cargo can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {told}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_crate_knows_only_what_is_below_it() {
    let packages = packages();
    let own: BTreeSet<_> = packages
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    for package in &packages {
        let folder = folder(package);
        let Some(allowed) = allowed(&folder) else {
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let is_for_tests = dependency["kind"] == "dev";
            let is_right = is_for_tests || !own.contains(name) || allowed.contains(&name);
            assert!(is_right, "{folder} must not depend on {name}");
        }
    }
}

/// Returns what a crate may know; `None` for one that may know everything.
fn allowed(folder: &str) -> Option<&'static [&'static str]> {
    if TOPMOST.contains(&folder) {
        return None;
    }
    if folder.starts_with("functions/") {
        return Some(&OF_FUNCTIONS);
    }
    let known = ARROWS.iter().find(|(of, _)| *of == folder);
    let (_, allowed) = known.unwrap_or_else(|| panic!("say in ARROWS what {folder} may know"));
    Some(*allowed)
}

fn folder(package: &Value) -> String {
    let manifest = package["manifest_path"].as_str().unwrap();
    let folder = manifest.strip_suffix("/Cargo.toml").unwrap();
    let root = repository::root().to_str().unwrap();
    folder
        .strip_prefix(root)
        .unwrap()
        .trim_start_matches('/')
        .to_owned()
}

#[test]
fn events_wire_and_engine_reach_no_runtime_and_no_aws() {
    for name in PURE {
        let mut cargo = binaries::cargo();
        cargo.args(["tree", "--offline", "--edges", "normal", "--prefix", "none"]);
        cargo.args(["--format", "{p}", "--package", name]);
        let output = cargo.output().expect("cargo can be started");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo tree failed: {told}");
        let tree = String::from_utf8(output.stdout).unwrap();
        let reached: Vec<_> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(reached.contains(&"serde"), "{name} reaches {reached:?}");
        for dependency in reached {
            let is_impure = IMPURE.iter().any(|impure| dependency.starts_with(impure));
            assert!(!is_impure, "{name} reaches {dependency}");
        }
    }
}
