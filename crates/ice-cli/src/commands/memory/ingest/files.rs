//! Which files are meant.

use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ice_core::error::ErrorCode;

use super::report::Failure;
use crate::fault::{Fault, plain};

/// The most files.
const MAX_FILES: usize = 100_000;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 64;

/// Patterns of which one must fit, if there are any.
#[derive(Debug)]
pub(super) struct Patterns(Option<GlobSet>);

impl Patterns {
    /// Reads them. One without `/` is compared with the name of a file, any other with its path below the folder.
    ///
    /// # Errors
    /// [`ErrorCode::Usage`] with the one that cannot be read.
    pub(super) fn read(patterns: &[String]) -> Result<Self, Fault> {
        if patterns.is_empty() {
            return Ok(Self(None));
        }
        let wrong = |error: &globset::Error| {
            Fault::usage(format!("the pattern cannot be read: {error}"))
                .help("write one as `*.md`, or as `docs/**/*.md` with folders in it")
        };
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let whole = if pattern.contains('/') { pattern.clone() } else { format!("**/{pattern}") };
            set.add(GlobBuilder::new(&whole).literal_separator(true).build().map_err(|error| wrong(&error))?);
        }
        Ok(Self(Some(set.build().map_err(|error| wrong(&error))?)))
    }

    /// Whether there are any.
    pub(super) const fn are_given(&self) -> bool {
        self.0.is_some()
    }

    fn fit(&self, below: &Path) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(below))
    }
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files in the order of their names, each once.
    pub(super) files: Vec<File>,
    /// The files and folders that were named, as absolute paths, whether they are there or not.
    pub(super) named: Vec<PathBuf>,
    /// What cannot be looked at.
    pub(super) failures: Vec<Failure>,
    /// Named, and not there.
    pub(super) missing: Vec<PathBuf>,
}

/// A file that is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Whether somebody named it, rather than a folder it is in.
    pub(super) is_named: bool,
}

impl Found {
    /// Looks for files: those that are named, and those in folders that are named. Within folders, what is hidden and links are
    /// passed over.
    ///
    /// # Errors
    /// [`ErrorCode::LimitExceeded`] if there are more than can be.
    pub(super) fn look(paths: &[PathBuf], patterns: &Patterns) -> Result<Self, Fault> {
        let mut found = Self::default();
        for path in paths {
            match path.canonicalize() {
                Ok(place) if place.is_dir() => {
                    found.walk(&place, &place, 0, patterns)?;
                    found.named.push(place);
                }
                Ok(place) => {
                    found.add(File { path: place.clone(), is_named: true })?;
                    found.named.push(place);
                }
                Err(error) => {
                    let place = absolute(path);
                    if error.kind() == io::ErrorKind::NotFound {
                        found.missing.push(place.clone());
                    } else {
                        found.failures.push(unreadable(path, &error));
                    }
                    found.named.push(place);
                }
            }
        }
        found.files.sort();
        // A file that is named and found in a folder, too, is named: `true` is the greater one.
        found.files.reverse();
        found.files.dedup_by(|one, other| one.path == other.path);
        found.files.reverse();
        Ok(found)
    }

    fn add(&mut self, file: File) -> Result<(), Fault> {
        if self.files.len() >= MAX_FILES {
            let message = format!("there are more than {MAX_FILES} files");
            return Err(Fault::new(ErrorCode::LimitExceeded, message)
                .help("ingest one folder after the other, or choose files with `--glob`"));
        }
        self.files.push(file);
        Ok(())
    }

    fn walk(&mut self, root: &Path, folder: &Path, depth: usize, patterns: &Patterns) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            let reason = format!("folders are looked into {MAX_DEPTH} deep");
            self.failures.push(Failure::new(folder, ErrorCode::LimitExceeded, reason));
            return Ok(());
        }
        let entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                self.failures.push(unreadable(folder, &error));
                return Ok(());
            }
        };
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.walk(root, &path, depth + 1, patterns)?,
                Ok(kind) if kind.is_file() => {
                    if patterns.fit(path.strip_prefix(root).unwrap_or(&path)) {
                        self.add(File { path, is_named: false })?;
                    }
                }
                Ok(_) => {}
                Err(error) => self.failures.push(unreadable(&path, &error)),
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(path, ErrorCode::FileUnreadable, plain(error))
}

/// Where something would be that is not there.
fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut place = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => place.push(part),
        }
    }
    // As far as it is there, it is called as it is there.
    for above in place.ancestors().skip(1) {
        if let (Ok(known), Ok(rest)) = (above.canonicalize(), place.strip_prefix(above)) {
            return known.join(rest);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_looked_into_without_what_is_hidden_and_links() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for folder in ["a/b", ".git"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["a/one.md", "a/b/two.md", "a/b/three.txt", ".git/four.md", "a/.five.md"] {
            std::fs::write(root.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(&root, root.join("a/loop")).unwrap();
        let look = |paths: &[&str], patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
            let found = Found::look(&paths, &Patterns::read(&patterns).unwrap()).unwrap();
            let below = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let files: Vec<_> = found.files.iter().map(|file| (below(&file.path), file.is_named)).collect();
            (files, found.missing.iter().map(|path| below(path)).collect::<Vec<_>>())
        };
        let named = |names: &[&str], is_named| {
            names.iter().map(|name| ((*name).to_owned(), is_named)).collect::<Vec<_>>()
        };
        assert_eq!(look(&["a"], &[]).0, named(&["a/b/three.txt", "a/b/two.md", "a/one.md"], false));
        assert_eq!(look(&["."], &["*.md"]).0, named(&["a/b/two.md", "a/one.md"], false));
        assert_eq!(look(&["a"], &["b/*"]).0, named(&["a/b/three.txt", "a/b/two.md"], false));
        let (files, missing) = look(&["a/b", "a/b/two.md", "a/.five.md", "a/../a/gone.md"], &["*.md"]);
        assert_eq!(files, named(&["a/.five.md", "a/b/two.md"], true));
        assert_eq!(missing, ["a/gone.md"]);
        assert!(
            Patterns::read(&["[".to_owned()]).unwrap_err().message.contains("the pattern cannot be read")
        );
    }
}
