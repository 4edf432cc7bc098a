//! Opening a path beneath the handle of a folder, without ever leaving it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How often a resolution that raced with a rename is tried again.
#[cfg(target_os = "linux")]
const RACES: u32 = 16;

/// The flags for a handle that serves only to open things beneath it.
#[cfg(target_os = "linux")]
pub(super) const HANDLE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const HANDLE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// Opens `path` beneath `folder`. A `..` or link that leads out of it fails with `XDEV` or `LOOP`; a link that
/// stays within is followed where the kernel can do that safely, and refused otherwise.
pub(super) fn open(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let flags = flags | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..RACES {
            match rustix::fs::openat2(folder, path, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS) => return step_by_step(folder, path, flags, mode),
                result => return result,
            }
        }
        Err(Errno::AGAIN)
    }
    #[cfg(not(target_os = "linux"))]
    step_by_step(folder, path, flags, mode)
}

/// The same, one component at a time, for kernels without `openat2`: every link is refused.
fn step_by_step(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
    }
    let Some((last, before)) = names.split_last() else {
        return rustix::fs::openat(folder, ".", flags, mode);
    };
    let handle = HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = rustix::fs::openat(folder, ".", handle, Mode::empty())?;
    for name in before {
        here = rustix::fs::openat(&here, *name, handle, Mode::empty()).map_err(|errno| {
            let stat = rustix::fs::statat(&here, *name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
            let is_link = stat.is_ok_and(|stat| {
                rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Symlink
            });
            if is_link { Errno::LOOP } else { errno }
        })?;
    }
    rustix::fs::openat(&here, *last, flags | OFlags::NOFOLLOW, mode)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    /// `in/file`, `in/deep/file`, and links that stay and that leave, in a folder `in` beside a file `secret`.
    fn folder() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        std::fs::create_dir_all(inside.join("deep")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(inside.join("file"), "file").unwrap();
        std::fs::write(inside.join("deep/file"), "deep").unwrap();
        for (link, target) in [
            ("stays", "deep/file"),
            ("folder", "deep"),
            ("leaves", "../secret"),
            ("absolute", "/etc/passwd"),
            ("up", ".."),
            ("magic", "/proc/self/root/etc/passwd"),
            ("round", "round"),
        ] {
            std::os::unix::fs::symlink(target, inside.join(link)).unwrap();
        }
        let handle = rustix::fs::open(&inside, HANDLE | OFlags::DIRECTORY, Mode::empty()).unwrap();
        (dir, handle)
    }

    type Open = fn(BorrowedFd<'_>, &Path, OFlags, Mode) -> Result<OwnedFd, Errno>;

    fn read(open: Open, folder: &OwnedFd, path: &str) -> Result<String, Errno> {
        let fd = open(folder.as_fd(), Path::new(path), OFlags::RDONLY, Mode::empty())?;
        let mut text = String::new();
        std::fs::File::from(fd).read_to_string(&mut text).unwrap();
        Ok(text)
    }

    const ESCAPES: [&str; 9] = [
        "../secret",
        "deep/../../secret",
        "/etc/passwd",
        "leaves",
        "absolute",
        "up/secret",
        "magic",
        "round",
        "folder/../../secret",
    ];

    #[test]
    fn nothing_leads_out() {
        let (_dir, folder) = folder();
        for path in ESCAPES {
            let found = read(open, &folder, path);
            assert!(matches!(found, Err(Errno::XDEV | Errno::LOOP)), "{path}: {found:?}");
        }
        assert_eq!(read(open, &folder, "./deep//file").as_deref(), Ok("deep"));
        assert_eq!(read(open, &folder, "missing"), Err(Errno::NOENT));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn links_that_stay_are_followed() {
        let (_dir, folder) = folder();
        assert_eq!(read(open, &folder, "stays").as_deref(), Ok("deep"));
        assert_eq!(read(open, &folder, "folder/file").as_deref(), Ok("deep"));
        assert_eq!(read(open, &folder, "deep/../file").as_deref(), Ok("file"));
    }

    #[test]
    fn step_by_step_is_as_strict_and_refuses_every_link() {
        let (_dir, folder) = folder();
        for path in ESCAPES.into_iter().chain(["stays", "folder/file", "deep/../file"]) {
            let found = read(step_by_step, &folder, path);
            assert!(matches!(found, Err(Errno::XDEV | Errno::LOOP)), "{path}: {found:?}");
        }
        assert_eq!(read(step_by_step, &folder, "./deep//file").as_deref(), Ok("deep"));
        assert_eq!(read(step_by_step, &folder, "missing"), Err(Errno::NOENT));
        assert_eq!(read(step_by_step, &folder, "file/x"), Err(Errno::NOTDIR));
    }

    /// The control: without the guard the same paths do lead out.
    #[test]
    fn a_plain_open_does_lead_out() {
        let (_dir, folder) = folder();
        let plain: Open = |folder, path, flags, mode| rustix::fs::openat(folder, path, flags, mode);
        assert_eq!(read(plain, &folder, "../secret").as_deref(), Ok("secret"));
        assert_eq!(read(plain, &folder, "leaves").as_deref(), Ok("secret"));
        assert!(read(plain, &folder, "absolute").is_ok());
    }
}
