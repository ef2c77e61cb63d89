//! Builds and finds the binaries of functions, in the profile and target directory of the running test.
//!
//! Cargo tells a test only the binaries of its own package, so they are found beside the test. Cargo is
//! always asked to build first: that is cheap when nothing changed, and a stale binary proves nothing.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::repository;

/// How long one build may take: from nothing, on a busy machine of two cores, behind another build.
const BUILD_SECONDS_MAX: u64 = 1_200;
/// The pause between two looks at a build.
const LOOK_MILLISECONDS: u64 = 20;
/// The file that Cargo puts into the root of a target directory.
const TARGET_ROOT_FILE: &str = "CACHEDIR.TAG";

/// Where the running test was built, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The target directory.
    pub root: PathBuf,
    /// The folder of the profile's binaries.
    pub binaries: PathBuf,
    /// The profile, by the name that `--profile` takes.
    pub profile: String,
    /// The target triple, if one was asked for.
    pub triple: Option<String>,
}

impl Target {
    /// Reads the target of the running test from the path of its binary.
    #[must_use]
    pub fn of_this_test() -> Self {
        let test = std::env::current_exe().unwrap();
        // …/target/[triple/]debug/deps/samples-0123456789abcdef
        Self::of(&test).unwrap_or_else(|| panic!("{} is in no target directory", test.display()))
    }

    fn of(test: &Path) -> Option<Self> {
        let binaries = test.parent()?.parent()?;
        let above = binaries.parent()?;
        let is_root = |folder: &&Path| folder.join(TARGET_ROOT_FILE).is_file();
        let root = above.ancestors().find(is_root)?;
        let name = |folder: &Path| Some(folder.file_name()?.to_str()?.to_owned());
        Some(Self {
            root: root.to_owned(),
            binaries: binaries.to_owned(),
            profile: match name(binaries)?.as_str() {
                "debug" => "dev".to_owned(),
                other => other.to_owned(),
            },
            triple: (above != root).then(|| name(above)).flatten(),
        })
    }

    /// Returns the arguments that make Cargo build into this target.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["--profile".into(), (&self.profile).into()];
        arguments.extend(["--target-dir".into(), (&self.root).into()]);
        if let Some(triple) = &self.triple {
            arguments.extend(["--target".into(), triple.into()]);
        }
        arguments
    }
}

/// Returns the binary of a function's package, built from the sources as they are.
///
/// It blocks while Cargo builds, once for each function and process.
#[must_use]
pub fn function(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let target = Target::of_this_test();
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains(name) {
        build(name, &target);
        built.insert(name.to_owned());
    }
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    target.binaries.join(file)
}

/// Makes a command that runs Cargo in the repository, without what Cargo tells the tests it runs.
///
/// Build scripts would take those variables for changes, and be run again.
#[must_use]
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    clean(&mut command);
    command.current_dir(repository::root());
    command
}

/// Takes from a command's environment what Cargo sets for the tests it runs.
pub fn clean(command: &mut Command) {
    let own = [
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PRIMARY_",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if own.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

fn build(package: &str, target: &Target) {
    let mut command = cargo();
    command.args(["build", "--quiet", "--package", package, "--bin", package]);
    command.args(target.arguments()).stdin(Stdio::null());
    let mut build = command.spawn().expect("cargo can be started");
    let limit = Duration::from_secs(BUILD_SECONDS_MAX);
    let started = Instant::now();
    let status = loop {
        if let Some(status) = build.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > limit {
            build.kill().unwrap();
            panic!("{command:?} took more than {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(LOOK_MILLISECONDS));
    };
    assert!(status.success(), "{command:?} ended with {status}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_finds_its_target_profile_and_triple() {
        let this = Target::of_this_test();
        let test = |below: &str| Target::of(&this.root.join(below).join("deps/a-test")).unwrap();
        assert_eq!(
            (test("debug").profile.as_str(), test("debug").triple),
            ("dev", None)
        );
        assert_eq!(test("ci").profile, "ci");
        let cross = test("aarch64-unknown-linux-gnu/release");
        assert_eq!(cross.triple.as_deref(), Some("aarch64-unknown-linux-gnu"));
        assert_eq!((cross.profile.as_str(), cross.root), ("release", this.root));
    }

    #[test]
    fn a_file_outside_a_target_directory_has_none() {
        assert_eq!(Target::of(Path::new("/a/debug/deps/b")), None);
    }
}
