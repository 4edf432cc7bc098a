//! Writing files: whole ones appear at once or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::beneath::{self, HANDLE};
use super::candidate::{Candidate, Need, candidates};
use super::reading::regular_size;
use super::refusal::{is_absent, refuse, special};

/// How much is written between two looks at the cancel token, in bytes.
const STEP: usize = 1 << 20;

/// What to do with a file that exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteMode {
    /// Refuse, unless it has exactly this content already.
    Create,
    /// Replace it as a whole.
    #[default]
    Overwrite,
    /// Write behind its end.
    Append,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The size of the file now, in bytes.
    pub(crate) size: u64,
    /// Whether there was a file before.
    pub(crate) existed: bool,
}

/// Writes a file within the folders that may be written. Folders on the way are made. Blocks; looks at the
/// cancel token as it goes.
///
/// `Create` and `Overwrite` write beside the file, sync, and put the whole in place; whoever reads meanwhile sees
/// the old file or the new one. Links are never written through.
pub(crate) fn write(
    ctx: &ToolContext,
    path: &str,
    content: &[u8],
    mode: WriteMode,
) -> Result<Written, ToolError> {
    let max = ctx.limits.max_write_bytes;
    check_size(path, content.len() as u64, max)?;
    let (folder, name) = place(ctx, path)?;
    let target = Target { ctx, path, folder, name };
    match mode {
        WriteMode::Create => target.create(content),
        WriteMode::Overwrite => target.overwrite(content),
        WriteMode::Append => target.append(content),
    }
}

fn check_size(path: &str, size: u64, max: u64) -> Result<(), ToolError> {
    if size > max {
        let message = format!("`{path}` would have {size} bytes, and {max} is the most that is written");
        return Err(ToolError::refused(ErrorCode::FileTooLarge, message));
    }
    Ok(())
}

/// The folder a path lies in, made if need be, and the name in it: in the first granted place where the folder
/// exists, else in the first where it can be made.
fn place(ctx: &ToolContext, path: &str) -> Result<(OwnedFd, OsString), ToolError> {
    let candidates = candidates(&ctx.grants, path, Need::Write)?;
    if path.ends_with('/') {
        return Err(refuse(path, Errno::ISDIR));
    }
    for make in [false, true] {
        for candidate in &candidates {
            match parent(candidate, make) {
                Ok(found) => return Ok(found),
                Err(errno) if is_absent(errno) => {}
                Err(errno) => return Err(refuse(path, errno)),
            }
        }
    }
    Err(refuse(path, Errno::NOENT))
}

fn parent(candidate: &Candidate, make: bool) -> Result<(OwnedFd, OsString), Errno> {
    let handle = HANDLE | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Some((folder, name)) = candidate.as_granted_file() {
        return Ok((rustix::fs::open(&folder, handle, Mode::empty())?, name));
    }
    let root = rustix::fs::open(&candidate.root, handle, Mode::empty())?;
    let leaves =
        candidate.rest.components().any(|part| matches!(part, Component::ParentDir | Component::RootDir));
    if leaves {
        return Err(Errno::XDEV);
    }
    let name = candidate.rest.file_name().ok_or(Errno::ISDIR)?.to_os_string();
    let folder = candidate.rest.parent().unwrap_or(Path::new(""));
    match beneath::open(root.as_fd(), folder, handle, Mode::empty()) {
        Err(Errno::NOENT) if make => make_folders(root, folder).map(|folder| (folder, name)),
        result => result.map(|folder| (folder, name)),
    }
}

fn make_folders(root: OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let handle = HANDLE | OFlags::DIRECTORY;
    let mut here = root;
    let mut walked = std::path::PathBuf::new();
    let top = here.try_clone().map_err(|_| Errno::MFILE)?;
    for component in path.components() {
        walked.push(component);
        here = match beneath::open(top.as_fd(), &walked, handle, Mode::empty()) {
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(&here, component.as_os_str(), Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno),
                }
                beneath::open(top.as_fd(), &walked, handle, Mode::empty())?
            }
            result => result?,
        };
    }
    Ok(here)
}

struct Target<'c> {
    ctx: &'c ToolContext,
    path: &'c str,
    folder: OwnedFd,
    name: OsString,
}

