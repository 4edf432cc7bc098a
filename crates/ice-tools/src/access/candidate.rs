//! Which granted places a path may mean.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ice_core::error::ErrorCode;
use ice_core::tools::{Grants, ToolError};

/// The longest path, in bytes.
const MAX_PATH: usize = 4096;

/// What is wanted of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Read,
    Write,
}

/// A granted place, and a path beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The granted folder or file.
    pub(super) root: PathBuf,
    /// The path beneath it; empty for the place itself.
    pub(super) rest: PathBuf,
}

/// The places a path may mean, in the order in which they are tried.
///
/// An absolute path means the granted places that it begins with. A relative path is tried against every granted
/// folder in the order they were granted, those that may be written after those that may only be read; a granted
/// file is meant by its name.
pub(super) fn candidates(grants: &Grants, path: &str, need: Need) -> Result<Vec<Candidate>, ToolError> {
    let invalid = |message: &str| ToolError::refused(ErrorCode::ToolInputInvalid, message);
    if path.is_empty() {
        return Err(invalid("the path is empty: write `.` for the granted folder"));
    }
    if path.len() > MAX_PATH || path.contains('\0') {
        return Err(invalid("the path is longer than 4,096 bytes or contains a zero byte"));
    }
    let (roots, flag): (Vec<&PathBuf>, _) = match need {
        Need::Read => (grants.read.iter().chain(&grants.write).collect(), "--ro"),
        Need::Write => (grants.write.iter().collect(), "--rw"),
    };
    if roots.is_empty() {
        let verb = if need == Need::Read { "read" } else { "written" };
        return Err(ToolError::refused(
            ErrorCode::GrantMissing,
            format!(
                "nothing may be {verb}: start the run with `{flag} PATH` for a folder that holds `{path}`"
            ),
        ));
    }
    let wanted = Path::new(path);
    let found: Vec<Candidate> = if wanted.is_absolute() {
        let beneath = |root: &&PathBuf| wanted.strip_prefix(root).map(Path::to_path_buf);
        roots
            .iter()
            .filter_map(|root| Some(Candidate { root: (*root).clone(), rest: beneath(root).ok()? }))
            .collect()
    } else {
        roots.into_iter().map(|root| Candidate { root: root.clone(), rest: wanted.to_path_buf() }).collect()
    };
    if found.is_empty() {
        return Err(ToolError::refused(
            ErrorCode::GrantMissing,
            format!(
                "`{path}` is outside of what was granted: start the run with `{flag} PATH` for a folder that \
                     holds it"
            ),
        ));
    }
    Ok(found)
}

impl Candidate {
    /// The folder and the name of a granted file, if that is what the candidate means.
    ///
    /// A link that was granted stands for the file it leads to: whoever granted it chose it.
    pub(super) fn as_granted_file(&self) -> Option<(PathBuf, OsString)> {
        let name = self.root.file_name()?;
        let mut rest = self.rest.components().filter(|part| !matches!(part, std::path::Component::CurDir));
        let is_meant = match (rest.next(), rest.next()) {
            (None, _) => true,
            (Some(std::path::Component::Normal(only)), None) => only == name,
            _ => false,
        };
        if !is_meant {
            return None;
        }
        let real = match std::fs::canonicalize(&self.root) {
            Ok(real) if real.is_dir() => return None,
            Ok(real) => real,
            // A file that is granted before it is written.
            Err(_) => std::fs::canonicalize(self.root.parent()?).ok()?.join(name),
        };
        Some((real.parent()?.to_path_buf(), real.file_name()?.to_os_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        Grants {
            read: vec!["/data".into(), "/more/in".into()],
            write: vec!["/out".into()],
            ..Grants::default()
        }
    }

    fn check(path: &str, need: Need, expected: Result<&[(&str, &str)], ErrorCode>) {
        let found = candidates(&grants(), path, need).map_err(|error| error.code);
        let expected = expected.map(|list| {
            let candidate = |(root, rest): &(&str, &str)| Candidate { root: root.into(), rest: rest.into() };
            list.iter().map(candidate).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_path_means_granted_places_only() {
        check("a/b", Need::Read, Ok(&[("/data", "a/b"), ("/more/in", "a/b"), ("/out", "a/b")]));
        check("a/b", Need::Write, Ok(&[("/out", "a/b")]));
        check("/more/in/x", Need::Read, Ok(&[("/more/in", "x")]));
        check("/data", Need::Read, Ok(&[("/data", "")]));
        check("/data/../etc/passwd", Need::Read, Ok(&[("/data", "../etc/passwd")]));
        check("/database", Need::Read, Err(ErrorCode::GrantMissing));
        check("/data/x", Need::Write, Err(ErrorCode::GrantMissing));
        check("", Need::Read, Err(ErrorCode::ToolInputInvalid));
        check("a\0b", Need::Read, Err(ErrorCode::ToolInputInvalid));
        check(&"a".repeat(5000), Need::Read, Err(ErrorCode::ToolInputInvalid));
    }

    #[test]
    fn the_missing_grant_is_named() {
        let none = Grants::default();
        let message = |need| candidates(&none, "a.txt", need).unwrap_err().message;
        assert!(message(Need::Read).contains("--ro PATH"));
        assert!(message(Need::Write).contains("--rw PATH"));
    }
}
