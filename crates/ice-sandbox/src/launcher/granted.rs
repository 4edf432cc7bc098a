//! Opening what was granted, step by step, so that no link is followed which a command in an earlier cage may have left.
//!
//! What a command leaves in a folder that it may write to looks like what its owner has made: nothing tells links apart by
//! who made them. So a link on the way is followed only where no command could have made it. For an ordinary user that is a
//! folder that belongs to somebody else and that the user cannot write to. For root, whose commands write wherever that was
//! granted, it is one of the folders of the system, if it and the link are root's.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::fault::At;
use crate::policy::is_of_system;
use crate::report::{SetupFailure, Stage};

/// Links on the way to one path: as many as the kernel follows.
const MOST: usize = 40;

/// Whose commands may have left links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Root,
    User,
}

impl Caller {
    pub(super) const fn of(privileged: bool) -> Self {
        if privileged { Self::Root } else { Self::User }
    }

    /// Whether a link in this folder is none that a command can have left.
    fn trusts(self, folder: BorrowedFd<'_>, path: &Path, link: &Stat) -> io::Result<bool> {
        let found = rustix::fs::fstat(folder)?;
        Ok(match self {
            Self::Root => {
                is_of_system(path) && found.st_uid == 0 && link.st_uid == 0 && found.st_mode & 0o022 == 0
            }
            Self::User => {
                let own = rustix::process::geteuid().as_raw();
                let is_writable =
                    rustix::fs::accessat(folder, ".", Access::WRITE_OK, AtFlags::empty()).is_ok();
                found.st_uid != own && link.st_uid != own && !is_writable && found.st_mode & 0o002 == 0
            }
        })
    }
}

/// Opens a granted path as it stands now. `writable` is a folder above it that the same policy grants for writing: below
/// that no link is followed at all.
pub(super) fn open(path: &Path, writable: Option<&Path>, caller: Caller) -> Result<OwnedFd, SetupFailure> {
    let what = format!("opening {}", path.display());
    let Some(above) = writable else { return walk(path, &what, caller) };
    let folder = walk(above, &what, caller)?;
    let rest = path.strip_prefix(above).unwrap_or(path);
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(&folder, rest, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
        .at(Stage::Grant, &what)
}

/// One step at a time: what was looked at is what is gone through, whatever takes its place.
fn walk(path: &Path, what: &str, caller: Caller) -> Result<OwnedFd, SetupFailure> {
    let top = || rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(Stage::Grant, what);
    let (mut at, mut real) = (top()?, PathBuf::from("/"));
    let mut rest: VecDeque<OsString> = steps(path).collect();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        let next = step(at.as_fd(), &name).at(Stage::Grant, what)?;
        let found = rustix::fs::fstat(&next).at(Stage::Grant, what)?;
        if !FileType::from_raw_mode(found.st_mode).is_symlink() {
            at = next;
            if name == ".." {
                real.pop();
            } else {
                real.push(name);
            }
            continue;
        }
        links += 1;
        if links > MOST {
            return Err(SetupFailure::io(Stage::Grant, what, &Errno::LOOP.into()));
        }
        let target = rustix::fs::readlinkat(&next, "", Vec::new()).at(Stage::Grant, what)?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if !caller.trusts(at.as_fd(), &real, &found).at(Stage::Grant, what)? {
            let link = real.join(name);
            let why = format!(
                "{what}: on the way is the link {} to {}, in a folder that a command may have written to",
                link.display(),
                target.display()
            );
            let hint = "grant what it leads to by its own path".to_owned();
            return Err(SetupFailure { hint: Some(hint), ..SetupFailure::new(Stage::Grant, why) });
        }
        if target.is_absolute() {
            (at, real) = (top()?, PathBuf::from("/"));
        }
        for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
            rest.push_front(step);
        }
    }
    Ok(at)
}

fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// What is there itself, be it a link. First as a folder, which has one mounted that is mounted when it is needed.
fn step(folder: BorrowedFd<'_>, name: &OsString) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags | OFlags::DIRECTORY, Mode::empty()) {
        Err(Errno::NOTDIR | Errno::LOOP) => rustix::fs::openat(folder, name, flags, Mode::empty()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    use super::*;

    fn opened(path: &Path) -> Result<PathBuf, SetupFailure> {
        let caller = Caller::of(rustix::process::geteuid().is_root());
        let opened = open(path, None, caller)?;
        Ok(std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).unwrap())
    }

    #[test]
    fn links_of_the_system_are_followed_and_no_others() {
        for path in ["/bin/sh", "/usr/bin", "/etc/localtime", "/"].map(Path::new) {
            if let Ok(real) = path.canonicalize() {
                assert_eq!(opened(path).unwrap(), real);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir(folder.join("own")).unwrap();
        assert_eq!(opened(&folder.join("own")).unwrap(), folder.join("own"));
        for (link, target) in [("near", "own"), ("far", "/usr"), ("up", "own/../own"), ("round", "round")] {
            let link = folder.join(link);
            symlink(target, &link).unwrap();
            let failure = opened(&link).unwrap_err();
            assert!(failure.what.contains(&format!("{} to {target}", link.display())), "{failure}");
            assert!(opened(&link.join("bin")).is_err());
        }
        assert_eq!(opened(&folder.join("none")).unwrap_err().errno, Some(libc::ENOENT));
    }
}
