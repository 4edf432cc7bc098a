//! The root of the cage: a tmpfs with nothing in it but the granted paths, devices that hold nothing, a /proc of the
//! cage's own processes, and a working folder in memory.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};

use super::fault::At;
use super::granted::{self, Caller};
use super::privilege::NOBODY;
use super::{furnish, kin, net, sys};
use crate::layer::Layer;
use crate::policy::{Access, is_of_system};
use crate::report::{SetupFailure, Stage};
use crate::wire::{Mount, Spec};

const STAGE: Stage = Stage::Layer(Layer::Root);

/// Where no grant may lead.
const OWN: [&str; 3] = ["/proc", "/sys", "/dev"];

/// What a path is in the cage.
enum Shown {
    Link { target: PathBuf },
    Tree { tree: OwnedFd, folder: bool },
}

/// The same, with who wants it: the system, or a grant.
struct Placed {
    shown: Shown,
    system: bool,
}

/// Builds the root and moves into it. Every granted path is opened before, once: what stands there later does not matter.
pub(super) fn build(spec: &Spec, privileged: bool) -> Result<(), SetupFailure> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .at(STAGE, "making the mounts private")?;
    let mut shown = Vec::new();
    for mount in &spec.mounts {
        if let Some(found) = open(mount, spec.writable_above(mount), privileged)? {
            shown.push((mount.path.as_path(), Placed { shown: found, system: mount.system }));
        }
    }
    // What is above is there before what is within it.
    shown.sort_by_key(|(path, _)| path.components().count());
    let devices = furnish::devices().at(STAGE, "opening a device")?;
    let root = tmpfs(4 << 20, None, "0755", None).at(STAGE, "making a tmpfs")?;
    let staging = if Path::new("/tmp").is_dir() { "/tmp" } else { "/" };
    rustix::mount::move_mount(root.as_fd(), "", CWD, staging, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .at(STAGE, "mounting the root")?;
    let filled = fill(root.as_fd(), spec, &shown, &devices, privileged);
    if filled.is_err() {
        // Where it is done without the root, what it covered is to be seen again.
        let _ = rustix::mount::unmount(staging, UnmountFlags::DETACH);
    }
    filled?;
    rustix::process::fchdir(&root).at(STAGE, "entering the root")?;
    rustix::process::pivot_root(".", ".").at(STAGE, "changing to the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).at(STAGE, "leaving the old root")?;
    rustix::process::chdir("/").at(STAGE, "entering the root")
}

fn fill(
    root: BorrowedFd<'_>,
    spec: &Spec,
    shown: &[(&Path, Placed)],
    devices: &[(&str, OwnedFd)],
    privileged: bool,
) -> Result<(), SetupFailure> {
    // Before the grants, which take the place of what is there, such as /tmp or /etc.
    attach_work(root, spec.limits.workspace, privileged).at(STAGE, "mounting /cage")?;
    furnish::furnish(root, devices, &net::hosts(&spec.ways)).at(STAGE, "furnishing the root")?;
    let names =
        if spec.ways.is_empty() { None } else { Some(furnish::names(root).at(STAGE, "opening /etc/hosts")?) };
    for (path, Placed { shown, system }) in shown {
        let placed = place(root, path, shown);
        let what = format!("showing {}", path.display());
        if *system {
            placed.at(STAGE, &what)?;
        } else {
            placed.at(Stage::Grant, &what)?;
        }
    }
    if let Some(names) = names {
        // The list that was granted does not know where the ways out begin.
        let target = within(root, Path::new("/etc/hosts"), OFlags::PATH).map_err(io::Error::from);
        target
            .and_then(|target| attach(names.as_fd(), target.as_fd()))
            .at(Stage::Grant, "showing the hosts of the ways out in /etc/hosts")?;
    }
    attach_proc(root).at(STAGE, "mounting /proc")?;
    sys::set_mount(root, false, libc::MOUNT_ATTR_RDONLY, None).at(STAGE, "closing the root")
}

pub(super) fn clone_tree(path: &Path) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    Ok(rustix::mount::open_tree(CWD, path, flags)?)
}

