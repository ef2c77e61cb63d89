//! House rules that a compiler does not know: every file says what it is for, is short, and stands alone.
//!
//! All breaches of a rule are reported at once. Formatting and lints are rustfmt's and clippy's work.

use std::path::{Path, PathBuf};

use system_tests::repository;

/// Lines of a source file.
const LINES_MAX: usize = 500;

/// Kinds of files that people write as code.
const CODE: [&str; 4] = ["rs", "sh", "ts", "tsx"];

#[test]
fn every_source_file_says_what_it_is_for() {
    let is_said =
        |text: &str| text.starts_with("//!") || text.starts_with("#![doc = include_str!(");
    let breaches = files(&["rs"], |text| !is_said(text));
    assert!(
        breaches.is_empty(),
        "these do not begin with `//!`:{}",
        listed(&breaches)
    );
}

#[test]
fn no_source_file_is_too_long() {
    let breaches = files(&CODE, |text| text.lines().count() > LINES_MAX);
    assert!(
        breaches.is_empty(),
        "these have more than {LINES_MAX} lines:{}",
        listed(&breaches)
    );
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_switched_off() {
    // Put together, so that this file does not hold them.
    let words = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["#[ign", "ore"],
        ["todo", "!("],
    ]
    .map(|word| word.concat());
    let breaches = files(&CODE, |text| words.iter().any(|word| text.contains(word)));
    assert!(
        breaches.is_empty(),
        "these hold one of {words:?}:{}",
        listed(&breaches)
    );
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let root = repository::root().to_str().unwrap();
    let folders = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/Use", "rs/"],
        ["/wo", "rk/"],
    ];
    let mut paths = folders.map(|folder| folder.concat()).to_vec();
    paths.push(format!("{root}/"));
    let breaches = files(&[], |text| paths.iter().any(|path| text.contains(path)));
    assert!(
        breaches.is_empty(),
        "these hold one of {paths:?}:{}",
        listed(&breaches)
    );
}

#[test]
fn the_rules_see_the_files() {
    let sources = files(&["rs"], |_| true);
    assert!(
        sources.contains(&PathBuf::from("tests/tests/parity/tidy.rs")),
        "{}",
        listed(&sources)
    );
    assert!(sources.len() > 100, "{}", listed(&sources));
}

/// Returns the files of these kinds, or of all, whose text breaks a rule; what is no text is passed over.
fn files(kinds: &[&str], breaks: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let is_of_kind = |file: &Path| {
        let kind = file.extension().and_then(|kind| kind.to_str());
        kinds.is_empty() || kind.is_some_and(|kind| kinds.contains(&kind))
    };
    let mut files = repository::files();
    files.retain(|file| is_of_kind(file));
    files.retain(|file| {
        let text = std::fs::read_to_string(repository::root().join(file));
        text.is_ok_and(|text| breaks(&text))
    });
    files
}

fn listed(files: &[PathBuf]) -> String {
    let lines = files.iter().map(|file| file.display().to_string());
    format!("\n  {}", lines.collect::<Vec<_>>().join("\n  "))
}

/// Returns the targets of a document's links that are files of the repository.
fn linked_files(document: &Path, text: &str) -> Vec<PathBuf> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let paths = targets.filter_map(|(target, _)| {
        let path = target.split('#').next()?;
        let is_file = !path.is_empty() && !path.contains("://") && !path.contains(' ');
        is_file.then(|| document.parent().unwrap().join(path))
    });
    paths.collect()
}

#[test]
fn no_link_of_a_document_leads_nowhere() {
    let documents = files(&["md"], |_| true);
    let is_broken = |link: &PathBuf| !repository::root().join(link).exists();
    let links = documents
        .iter()
        .flat_map(|one| linked_files(one, &repository::read(one)));
    let broken: Vec<_> = links.filter(is_broken).collect();
    assert!(
        broken.is_empty(),
        "linked to, but not there:{}",
        listed(&broken)
    );
    let text = "[a](b/c.md#d), [e](https://f.g) and [h](#i)";
    assert_eq!(
        linked_files(Path::new("x/y.md"), text),
        [PathBuf::from("x/b/c.md")]
    );
}
