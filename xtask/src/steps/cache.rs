//! The build folder that CI keeps between clones: it only grows, so it is emptied when it has grown too far.

use std::path::Path;

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::command::Runner;
use crate::{console, environment};

/// Past this many bytes the folder is emptied.
const LIMIT: u64 = 24 << 30;

/// Empties the shared build folder if it is too large. Folders that the caller chose are left alone.
pub(super) fn trim(runner: &Runner) -> Result<()> {
    if environment::is_ci() && environment::target_dir().is_none() {
        empty_beyond(runner.target(), LIMIT)?;
    }
    Ok(())
}

fn empty_beyond(folder: &Path, limit: u64) -> Result<()> {
    if size(folder) <= limit {
        return Ok(());
    }
    console::say(&format!("{} has grown beyond {} MiB: emptied", folder.display(), limit >> 20));
    std::fs::remove_dir_all(folder).with_context(|| format!("{} cannot be emptied", folder.display()))
}

/// Bytes of all files; what cannot be read counts nothing.
fn size(folder: &Path) -> u64 {
    WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_beyond_the_limit_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::create_dir_all(target.join("debug")).unwrap();
        std::fs::write(target.join("debug/x"), [0; 100]).unwrap();
        empty_beyond(&target, 100).unwrap();
        assert!(target.exists());
        empty_beyond(&target, 99).unwrap();
        assert!(!target.exists());
        empty_beyond(&target, 99).unwrap();
    }
}