/// Opens a path as it is shown. `writable` is a folder above it that the tool may write to.
fn open(mount: &Mount, writable: Option<&Path>, privileged: bool) -> Result<Option<Shown>, SetupFailure> {
    let path = mount.path.as_path();
    let what = format!("opening {}", path.display());
    let stage = if mount.system { STAGE } else { Stage::Grant };
    if mount.system {
        match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(SetupFailure::io(stage, &what, &error.into())),
            Ok(found) if FileType::from_raw_mode(found.st_mode).is_symlink() => {
                let target = std::fs::read_link(path).at(stage, &what)?;
                return Ok(Some(Shown::Link { target }));
            }
            Ok(_) => {}
        }
    }
    let tree = if mount.system {
        clone_tree(path).at(stage, &what)?
    } else {
        let opened = granted::open(path, writable, Caller::of(privileged))?;
        // Where the links on the way have led.
        let real = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).at(stage, &what)?;
        if real == Path::new("/") || OWN.iter().any(|own| real.starts_with(own)) {
            return Err(SetupFailure::new(stage, format!("{what}: it leads to {}", real.display())));
        }
        if mount.access == Access::Write && is_of_system(&real) {
            let what = format!("{what}: it leads to {}, where nothing is written", real.display());
            return Err(SetupFailure::new(stage, what));
        }
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_EMPTY_PATH;
        rustix::mount::open_tree(&opened, "", flags).at(stage, &what)?
    };
    let found = rustix::fs::fstat(&tree).at(stage, &what)?;
    let kind = FileType::from_raw_mode(found.st_mode);
    if !kind.is_dir() && !kind.is_file() {
        return Err(SetupFailure::new(stage, format!("{what}: it is neither a file nor a folder")));
    }
    let mut set = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    set |= match mount.access {
        Access::Read => libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC,
        Access::Execute => libc::MOUNT_ATTR_RDONLY,
        Access::Write => libc::MOUNT_ATTR_NOEXEC,
    };
    // What root grants belongs to the tool in the cage, whoever owns it outside.
    if privileged && !mount.system && found.st_uid != NOBODY {
        let mapped = owners(found.st_uid, found.st_gid)
            .and_then(|owners| sys::set_mount(tree.as_fd(), true, set, Some(owners.as_fd())));
        // Not every file system can do so: then the tool has the rights that anybody has.
        if mapped.is_ok() {
            return Ok(Some(Shown::Tree { tree, folder: kind.is_dir() }));
        }
    }
    sys::set_mount(tree.as_fd(), true, set, None).at(stage, &what)?;
    Ok(Some(Shown::Tree { tree, folder: kind.is_dir() }))
}

