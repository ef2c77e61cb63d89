//! The repository agrees with itself: catalogue, functions, their documents and their samples.
//!
//! `arrows` holds the dependencies between crates, `tidy` the text of every file to the house rules.
//! Nothing here runs a function.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod arrows;
mod tidy;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use event_schema::Deduplication;
use event_schema::catalogue::{FUNCTIONS, FunctionSpec};
use system_tests::{repository, samples};

/// What the folder of every function holds.
const FILES: [&str; 6] = [
    "Cargo.toml",
    "README.md",
    "src/main.rs",
    "src/lib.rs",
    "src/handler.rs",
    "tests/conformance.rs",
];

/// The files that a function has which decides nothing but passes on what a table's stream tells.
const FILES_OF_A_RELAY: [&str; 4] = ["Cargo.toml", "README.md", "src/lib.rs", "src/main.rs"];

/// The samples that every function that reads events has at least.
const CASES: [&str; 3] = ["single", "duplicate", "poison"];

/// The samples that every function that answers requests has at least.
const HTTP_CASES: [&str; 2] = ["http-api", "function-url"];

/// The samples that every function that follows tables has at least.
const STREAM_CASES: [&str; 2] = ["stream", "schedule"];

/// What a handler does not know of: it decides, others store and send.
const FOREIGN_WORDS: [&str; 5] = ["aws_", "lambda_runtime", "dynamodb", "sqs", "tokio"];

/// The calls whose first argument is a code.
const REFUSALS: [&str; 3] = [
    "Rejection::permanent(",
    "Rejection::transient(",
    "Problem::new(",
];

#[test]
fn the_functions_are_those_of_the_catalogue() {
    let named: BTreeSet<_> = FUNCTIONS
        .iter()
        .map(|function| function.name.to_owned())
        .collect();
    let folders: BTreeSet<_> = repository::folders("functions").into_iter().collect();
    assert_eq!(
        folders, named,
        "folders of functions/ and names of the catalogue"
    );
}

#[test]
fn every_function_has_its_files() {
    for function in FUNCTIONS {
        let files = if function.streams.is_empty() {
            &FILES[..]
        } else {
            &FILES_OF_A_RELAY
        };
        for file in files {
            let path = in_function(function, file);
            assert!(
                repository::root().join(&path).is_file(),
                "{} is missing",
                path.display()
            );
        }
    }
}

#[test]
fn package_binary_and_name_of_a_function_are_one_word() {
    let packages = arrows::packages();
    for FunctionSpec { name, .. } in FUNCTIONS {
        let package = packages.iter().find(|package| package["name"] == *name);
        let package = package.unwrap_or_else(|| panic!("no package is named {name}"));
        let targets = package["targets"].as_array().unwrap();
        let binaries = targets.iter().filter(|target| target["kind"][0] == "bin");
        let binaries: Vec<_> = binaries
            .map(|target| target["name"].as_str().unwrap())
            .collect();
        assert_eq!(binaries, [*name], "binaries of package {name}");
    }
    for function in FUNCTIONS {
        let (file, kind) = if function.streams.is_empty() {
            ("src/handler.rs", "&'static str")
        } else {
            ("src/lib.rs", "&str")
        };
        let text = repository::read(&in_function(function, file));
        let name = format!("const NAME: {kind} = \"{}\";", function.name);
        assert!(
            text.contains(&name),
            "{file} of {} lacks `{name}`",
            function.name
        );
    }
}

#[test]
fn every_function_has_samples_of_the_usual_cases() {
    for FunctionSpec {
        name,
        http,
        streams,
        ..
    } in FUNCTIONS
    {
        let samples = samples::of(name);
        let cases = match (http.is_empty(), streams.is_empty()) {
            (true, true) => &CASES[..],
            (false, _) => &HTTP_CASES,
            (true, false) => &STREAM_CASES,
        };
        for case in cases {
            let has = samples.iter().any(|sample| sample.case == *case);
            assert!(has, "events/{name}/{case}.json is written by no code");
        }
    }
    let folders = repository::folders("events");
    for folder in folders.iter().filter(|folder| *folder != "schemas") {
        let is_known = FUNCTIONS.iter().any(|function| function.name == folder);
        assert!(is_known, "events/{folder} belongs to no function");
    }
}

