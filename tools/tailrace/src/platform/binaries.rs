//! Finds the function binaries, all of them before anything starts.
//!
//! It builds nothing: it says which command does.

use std::fmt;
use std::path::{Path, PathBuf};

use event_schema::catalogue::FunctionSpec;

/// Function binaries that are not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct MissingFunctionsError {
    folder: PathBuf,
    names: Vec<&'static str>,
    is_chosen: bool,
}

impl fmt::Display for MissingFunctionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages: Vec<String> = self.names.iter().map(|name| format!("-p {name}")).collect();
        writeln!(
            f,
            "no binary of {} in {}",
            self.names.join(", "),
            self.folder.display()
        )?;
        write!(
            f,
            "  build with: cargo build{} {}",
            profile_option(&self.folder),
            packages.join(" ")
        )?;
        if self.is_chosen {
            write!(
                f,
                "\n  or name the folder that has it: --functions-dir target/debug"
            )?;
        }
        Ok(())
    }
}

/// Returns each function's name with its binary: in `folder`, or beside this program.
pub(crate) fn find(
    functions: &[&'static FunctionSpec],
    folder: Option<&Path>,
) -> Result<Vec<(&'static str, PathBuf)>, MissingFunctionsError> {
    let is_chosen = folder.is_some();
    let folder = folder.map_or_else(own_folder, Path::to_owned);
    let binary = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let names = || functions.iter().map(|function| function.name);
    let missing: Vec<_> = names().filter(|name| !binary(name).is_file()).collect();
    if !missing.is_empty() {
        return Err(MissingFunctionsError {
            folder,
            names: missing,
            is_chosen,
        });
    }
    // Functions see the folder as LAMBDA_TASK_ROOT, which is absolute in AWS.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    Ok(names().map(|name| (name, absolute(binary(name)))).collect())
}

/// The folder of this program; the current one should the system not know.
fn own_folder() -> PathBuf {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    folder.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// What `cargo build` needs so that binaries come into a folder of this name.
fn profile_option(folder: &Path) -> String {
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("release") => " --release".to_owned(),
        Some("ci") => " --profile ci".to_owned(),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use event_schema::catalogue::FUNCTIONS;

    use super::*;

    fn missing_in(folder: &str) -> String {
        let is_one = |function: &&FunctionSpec| function.name == "order-created";
        let functions: Vec<_> = FUNCTIONS.iter().filter(is_one).collect();
        find(&functions, Some(Path::new(folder)))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_missing_binary_is_named_with_the_command_that_builds_it() {
        let text = missing_in("nowhere/debug");
        assert!(
            text.contains("no binary of order-created in nowhere/debug"),
            "{text}"
        );
        assert!(text.contains("cargo build -p order-created"), "{text}");
        assert!(text.contains("--functions-dir"), "{text}");
    }

    #[test]
    fn the_command_builds_into_the_folder_that_was_looked_into() {
        let release = missing_in("nowhere/release");
        assert!(release.contains("cargo build --release -p"), "{release}");
        let ci = missing_in("nowhere/ci");
        assert!(ci.contains("cargo build --profile ci -p"), "{ci}");
    }
}
