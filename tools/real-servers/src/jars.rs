//! Fetches a server's jars with Maven, once, and compiles the Java beside its `pom.xml`, below `.tools`.
//!
//! What is fetched is kept until the `pom.xml` changes; several test processes may ask at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::ServerError;
use crate::process::{file_error, run};

/// How long Maven may take: some 50 MB from a registry.
const FETCH_TIME_MAX: Duration = Duration::from_mins(5);
/// How long the Java compiler may take.
const COMPILE_TIME_MAX: Duration = Duration::from_mins(1);

/// A server's jars and classes.
#[derive(Debug)]
pub(crate) struct Jars {
    /// The folder with `pom.xml` and sources.
    pub(crate) sources: PathBuf,
    lib: PathBuf,
    classes: PathBuf,
}

impl Jars {
    /// Fetches and compiles what the folder `name` of this crate describes, unless that was done before.
    pub(crate) fn of(name: &str) -> Result<Self, ServerError> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = here.join(name);
        let target = here.join("../../.tools/real-servers").join(name);
        fs::create_dir_all(&target).map_err(|source| file_error(&target, source))?;
        let jars = Self {
            lib: target.join("lib"),
            classes: target.join("classes"),
            sources,
        };
        let lock = target.join("lock");
        let held = File::create(&lock).map_err(|source| file_error(&lock, source))?;
        held.lock().map_err(|source| file_error(&lock, source))?;
        jars.fetch(&target)?;
        jars.compile(&target)?;
        Ok(jars)
    }

    /// A call of `java` with the jars and classes on its class path.
    pub(crate) fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.arg("-cp").arg(self.class_path());
        java
    }

    fn class_path(&self) -> String {
        format!("{}:{}/*", self.classes.display(), self.lib.display())
    }

    fn fetch(&self, target: &Path) -> Result<(), ServerError> {
        let pom = self.sources.join("pom.xml");
        let wanted = fs::read_to_string(&pom).map_err(|source| file_error(&pom, source))?;
        let done = target.join("fetched-pom.xml");
        if fs::read_to_string(&done).is_ok_and(|fetched| fetched == wanted) {
            return Ok(());
        }
        if self.lib.exists() {
            fs::remove_dir_all(&self.lib).map_err(|source| file_error(&self.lib, source))?;
        }
        let mut maven = Command::new("mvn");
        maven
            .args([
                "-q",
                "-B",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                "-f",
            ])
            .arg(&pom)
            .arg(format!("-DoutputDirectory={}", self.lib.display()));
        run(maven, "", &target.join("maven.log"), FETCH_TIME_MAX)?;
        fs::write(&done, wanted).map_err(|source| file_error(&done, source))
    }

    fn compile(&self, target: &Path) -> Result<(), ServerError> {
        let listed = fs::read_dir(&self.sources);
        let listed = listed.map_err(|source| file_error(&self.sources, source))?;
        let paths = listed.filter_map(Result::ok).map(|entry| entry.path());
        let is_java = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "java");
        let mut sources: Vec<_> = paths.filter(is_java).collect();
        sources.sort();
        let read =
            |path: &PathBuf| fs::read_to_string(path).map_err(|source| file_error(path, source));
        let wanted = sources.iter().map(read).collect::<Result<String, _>>()?;
        let done = target.join("compiled.java");
        if fs::read_to_string(&done).is_ok_and(|compiled| compiled == wanted) {
            return Ok(());
        }
        let mut javac = Command::new("javac");
        javac.args(["--release", "17", "-d"]).arg(&self.classes);
        javac.arg("-cp").arg(format!("{}/*", self.lib.display()));
        javac.args(&sources);
        run(javac, "", &target.join("javac.log"), COMPILE_TIME_MAX)?;
        fs::write(&done, wanted).map_err(|source| file_error(&done, source))
    }
}