#[test]
fn a_readme_of_a_function_names_what_the_catalogue_says_of_it() {
    for function in FUNCTIONS {
        let readme = repository::read(&in_function(function, "README.md"));
        let read = function
            .subscriptions()
            .into_iter()
            .flat_map(|subscription| {
                let event = subscription.event;
                [
                    event.event_type.to_owned(),
                    event.topic.to_owned(),
                    subscription.group,
                ]
            });
        let routes = function
            .http
            .iter()
            .map(|route| format!("{} {}", route.method, route.path));
        let published = function
            .publishes
            .iter()
            .map(|event| event.event_type.to_owned());
        let tables = function.tables.iter().map(|used| used.table.to_owned());
        for word in read.chain(routes).chain(published).chain(tables) {
            let is_named = readme.contains(&format!("`{word}`"));
            assert!(
                is_named,
                "the README of {} does not name `{word}`",
                function.name
            );
        }
    }
}

#[test]
fn a_readme_lists_the_codes_of_its_function_and_no_others() {
    for function in FUNCTIONS {
        let listed = listed_codes(&repository::read(&in_function(function, "README.md")));
        let sources = sources(function);
        let used: BTreeSet<_> = sources
            .iter()
            .flat_map(|file| used_codes(&repository::read(file)))
            .collect();
        assert_eq!(
            listed, used,
            "codes in the README and in the sources of {}",
            function.name
        );
    }
}

#[test]
fn every_function_is_held_to_the_checks_of_its_kind() {
    for function in FUNCTIONS
        .iter()
        .filter(|function| function.streams.is_empty())
    {
        let suite = match (function.http.is_empty(), function.dedup) {
            (false, _) => "conformance::CommandSuite",
            (true, Deduplication::EventIdLeased) => "conformance::{DeliverSuite, SuiteStore}",
            (true, _) => "conformance::Suite",
        };
        let text = repository::read(&in_function(function, "tests/conformance.rs"));
        let is_held = text.contains(&format!("use testkit::{suite};"));
        assert!(
            is_held,
            "{} is not held to `testkit::{suite}`",
            function.name
        );
    }
}

#[test]
fn a_function_knows_nothing_of_aws_but_in_its_main() {
    for function in FUNCTIONS {
        let main = in_function(function, "src/main.rs");
        for file in sources(function).into_iter().filter(|file| *file != main) {
            let text = repository::read(&file).to_lowercase();
            for word in FOREIGN_WORDS {
                assert!(!text.contains(word), "{} says `{word}`", file.display());
            }
        }
    }
}

#[test]
fn the_readme_of_the_samples_tells_of_each_case() {
    let readme = repository::read(Path::new("events/README.md"));
    for sample in samples::all() {
        let case = format!("`{}.json`", sample.case);
        assert!(
            readme.contains(&case),
            "events/README.md does not tell of {case}"
        );
    }
}

fn in_function(function: &FunctionSpec, file: &str) -> PathBuf {
    PathBuf::from(format!("functions/{}/{file}", function.name))
}

/// Returns the source files of a function, without its tests.
fn sources(function: &FunctionSpec) -> Vec<PathBuf> {
    let folder = in_function(function, "src");
    let files = repository::files().into_iter();
    files.filter(|file| file.starts_with(&folder)).collect()
}

/// Returns the codes in the first column of the table under the README's heading of codes.
fn listed_codes(readme: &str) -> BTreeSet<String> {
    let sections = readme.split("\n## ");
    let codes = sections
        .into_iter()
        .find(|section| section.starts_with("Codes"));
    let rows = codes.into_iter().flat_map(str::lines);
    let cells = rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    cells.map(|(code, _)| code.to_owned()).collect()
}

/// Returns the codes with which a source file refuses records.
fn used_codes(source: &str) -> BTreeSet<String> {
    let calls = REFUSALS.iter().flat_map(|call| source.split(call).skip(1));
    let codes = calls.map(|arguments| {
        let code = arguments
            .trim_start()
            .strip_prefix('"')
            .and_then(|rest| rest.split_once('"'));
        code.expect("the code of a rejection is written where it is made")
            .0
            .to_owned()
    });
    codes.collect()
}

#[test]
fn codes_are_found_in_readmes_and_sources() {
    let readme = "# f\n| `a` |\n\n## Codes of its\n\n| code | cause |\n|---|---|\n| `b` | c |\n\n## Next\n| `d` |";
    assert_eq!(listed_codes(readme), BTreeSet::from(["b".to_owned()]));
    let source = "Rejection::permanent(\n    \"e\", f) Rejection::transient(\"g\", h)";
    assert_eq!(
        used_codes(source),
        BTreeSet::from(["e".to_owned(), "g".to_owned()])
    );
}