/// A user namespace that maps an owner to the one that the tool is.
fn owners(user: u32, group: u32) -> io::Result<OwnedFd> {
    let (wait, go) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (ready, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match sys::fork()? {
        sys::Forked::Child => {
            drop((go, ready));
            if sys::unshare(rustix::thread::UnshareFlags::NEWUSER).is_ok() {
                let _ = rustix::io::write(&tell, b"1");
                // Until it is looked at.
                let _ = rustix::io::read(&wait, &mut [0_u8]);
            }
            sys::exit(0)
        }
        sys::Forked::Parent(pid) => {
            drop((wait, tell));
            let pid = pid.as_raw_nonzero().get();
            let made = rustix::io::read(&ready, &mut [0_u8]).map_err(io::Error::from).and_then(|read| {
                if read == 0 {
                    return Err(io::Error::from(io::ErrorKind::PermissionDenied));
                }
                // The /proc from outside knows the child under another number.
                let outside = only_child()?;
                std::fs::write(format!("/proc/{outside}/uid_map"), format!("{user} {NOBODY} 1"))?;
                std::fs::write(format!("/proc/{outside}/gid_map"), format!("{group} {NOBODY} 1"))?;
                let namespace = format!("/proc/{outside}/ns/user");
                Ok(rustix::fs::open(namespace, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
            });
            drop(go);
            let _ = sys::wait(pid);
            made
        }
    }
}

/// The number of the only child in the /proc that is mounted, which is that of the outer pid namespace.
fn only_child() -> io::Result<i32> {
    kin::own()?.pop().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// How many files and folders a folder in memory of this size holds. The kernel keeps about a KiB of each besides what is in
/// it, which no size counts: so they are no more than pages.
fn files_of(size: u64) -> u64 {
    (size / 4_096).max(64)
}

fn tmpfs(size: u64, files: Option<u64>, mode: &str, owner: Option<u32>) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(files) = files {
        rustix::mount::fsconfig_set_string(context.as_fd(), "nr_inodes", files.to_string())?;
    }
    rustix::mount::fsconfig_set_string(context.as_fd(), "size", size.to_string())?;
    rustix::mount::fsconfig_set_string(context.as_fd(), "mode", mode)?;
    if let Some(owner) = owner {
        rustix::mount::fsconfig_set_string(context.as_fd(), "uid", owner.to_string())?;
        rustix::mount::fsconfig_set_string(context.as_fd(), "gid", owner.to_string())?;
    }
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

pub(super) fn within(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
}

/// The folder at this path in the root, made if it is not there.
pub(super) fn folder(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let mut reached = within(root, Path::new("/"), OFlags::PATH | OFlags::DIRECTORY)?;
    let mut so_far = PathBuf::from("/");
    for part in path.strip_prefix("/").unwrap_or(path).components() {
        so_far.push(part);
        reached = match within(root, &so_far, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(found) => found,
            Err(Errno::NOENT) => {
                rustix::fs::mkdirat(&reached, part.as_os_str(), Mode::from_raw_mode(0o755))?;
                // The mask of this process is for files of the tool.
                rustix::fs::chmodat(
                    &reached,
                    part.as_os_str(),
                    Mode::from_raw_mode(0o755),
                    AtFlags::empty(),
                )?;
                within(root, &so_far, OFlags::PATH | OFlags::DIRECTORY)?
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(reached)
}

fn place(root: BorrowedFd<'_>, path: &Path, shown: &Shown) -> io::Result<()> {
    let parent = folder(root, path.parent().unwrap_or(Path::new("/")))?;
    let name = path.file_name().map(OsString::from).unwrap_or_default();
    match shown {
        Shown::Link { target } => Ok(rustix::fs::symlinkat(target, &parent, name)?),
        Shown::Tree { tree, folder: true } => attach(tree.as_fd(), folder(root, path)?.as_fd()),
        Shown::Tree { tree, folder: false } => {
            let target = match within(root, path, OFlags::PATH) {
                Ok(found) => found,
                Err(Errno::NOENT) => {
                    furnish::write(parent.as_fd(), &name, b"")?;
                    within(root, path, OFlags::PATH)?
                }
                Err(error) => return Err(error.into()),
            };
            attach(tree.as_fd(), target.as_fd())
        }
    }
}

pub(super) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(tree, "", target, "", flags)?)
}

/// A /proc that shows the processes of the cage.
fn attach_proc(root: BorrowedFd<'_>) -> io::Result<()> {
    let made = proc(false).or_else(|_| proc(true))?;
    attach(made.as_fd(), folder(root, Path::new("/proc"))?.as_fd())
}

fn proc(processes_only: bool) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    if processes_only {
        rustix::mount::fsconfig_set_string(context.as_fd(), "subset", "pid")?;
    }
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// The working folder, with room for temporary files and shared memory in it, which are shown at their places, too: all
/// that is written counts together.
fn attach_work(root: BorrowedFd<'_>, size: u64, privileged: bool) -> io::Result<()> {
    let work = tmpfs(size, Some(files_of(size)), "0700", privileged.then_some(NOBODY))?;
    attach(work.as_fd(), folder(root, Path::new("/cage"))?.as_fd())?;
    for name in [".tmp", ".shm"] {
        rustix::fs::mkdirat(&work, name, Mode::from_raw_mode(0o700))?;
        if privileged {
            let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
            rustix::fs::chownat(&work, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let temporary = rustix::mount::open_tree(&work, ".tmp", flags)?;
    attach(temporary.as_fd(), folder(root, Path::new("/tmp"))?.as_fd())
}
