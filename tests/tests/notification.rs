//! The real binary of `notification` without its settings: it says what is missing, all at once, and ends.
//!
//! What it does with them is in `outcomes`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Stdio;
use std::time::Duration;

use system_tests::binaries;
use tokio::process::Command;

/// How long it may take to say no.
const LIMIT: Duration = Duration::from_secs(30);

/// What it says, and whether it succeeded, with these variables alone.
async fn started_with(variables: &[(&str, &str)]) -> (String, bool) {
    let output = Command::new(binaries::function("notification"))
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, output).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (told, output.status.success())
}

#[tokio::test]
async fn it_does_not_start_without_saying_what_sends_its_mail() {
    let (told, succeeded) = started_with(&[]).await;
    assert!(!succeeded);
    for name in [
        "MAIL_TRANSPORT",
        "DEAD_LETTER_QUEUE_URL",
        "AWS_LAMBDA_RUNTIME_API",
    ] {
        assert!(
            told.contains(&format!("{name} is not set")),
            "{name}: {told}"
        );
    }
}

#[tokio::test]
async fn mail_by_ses_needs_a_sender() {
    let (told, succeeded) = started_with(&[("MAIL_TRANSPORT", "ses")]).await;
    assert!(!succeeded);
    assert!(told.contains("MAIL_SENDER is not set"), "{told}");
    let (told, _) = started_with(&[("MAIL_TRANSPORT", "pigeon")]).await;
    assert!(told.contains("MAIL_TRANSPORT is \"pigeon\""), "{told}");
}
