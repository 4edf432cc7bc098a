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

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// How many entries the system denies to look at, and folders that it denies to look into.
    pub(crate) skipped: usize,
}

/// Everything beneath a folder, in the order of the file system. Links are listed, not followed. Names that are
/// no UTF-8 are shown with replacement characters. What the system denies within the folder is passed over and counted; an
/// error names the entry it is about. Blocks; looks at the cancel token as it goes.
///
/// At most `ctx.limits.max_items` entries are looked at; more are an error, never a silent cut.
pub(crate) fn walk(ctx: &ToolContext, path: &str, how: Walk) -> Result<Found, ToolError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut last = Errno::NOENT;
    for candidate in candidates(&ctx.grants, path, Need::Read)? {
        let opened =
            rustix::fs::open(&candidate.root, HANDLE | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .and_then(|root| beneath::open(root.as_fd(), &candidate.rest, flags, Mode::empty()));
        match opened {
            Ok(folder) => {
                let dir = Dir::read_from(&folder).map_err(|errno| refuse(path, errno))?;
                let mut walker = Walker { ctx, path, how, found: Found::default() };
                walker.visit(&folder, dir, "", 0)?;
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
    found: Found,
}

impl Walker<'_> {
    fn visit(&mut self, folder: &OwnedFd, mut dir: Dir, prefix: &str, depth: usize) -> Result<(), ToolError> {
        let limit = |message: String| Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        if depth > MAX_DEPTH {
            return limit(format!("`{}` nests deeper than {MAX_DEPTH} folders", self.path));
        }
        while let Some(entry) = dir.read() {
            if self.ctx.cancel.is_cancelled() {
                return Err(ToolError::cancelled().not_started());
            }
            let entry = entry.map_err(|errno| refuse(&self.shown(prefix), errno))?;
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            if matches!(&*shown, "." | "..") || (self.how.skip_hidden && shown.starts_with('.')) {
                continue;
            }
            if self.found.entries.len() + self.found.skipped >= self.ctx.limits.max_items {
                let most = self.ctx.limits.max_items;
                return limit(format!("`{}` holds more than {most} entries: list a part of it", self.path));
            }
            let path = if prefix.is_empty() { shown.into_owned() } else { format!("{prefix}/{shown}") };
            let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
            let Some(stat) = self.unless_passed_over(stat, &path)? else { continue };
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
            self.found.entries.push(Entry {
                path: path.clone(),
                kind,
                size: (kind == EntryKind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
                modified: Some(modified(&stat)),
            });
            if kind == EntryKind::Folder && self.how.recursive {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
                let name = Path::new(OsStr::from_bytes(name.to_bytes()));
                let opened = beneath::open(folder.as_fd(), name, flags, Mode::empty())
                    .and_then(|inner| Ok((Dir::read_from(&inner)?, inner)));
                if let Some((dir, inner)) = self.unless_passed_over(opened, &path)? {
                    self.visit(&inner, dir, &path, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// What was opened; nothing if it is gone since it was listed, or if the system denies it.
    fn unless_passed_over<T>(
        &mut self,
        opened: Result<T, Errno>,
        path: &str,
    ) -> Result<Option<T>, ToolError> {
        match opened {
            Ok(opened) => Ok(Some(opened)),
            // With a link in the place of a folder, that folder is gone as well.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(Errno::ACCESS | Errno::PERM) => {
                self.found.skipped += 1;
                Ok(None)
            }
            Err(errno) => Err(refuse(&self.shown(path), errno)),
        }
    }

    /// A path beneath the folder as the caller may write it.
    fn shown(&self, path: &str) -> String {
        match self.path.trim_end_matches('/') {
            whole if path.is_empty() => whole.to_owned(),
            "." => path.to_owned(),
            folder => format!("{folder}/{path}"),
        }
    }
}

fn modified(stat: &rustix::fs::Stat) -> Moment {
    #[expect(clippy::unnecessary_cast, reason = "the width of these fields differs between systems")]
    let (seconds, nanos) = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
    Moment::from_millis(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}
