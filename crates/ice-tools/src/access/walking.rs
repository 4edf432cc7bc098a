//! Listing the files beneath a granted folder.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ice_core::error::ErrorCode;
use ice_core::time::Moment;
use ice_core::tools::{ToolContext, ToolError};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::beneath::{self, HANDLE};
use super::candidate::{Need, candidates};
use super::refusal::{is_absent, refuse};

/// The deepest folder that is looked into.
const MAX_DEPTH: usize = 64;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link. It is not followed.
    Link,
    /// A pipe, socket or device.
    Other,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path beneath the folder that was listed, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) kind: EntryKind,
    /// In bytes; of files only.
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<Moment>,
}

/// How to walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// Whether folders within are looked into.
    pub(crate) recursive: bool,
    /// Whether names that begin with a dot are left out.
    pub(crate) skip_hidden: bool,
}

/// Everything beneath a folder, in the order of the file system. Links are listed, not followed. Names that are
/// no UTF-8 are shown with replacement characters. Blocks; looks at the cancel token as it goes.
///
/// At most `ctx.limits.max_items` entries are looked at; more are an error, never a silent cut.
pub(crate) fn walk(ctx: &ToolContext, path: &str, how: Walk) -> Result<Vec<Entry>, ToolError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut last = Errno::NOENT;
    for candidate in candidates(&ctx.grants, path, Need::Read)? {
        let opened =
            rustix::fs::open(&candidate.root, HANDLE | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .and_then(|root| beneath::open(root.as_fd(), &candidate.rest, flags, Mode::empty()));
        match opened {
            Ok(folder) => {
                let mut walker = Walker { ctx, path, how, found: Vec::new() };
                walker.visit(&folder, "", 0)?;
                return Ok(walker.found);
            }
            Err(errno) if is_absent(errno) => last = errno,
            Err(errno) => return Err(refuse(path, errno)),
        }
    }
    Err(if last == Errno::NOTDIR {
        ToolError::refused(ErrorCode::FileUnreadable, format!("`{path}` is no folder"))
    } else {
        refuse(path, last)
    })
}

struct Walker<'c> {
    ctx: &'c ToolContext,
    path: &'c str,
    how: Walk,
    found: Vec<Entry>,
}

impl Walker<'_> {
    fn visit(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) -> Result<(), ToolError> {
        let limit = |message: String| Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        if depth > MAX_DEPTH {
            return limit(format!("`{}` nests deeper than {MAX_DEPTH} folders", self.path));
        }
        let mut dir = Dir::read_from(folder).map_err(|errno| refuse(self.path, errno))?;
        while let Some(entry) = dir.read() {
            if self.ctx.cancel.is_cancelled() {
                return Err(ToolError::cancelled().not_started());
            }
            let entry = entry.map_err(|errno| refuse(self.path, errno))?;
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            if matches!(&*shown, "." | "..") || (self.how.skip_hidden && shown.starts_with('.')) {
                continue;
            }
            if self.found.len() == self.ctx.limits.max_items {
                let most = self.ctx.limits.max_items;
                return limit(format!("`{}` holds more than {most} entries: list a part of it", self.path));
            }
            let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
                // Gone since it was listed.
                continue;
            };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => EntryKind::File,
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => EntryKind::Other,
            };
            let path = if prefix.is_empty() { shown.into_owned() } else { format!("{prefix}/{shown}") };
            self.found.push(Entry {
                path: path.clone(),
                kind,
                size: (kind == EntryKind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
                modified: Some(modified(&stat)),
            });
            if kind == EntryKind::Folder && self.how.recursive {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
                match beneath::open(
                    folder.as_fd(),
                    Path::new(OsStr::from_bytes(name.to_bytes())),
                    flags,
                    Mode::empty(),
                ) {
                    Ok(inner) => self.visit(&inner, &path, depth + 1)?,
                    // Listed, but not ours to look into.
                    Err(Errno::ACCESS | Errno::PERM | Errno::NOENT | Errno::NOTDIR) => {}
                    Err(errno) => return Err(refuse(self.path, errno)),
                }
            }
        }
        Ok(())
    }
}

fn modified(stat: &rustix::fs::Stat) -> Moment {
    #[expect(clippy::unnecessary_cast, reason = "the width of these fields differs between systems")]
    let (seconds, nanos) = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
    Moment::from_millis(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}
