//! The project as guards see it: a root and the files that belong to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::environment;

/// The root folder and every file that is or would be under version control.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Project {
    /// The project this command was called for: cargo's manifest folder, else the nearest folder above the
    /// working one that holds a `layers.toml`.
    pub(crate) fn find() -> Result<Self> {
        let start = match environment::manifest_dir() {
            Some(folder) => folder,
            None => std::env::current_dir().context("the working folder cannot be read")?,
        };
        match start.ancestors().find(|folder| folder.join("layers.toml").is_file()) {
            Some(root) => Self::at(root),
            None => bail!("no layers.toml in or above {}; run this inside the project", start.display()),
        }
    }

    /// The project with this root.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        let files = match listed_by_git(root) {
            Some(files) => files,
            None => listed_by_walk(root)?,
        };
        Ok(Self { root: root.to_path_buf(), files })
    }

    /// The root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file below the root.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// Every file, relative to the root, with `/` between folders, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files whose names end in one of these extensions.
    pub(crate) fn files_ending(&self, extensions: &'static [&'static str]) -> impl Iterator<Item = &str> {
        self.files().filter(move |file| {
            file.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
        })
    }

    /// Whether a file belongs to the project.
    pub(crate) fn contains(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    /// Whether a folder holds a file of the project.
    pub(crate) fn contains_folder(&self, folder: &str) -> bool {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        self.files.iter().any(|file| file.starts_with(&prefix))
    }

    /// The text of a file.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.path(file)).with_context(|| format!("{file} cannot be read"))
    }

    /// The text of a file, or nothing if it is not UTF-8.
    pub(crate) fn read_text(&self, file: &str) -> Result<Option<String>> {
        let bytes = std::fs::read(self.path(file)).with_context(|| format!("{file} cannot be read"))?;
        Ok(String::from_utf8(bytes).ok())
    }
}

/// Tracked files and new ones that are not ignored; nothing where git does not know the folder as the top of
/// a work tree.
fn listed_by_git(root: &Path) -> Option<BTreeSet<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    // A file that was deleted but not yet staged is still listed.
    Some(
        names
            .split('\0')
            .filter(|name| !name.is_empty() && root.join(name).is_file())
            .map(str::to_owned)
            .collect(),
    )
}

fn listed_by_walk(root: &Path) -> Result<BTreeSet<String>> {
    let is_ours = |name: &str| name != "target" && name != ".git" && name != ".ice";
    let mut files = BTreeSet::new();
    let walk = WalkDir::new(root).into_iter().filter_entry(|entry| {
        entry.depth() == 0 || !entry.file_type().is_dir() || entry.file_name().to_str().is_some_and(is_ours)
    });
    for entry in walk {
        let entry = entry.context("the project's files cannot be listed")?;
        if entry.file_type().is_file()
            && let Ok(relative) = entry.path().strip_prefix(root)
        {
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            files.insert(parts.join("/"));
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) mod fixture {
    //! Small projects in temporary folders, for the tests of guards.

    use super::Project;

    /// A project of these files, and the folder that must outlive it.
    pub(crate) fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let project = Project::at(folder.path()).unwrap();
        (folder, project)
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::project;

    #[test]
    fn files_are_listed_without_build_output() {
        let (_folder, project) = project(&[("a/b.rs", ""), ("target/x", ""), ("c.md", "")]);
        assert_eq!(project.files().collect::<Vec<_>>(), ["a/b.rs", "c.md"]);
        assert!(project.contains_folder("a") && !project.contains_folder("target"));
        assert_eq!(project.files_ending(&["md"]).collect::<Vec<_>>(), ["c.md"]);
    }
}
