//! The paths of a manifest, made absolute without looking at the disk.

use std::path::{Component, Path, PathBuf};

use crate::document::Problem;
use crate::error::ErrorCode;

/// A path in a manifest that lies in `folder`, made absolute. A `..` takes back the part before it.
///
/// # Errors
/// [`Problem`] if it is empty, begins at `~`, or is the whole file system.
pub fn resolve(folder: &Path, written: &str) -> Result<PathBuf, Problem> {
    let refused = |message: &str| Problem::new(ErrorCode::OutOfRange, message);
    if written.trim().is_empty() {
        return Err(refused("the path is empty").advise("write `.` for the manifest's own folder"));
    }
    if written.contains('\0') {
        return Err(refused("a path has no NUL characters"));
    }
    if written == "~" || written.starts_with("~/") {
        return Err(refused("`~` means nothing here").advise("write the whole path"));
    }
    let mut resolved = PathBuf::new();
    for part in folder.join(written).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => resolved.push(part),
        }
    }
    if resolved.parent().is_none() {
        return Err(refused("the whole file system cannot be granted").advise("name the folders it needs"));
    }
    Ok(resolved)
}
