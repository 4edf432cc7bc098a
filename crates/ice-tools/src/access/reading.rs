//! Opening files for reading.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use ice_core::error::ErrorCode;
use ice_core::tools::{Grants, ToolError};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{self, HANDLE};
use super::candidate::{Candidate, Need, candidates};
use super::refusal::{is_absent, refuse, special};

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    /// Its size when it was opened, in bytes.
    pub(crate) size: u64,
}

/// Opens a regular file of at most `max_bytes` within the granted places. Never waits. A file may grow after
/// that: whoever reads it keeps counting.
pub(crate) fn open_read(grants: &Grants, path: &str, max_bytes: u64) -> Result<OpenFile, ToolError> {
    let mut last = Errno::NOENT;
    for candidate in candidates(grants, path, Need::Read)? {
        match open_candidate(&candidate) {
            Ok(Some((fd, size))) => {
                if size > max_bytes {
                    return Err(ToolError::refused(
                        ErrorCode::FileTooLarge,
                        format!("`{path}` has {size} bytes, and {max_bytes} is the most that is read"),
                    ));
                }
                return Ok(OpenFile { file: File::from(fd), size });
            }
            Ok(None) => return Err(special(path)),
            Err(errno) if is_absent(errno) => last = errno,
            Err(errno) => return Err(refuse(path, errno)),
        }
    }
    Err(refuse(path, last))
}

/// The file and its size; nothing if it is no regular file.
fn open_candidate(candidate: &Candidate) -> Result<Option<(OwnedFd, u64)>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let (folder, name) = match candidate.as_granted_file() {
        Some((folder, name)) => (folder, std::path::PathBuf::from(name)),
        None => (candidate.root.clone(), candidate.rest.clone()),
    };
    let folder = rustix::fs::open(&folder, HANDLE | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Opening a device can do something by itself: look first, by a handle that opens nothing.
    let handle = beneath::open(folder.as_fd(), &name, HANDLE, Mode::empty())?;
    if regular_size(&handle)?.is_none() {
        return Ok(None);
    }
    let file = beneath::open(folder.as_fd(), &name, flags, Mode::empty())?;
    Ok(regular_size(&file)?.map(|size| (file, size)))
}

/// The size of a regular file; nothing for anything else.
pub(super) fn regular_size(fd: &OwnedFd) -> Result<Option<u64>, Errno> {
    let stat = rustix::fs::fstat(fd)?;
    let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(is_regular.then(|| u64::try_from(stat.st_size).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn check(grants: &Grants, path: &str, expected: Result<&str, ErrorCode>) {
        let found = open_read(grants, path, 100).map_err(|error| error.code).map(|mut open| {
            let mut text = String::new();
            open.file.read_to_string(&mut text).unwrap();
            assert_eq!(open.size, text.len() as u64);
            text
        });
        assert_eq!(found, expected.map(str::to_owned), "{path}");
    }

    #[test]
    fn files_are_read_within_granted_places_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in
            [("one/a", "1a"), ("two/a", "2a"), ("two/b", "2b"), ("single", "s"), ("secret", "x")]
        {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), text).unwrap();
        }
        std::fs::write(at("one/large"), "x".repeat(101)).unwrap();
        std::os::unix::fs::symlink(at("secret"), at("one/link")).unwrap();
        let status = std::process::Command::new("mkfifo").arg(at("one/pipe")).status().unwrap();
        assert!(status.success());
        let grants =
            Grants { read: vec![at("one"), at("single")], write: vec![at("two")], ..Grants::default() };
        let absolute = |name: &str| at(name).to_str().unwrap().to_owned();

        check(&grants, "a", Ok("1a"));
        check(&grants, "b", Ok("2b"));
        check(&grants, "single", Ok("s"));
        check(&grants, &absolute("two/a"), Ok("2a"));
        check(&grants, &absolute("single"), Ok("s"));
        check(&grants, "missing", Err(ErrorCode::FileUnreadable));
        check(&grants, "large", Err(ErrorCode::FileTooLarge));
        check(&grants, "pipe", Err(ErrorCode::FileUnreadable));
        check(&grants, ".", Err(ErrorCode::FileUnreadable));
        check(&grants, "link", Err(ErrorCode::PathSecurityViolation));
        check(&grants, "../secret", Err(ErrorCode::PathSecurityViolation));
        check(&grants, &absolute("one/../secret"), Err(ErrorCode::PathSecurityViolation));
        check(&grants, &absolute("secret"), Err(ErrorCode::GrantMissing));
        check(&grants, "/proc/self/environ", Err(ErrorCode::GrantMissing));
        check(&Grants::default(), "a", Err(ErrorCode::GrantMissing));
        let dev = Grants { read: vec!["/dev".into()], ..Grants::default() };
        check(&dev, "zero", Err(ErrorCode::FileUnreadable));
        let proc = Grants { read: vec!["/proc".into()], ..Grants::default() };
        check(&proc, "self/fd/0", Err(ErrorCode::PathSecurityViolation));
        check(&proc, "self/root/etc/passwd", Err(ErrorCode::PathSecurityViolation));
    }
}
