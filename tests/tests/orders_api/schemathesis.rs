//! Schemathesis against the running function: requests made up from the `OpenAPI` document, valid and not.
//!
//! It needs schemathesis: named by `SCHEMATHESIS`, in `.tools/venv/bin`, or in `PATH`; without it the test fails.
//! That it can find something is shown on a document that promises too much and on a function without tables.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::repository;
use system_tests::system::System;

use super::{API, Shop};

const DOCUMENT: &str = "functions/orders-api/openapi.json";
const HOOKS: &str = "tests/tests/orders_api/schemathesis_hooks.py";
const INSTALL: &str =
    "python3 -m venv .tools/venv && .tools/venv/bin/pip install schemathesis==4.32.5";
/// Requests made up for each operation and phase.
const EXAMPLES: u32 = 60;
/// The same requests in every run.
const SEED: u32 = 20_261_124;
/// How long a run may take.
const LIMIT: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread")]
async fn the_document_holds_against_a_fuzzer_that_reads_it() {
    let shop = Shop::start().await;
    let document = repository::root().join(DOCUMENT);
    let output = run(&shop, &document, EXAMPLES).await;
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("No issues found"), "{told}");
    // A run that sends nothing finds nothing.
    let stats = shop.lambda.stats()[API];
    assert!(stats.invocations > 100, "{stats:?}");
    assert_eq!((stats.function_errors, stats.crashes), (0, 0), "{stats:?}");
    println!("{} invocations\n{told}", stats.invocations);
    shop.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_promises_too_much_is_found_out() {
    let shop = Shop::start().await;
    let text = repository::read(Path::new(DOCUMENT));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let schemas = &mut document["components"]["schemas"];
    schemas["Accepted"]["required"] = json!(["order_id", "status", "price"]);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("orders-api-promises-too-much.json");
    fs::write(&file, document.to_string()).unwrap();
    let output = run(&shop, &file, 5).await;
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(
        told(&output).contains("Response violates schema"),
        "{}",
        told(&output)
    );
    shop.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_found_out() {
    let system = System::start().await;
    let mut function = system.function(API, false);
    let elsewhere = "elsewhere-".to_owned();
    function
        .environment
        .insert("TABLE_PREFIX".to_owned(), elsewhere);
    let shop = Shop::of(system, vec![function]).await;
    let output = run(&shop, &repository::root().join(DOCUMENT), 2).await;
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("Server error"), "{}", told(&output));
    shop.shutdown().await;
}

async fn run(shop: &Shop, document: &Path, examples: u32) -> Output {
    let schemathesis = find().unwrap_or_else(|| {
        panic!("schemathesis is missing; install it with `{INSTALL}`");
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    fs::create_dir_all(&folder).unwrap();
    let mut command = tokio::process::Command::new(schemathesis);
    command
        .current_dir(&folder)
        .env("SCHEMATHESIS_HOOKS", repository::root().join(HOOKS))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["run", "--no-color", "--checks", "all", "--workers", "1"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--generation-database", "none", "--request-timeout", "60"])
        .args(["--suppress-health-check", "too_slow"])
        .args(["--seed", &SEED.to_string()])
        .args(["--max-examples", &examples.to_string()])
        .args(["--url", &shop.front.url()])
        .arg(document)
        .kill_on_drop(true);
    let ended = tokio::time::timeout(LIMIT, command.output()).await;
    ended.expect("schemathesis ends in time").unwrap()
}

fn told(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts.concat()
}

/// Finds schemathesis; a file that `SCHEMATHESIS` names and that is not there counts as not installed.
fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("SCHEMATHESIS") {
        return Some(PathBuf::from(named)).filter(|file| file.is_file());
    }
    let tools = repository::root().join(".tools/venv/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = [tools].into_iter().chain(env::split_paths(&path));
    folders.find_map(|folder| {
        let file = folder.join("schemathesis");
        file.is_file().then_some(file)
    })
}