impl Target<'_> {
    fn overwrite(&self, content: &[u8]) -> Result<Written, ToolError> {
        let before = self.existing()?;
        let temporary = self.write_beside(content, before)?;
        let renamed = rustix::fs::renameat(&self.folder, &temporary, &self.folder, &self.name);
        if let Err(errno) = renamed {
            self.remove(&temporary);
            return Err(self.failed("be put in place", errno));
        }
        self.sync_folder()?;
        Ok(Written { size: content.len() as u64, existed: before.is_some() })
    }

    fn create(&self, content: &[u8]) -> Result<Written, ToolError> {
        if self.existing()?.is_some() {
            return self.same_content(content);
        }
        let temporary = self.write_beside(content, None)?;
        let placed = self.rename_unless_there(&temporary);
        self.remove(&temporary);
        match placed {
            Ok(()) => {
                self.sync_folder()?;
                Ok(Written { size: content.len() as u64, existed: false })
            }
            Err(Errno::EXIST) => self.same_content(content),
            Err(errno) => Err(self.failed("be put in place", errno)),
        }
    }

    fn rename_unless_there(&self, temporary: &OsStr) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::RenameFlags;
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&self.folder, temporary, &self.folder, &self.name, flags) {
                // Not every file system can do this.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                result => return result,
            }
        }
        rustix::fs::linkat(&self.folder, temporary, &self.folder, &self.name, AtFlags::empty())
    }

    fn append(&self, content: &[u8]) -> Result<Written, ToolError> {
        let existed = self.existing()?.is_some();
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let fd = beneath::open(self.folder.as_fd(), Path::new(&self.name), flags, Mode::from_raw_mode(0o666))
            .map_err(|errno| refuse(self.path, errno))?;
        let before = regular_size(&fd).ok().flatten().ok_or_else(|| special(self.path))?;
        let size = before.saturating_add(content.len() as u64);
        check_size(self.path, size, self.ctx.limits.max_write_bytes)?;
        if self.ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let mut file = File::from(fd);
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| self.broken(&error))?;
        if !existed {
            self.sync_folder()?;
        }
        Ok(Written { size, existed })
    }

    /// The permission bits of the file, if there is one.
    fn existing(&self) -> Result<Option<Mode>, ToolError> {
        match rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(refuse(self.path, errno)),
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok(Some(Mode::from_raw_mode(stat.st_mode & 0o777))),
                FileType::Symlink => Err(ToolError::refused(
                    ErrorCode::PathSecurityViolation,
                    format!("`{}` is a link: files are not written through links", self.path),
                )),
                FileType::Directory => Err(refuse(self.path, Errno::ISDIR)),
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => Err(special(self.path)),
            },
        }
    }

    /// Writes a file of a name that only this call uses, and syncs it. Nothing is left of it on failure.
    fn write_beside(&self, content: &[u8], mode: Option<Mode>) -> Result<OsString, ToolError> {
        let unique =
            blake3::hash(format!("{}/{}", self.ctx.idempotency_key(), self.path).as_bytes()).to_hex();
        let name = OsString::from(format!(".ice-{}.tmp", unique.get(..32).unwrap_or_default()));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let open = || beneath::open(self.folder.as_fd(), Path::new(&name), flags, Mode::from_raw_mode(0o666));
        let fd = match open() {
            // What an earlier attempt of this very call left behind.
            Err(Errno::EXIST) => {
                self.remove(&name);
                open()
            }
            result => result,
        }
        .map_err(|errno| refuse(self.path, errno))?;
        let mut file = File::from(fd);
        let written = self.fill(&mut file, content, mode);
        if written.is_err() {
            self.remove(&name);
        }
        written.map(|()| name)
    }

    fn fill(&self, file: &mut File, content: &[u8], mode: Option<Mode>) -> Result<(), ToolError> {
        let unchanged = |error: &std::io::Error| self.broken(error).not_started();
        for step in content.chunks(STEP) {
            if self.ctx.cancel.is_cancelled() {
                return Err(ToolError::cancelled().not_started());
            }
            file.write_all(step).map_err(|error| unchanged(&error))?;
        }
        if let Some(mode) = mode {
            rustix::fs::fchmod(&*file, mode).map_err(|errno| unchanged(&errno.into()))?;
        }
        file.sync_all().map_err(|error| unchanged(&error))
    }

    fn same_content(&self, content: &[u8]) -> Result<Written, ToolError> {
        let exists = || {
            let message = format!("`{}` exists already: use the mode `overwrite` or another path", self.path);
            ToolError::refused(ErrorCode::ToolFailed, message)
        };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let fd = beneath::open(self.folder.as_fd(), Path::new(&self.name), flags, Mode::empty())
            .map_err(|errno| refuse(self.path, errno))?;
        if regular_size(&fd).ok().flatten() != Some(content.len() as u64) {
            return Err(exists());
        }
        let mut found = Vec::with_capacity(content.len());
        let limit = (content.len() as u64).saturating_add(1);
        File::from(fd)
            .take(limit)
            .read_to_end(&mut found)
            .map_err(|error| self.broken(&error).not_started())?;
        if found != content {
            return Err(exists());
        }
        Ok(Written { size: content.len() as u64, existed: true })
    }

    fn remove(&self, name: &OsStr) {
        // A file that stays behind is harmless: the next attempt of this call removes it.
        let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
    }

    fn sync_folder(&self) -> Result<(), ToolError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.folder, ".", flags, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|errno| self.failed("be synced", errno))
    }

    fn failed(&self, what: &str, errno: Errno) -> ToolError {
        ToolError::failed(ErrorCode::ToolFailed, format!("`{}` could not {what}: {errno}", self.path))
    }

    fn broken(&self, error: &std::io::Error) -> ToolError {
        ToolError::failed(ErrorCode::ToolFailed, format!("`{}` could not be written: {error}", self.path))
    }
}
