//! What programs expect to find in a root besides what was granted: devices, and who they are.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::OpenTreeFlags;

use super::privilege::INSIDE;
use super::root::{attach, clone_tree, folder, within};
use super::sys;

/// Devices without anything behind them.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// The devices, each a mount that can be attached.
pub(super) fn devices() -> io::Result<Vec<(&'static str, OwnedFd)>> {
    let open = |device| {
        let tree = clone_tree(&Path::new("/dev").join(device))?;
        let set = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        sys::set_mount(tree.as_fd(), true, set, None)?;
        Ok((device, tree))
    };
    DEVICES.into_iter().map(open).collect()
}

/// Puts it all into the root.
pub(super) fn furnish(root: BorrowedFd<'_>, devices: &[(&str, OwnedFd)], hosts: &str) -> io::Result<()> {
    let dev = folder(root, Path::new("/dev"))?;
    for (device, tree) in devices {
        write(dev.as_fd(), &OsString::from(device), b"")?;
        let target = within(root, &Path::new("/dev").join(device), OFlags::PATH)?;
        attach(tree.as_fd(), target.as_fd())?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("shm", "/cage/.shm"),
    ];
    for (name, target) in links {
        rustix::fs::symlinkat(target, &dev, name)?;
    }
    let etc = folder(root, Path::new("/etc"))?;
    let passwd = format!("sandbox:x:{INSIDE}:{INSIDE}::/cage:/bin/sh\n");
    let group = format!("sandbox:x:{INSIDE}:\n");
    let hosts = format!("127.0.0.1 localhost\n{hosts}");
    let files = [
        ("passwd", passwd.as_str()),
        ("group", group.as_str()),
        ("hosts", hosts.as_str()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ];
    for (name, text) in files {
        write(etc.as_fd(), &OsString::from(name), text.as_bytes())?;
    }
    Ok(())
}

/// The list of hosts, a mount that can be attached where another list was granted.
pub(super) fn names(root: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let list = within(root, Path::new("/etc/hosts"), OFlags::PATH)?;
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let names = rustix::mount::open_tree(&list, "", flags)?;
    sys::set_mount(names.as_fd(), false, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC, None)?;
    Ok(names)
}

/// Makes a file.
pub(super) fn write(parent: BorrowedFd<'_>, name: &OsString, text: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(parent, name.as_bytes(), flags, Mode::from_raw_mode(0o644))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
    io::Write::write_all(&mut std::fs::File::from(file), text)
}
