//! The built program with wrong arguments: exit code 2, and a message that says what would be right.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};

use event_schema::catalogue::FUNCTIONS;

fn tailrace(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailrace"));
    for name in [
        "KAFKA_BOOTSTRAP_SERVERS",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_SQS",
    ] {
        command.env_remove(name);
    }
    let folder = env!("CARGO_TARGET_TMPDIR");
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Returns what a refused command says.
fn refusal(arguments: &[&str]) -> String {
    let output = tailrace(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn help_names_the_commands_and_shows_examples() {
    let output = tailrace(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["dev", "demo", "Examples:", "tailrace demo", "Exit codes:"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_missing_command_is_answered_with_help() {
    assert!(refusal(&[]).contains("Commands:"));
}

#[test]
fn a_number_out_of_range_is_answered_with_the_range() {
    assert!(refusal(&["demo", "--orders", "5"]).contains("100..=20000"));
}

#[test]
fn a_missing_function_binary_is_answered_with_the_command_that_builds_it() {
    let all = FUNCTIONS
        .iter()
        .map(|function| format!(" -p {}", function.name));
    let command = format!("cargo build{}", all.collect::<String>());
    for subcommand in ["demo", "dev"] {
        let refused = refusal(&[subcommand, "--functions-dir", "nowhere"]);
        assert!(refused.contains(&command), "{refused}");
    }
}
