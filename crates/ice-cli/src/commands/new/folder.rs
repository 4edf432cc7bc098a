//! The folder of a new tool: there with all of its files or not at all.

use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::file;

/// Refuses what cannot name a tool.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(rest) || name.len() > 64 {
        return Err(Fault::usage(format!("`{name}` is no name for a tool"))
            .help("a lower-case letter, then at most 63 lower-case letters, digits or `_`"));
    }
    Ok(())
}

/// Makes a folder with these files, by their names in it.
pub(super) fn create(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, Fault> {
    std::fs::create_dir(folder).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            file::exists(folder)
        } else {
            Fault::file("make the folder", folder, &error)
        }
    })?;
    let written = fill(folder, files);
    if written.is_err() {
        // Half a tool is of no use, and the next attempt would find the folder taken. What stands in the way of
        // removing it is not what the user must hear of.
        let _ = std::fs::remove_dir_all(folder);
    }
    written
}

fn fill(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, Fault> {
    let mut written = Vec::with_capacity(files.len());
    for (name, text) in files {
        let file = folder.join(name);
        if let Some(parent) = file.parent().filter(|parent| *parent != folder) {
            std::fs::create_dir_all(parent)
                .map_err(|error| Fault::file("make the folder", parent, &error))?;
        }
        file::create(&file, text)?;
        written.push(file);
    }
    Ok(written)
}
