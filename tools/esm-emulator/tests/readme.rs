//! Every test the README's conformance table names exists.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

/// Returns all Rust sources below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |path: &Path| {
        if path.is_dir() {
            sources(path)
        } else {
            fs::read_to_string(path).unwrap()
        }
    };
    entries.map(|path| read(&path)).collect()
}

#[test]
fn every_rule_of_the_conformance_table_has_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources(&folder.join("src")) + &sources(&folder.join("tests"));
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let rules: Vec<_> = readme.lines().filter(|line| line.contains("| §")).collect();
    assert!(rules.len() >= 20, "{} rules", rules.len());
    for rule in rules {
        let tests = rule.split('|').nth(3).unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {rule}");
        for name in names {
            assert!(
                sources.contains(&format!("fn {name}()")),
                "there is no test {name}"
            );
        }
    }
}
