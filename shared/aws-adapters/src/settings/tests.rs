//! Settings are heeded, and what is wrong with them is reported all at once.

use super::*;

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/dead-letters";

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn problem_names(variables: &[(&str, &str)]) -> Vec<&'static str> {
    let problems = read(variables).map_or_else(|error| error.problems, |_| Vec::new());
    problems.into_iter().map(|problem| problem.name).collect()
}

#[test]
fn a_queue_is_all_that_must_be_set() {
    let settings = read(&[("DEAD_LETTER_QUEUE_URL", QUEUE)]).unwrap();
    assert_eq!(
        settings,
        Settings {
            table_prefix: String::new(),
            dead_letter_queue_url: QUEUE.into(),
            overflow_bucket: None,
            partial_batch_response: false,
            deadline_margin: Duration::from_secs(2),
            code_version: env!("CARGO_PKG_VERSION").into(),
            metrics_namespace: "Tailrace".into(),
            log_filter: "info".into(),
            log_format: LogFormat::Json,
        }
    );
}

#[test]
fn every_setting_is_heeded() {
    let settings = read(&[
        ("TABLE_PREFIX", "prod-"),
        (
            "DEAD_LETTER_QUEUE_URL",
            "http://127.0.0.1:9324/000000000000/dead-letters",
        ),
        ("OVERFLOW_BUCKET", "large-values"),
        ("PARTIAL_BATCH_RESPONSE", "true"),
        ("DEADLINE_MARGIN_MS", "500"),
        ("CODE_VERSION", "2026-11-21.1"),
        ("METRICS_NAMESPACE", "Shop/Events"),
        ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ("RUST_LOG", "trace"),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
    ])
    .unwrap();
    assert_eq!(settings.table_prefix, "prod-");
    assert_eq!(settings.overflow_bucket.as_deref(), Some("large-values"));
    assert!(settings.partial_batch_response);
    assert_eq!(
        settings.engine().deadline_margin,
        Duration::from_millis(500)
    );
    assert_eq!(settings.engine().code_version, "2026-11-21.1");
    assert_eq!(settings.metrics_namespace, "Shop/Events");
    assert_eq!(settings.log_filter, "warn");
    assert_eq!(settings.log_format, LogFormat::Text);
}

#[test]
fn all_problems_are_found_at_once() {
    let names = problem_names(&[
        ("TABLE_PREFIX", "prod/"),
        ("OVERFLOW_BUCKET", "Large_Values"),
        ("PARTIAL_BATCH_RESPONSE", "yes"),
        ("DEADLINE_MARGIN_MS", "99"),
        ("CODE_VERSION", "a\nb"),
        ("METRICS_NAMESPACE", "AWS/Lambda"),
        ("AWS_LAMBDA_LOG_LEVEL", "LOUD"),
        ("AWS_LAMBDA_LOG_FORMAT", "xml"),
    ]);
    assert_eq!(
        names,
        [
            "TABLE_PREFIX",
            "DEAD_LETTER_QUEUE_URL",
            "OVERFLOW_BUCKET",
            "PARTIAL_BATCH_RESPONSE",
            "DEADLINE_MARGIN_MS",
            "CODE_VERSION",
            "METRICS_NAMESPACE",
            "AWS_LAMBDA_LOG_LEVEL",
            "AWS_LAMBDA_LOG_FORMAT",
        ]
    );
}

#[test]
fn a_problem_says_what_was_found_and_what_would_be_right() {
    let error = read(&[("DEADLINE_MARGIN_MS", "2s")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 setting(s) cannot be used\n  \
         DEAD_LETTER_QUEUE_URL is not set; it has to be the https:// or http:// URL of a standard SQS queue\n  \
         DEADLINE_MARGIN_MS is \"2s\"; it has to be a whole number of milliseconds from 100 to 60000"
    );
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let settings = read(&[("DEAD_LETTER_QUEUE_URL", QUEUE), ("METRICS_NAMESPACE", "")]).unwrap();
    assert_eq!(settings.metrics_namespace, "Tailrace");
    assert_eq!(
        problem_names(&[("DEAD_LETTER_QUEUE_URL", "")]),
        ["DEAD_LETTER_QUEUE_URL"]
    );
}

#[test]
fn a_fifo_queue_or_a_mere_name_is_refused() {
    for url in [
        "dead-letters",
        "https://host",
        "https:///1/q",
        &format!("{QUEUE}.fifo"),
        "https://h/ q",
    ] {
        assert_eq!(
            problem_names(&[("DEAD_LETTER_QUEUE_URL", url)]),
            ["DEAD_LETTER_QUEUE_URL"]
        );
    }
}

#[test]
fn bounds_of_the_margin_are_inclusive() {
    for (ms, right) in [
        ("100", true),
        ("60000", true),
        ("60001", false),
        ("-1", false),
    ] {
        let variables = [("DEAD_LETTER_QUEUE_URL", QUEUE), ("DEADLINE_MARGIN_MS", ms)];
        assert_eq!(problem_names(&variables).is_empty(), right, "{ms}");
    }
}

#[test]
fn rust_log_counts_where_lambda_sets_no_level() {
    let queue = ("DEAD_LETTER_QUEUE_URL", QUEUE);
    let settings = read(&[queue, ("RUST_LOG", "warn,processing=debug")]).unwrap();
    assert_eq!(settings.log_filter, "warn,processing=debug");
    assert_eq!(
        problem_names(&[queue, ("RUST_LOG", "info=verbose=x")]),
        ["RUST_LOG"]
    );
}

#[test]
fn a_missing_runtime_is_named_variable_by_variable() {
    assert_eq!(runtime_problems(|_| None).len(), 4);
    assert!(runtime_problems(|_| Some("128".to_owned())).is_empty());
    let not_a_number = runtime_problems(|_| Some("x".to_owned()));
    assert_eq!(not_a_number[0].name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
}
