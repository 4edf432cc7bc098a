//! Programs that run as whoever owns them, left where somebody outside may run them.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

use crate::tell::{c, call, text, tried};

const SET_USER: u32 = 0o4755;
const SET_GROUP: u32 = 0o2755;

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "set-user" => set_user(text(arguments, 0)),
        _ => return false,
    }
    true
}

fn set_user(folder: &str) {
    for (kind, mode) in [("user", SET_USER), ("group", SET_GROUP)] {
        let path = |way: &str| format!("{folder}/{kind}-{way}");
        let created = || fs::OpenOptions::new().create_new(true).write(true).mode(mode).open(path("open"));
        tried(&format!("{kind}-open"), created());
        for way in ["chmod", "fchmod", "fchmodat", "fchmodat2"] {
            let made = fs::write(path(way), "text").and_then(|()| fs::File::open(path(way)));
            let Some(file) = tried(&format!("make-{kind}-{way}"), made) else { continue };
            let name = c(&path(way));
            let changed = match way {
                "chmod" => fs::set_permissions(path(way), fs::Permissions::from_mode(mode)).map(|()| 0),
                // SAFETY: numbers and paths that live for the calls.
                "fchmod" => call(unsafe { libc::fchmod(file.as_raw_fd(), mode) }.into()),
                "fchmodat" => {
                    // SAFETY: as above.
                    call(unsafe { libc::syscall(libc::SYS_fchmodat, libc::AT_FDCWD, name.as_ptr(), mode) })
                }
                // SAFETY: as above. The number is the same on every machine.
                _ => call(unsafe { libc::syscall(452, libc::AT_FDCWD, name.as_ptr(), mode, 0) }),
            };
            tried(&format!("{kind}-{way}"), changed);
        }
        let how: [u64; 3] = [(libc::O_CREAT | libc::O_WRONLY) as u64, mode.into(), 0];
        let name = c(&path("openat2"));
        // SAFETY: the three numbers are the structure that the call reads, and their size is given.
        let opened =
            unsafe { libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, name.as_ptr(), how.as_ptr(), 24) };
        tried(&format!("{kind}-openat2"), call(opened));
        let name = c(&path("mknod"));
        // SAFETY: a path that lives for the call.
        let made = unsafe { libc::mknod(name.as_ptr(), libc::S_IFREG | mode, 0) };
        tried(&format!("{kind}-mknod"), call(made.into()));
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(|found| found.mode() & 0o6000 != 0) {
            crate::tell::say(&format!("ok left {}", entry.file_name().display()));
        }
    }
}
