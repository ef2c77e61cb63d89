//! The repository's files, for tests that hold it against itself.
//!
//! What Git would not keep (build output, tools, dependencies of other languages) is left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap()
}

/// Reads a text file, by its path from the root.
#[must_use]
pub fn read(path: &Path) -> String {
    let text = fs::read_to_string(root().join(path));
    text.unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Returns every file that Git keeps or would keep, by its path from the root, sorted.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = git
        .current_dir(root())
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "{git:?} failed");
    let listed = String::from_utf8(output.stdout).unwrap();
    let names = listed.split('\0').filter(|name| !name.is_empty());
    let mut files: Vec<PathBuf> = names.map(PathBuf::from).collect();
    // A file that was deleted and not committed yet is still listed.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    files
}

/// Returns the names of the folders in a folder, by its path from the root, sorted.
#[must_use]
pub fn folders(path: &str) -> Vec<String> {
    let mut folders: Vec<String> = files()
        .iter()
        .filter_map(|file| {
            let mut below = file.strip_prefix(path).ok()?.components();
            let folder = below.next()?;
            below.next()?;
            Some(folder.as_os_str().to_str()?.to_owned())
        })
        .collect();
    folders.dedup();
    folders
}
