//! What a process of the cage sees of its layers, written down from within. Nothing is taken from what was asked for, and
//! nothing is read from files: where the root is that of the machine, Landlock lets none be read.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode};

use super::{confine, sys};
use crate::policy::Limits;
use crate::wire::{NAMESPACES, fact};

/// Writes it down, and ends.
pub(super) fn around(limits: &Limits, rooted: bool) -> ! {
    let mut facts = vec![
        (fact::PRIVILEGES, told(rustix::thread::no_new_privs())),
        (fact::SECCOMP, told(rustix::thread::secure_computing_mode().map(|mode| mode as u32))),
        (fact::POWERS, told(rustix::thread::capabilities(None).map(|sets| sets.effective.bits()))),
        (fact::LIMITS, confine::limits_hold(limits).map_or_else(|why| why, |()| fact::HOLDS.to_owned())),
        (fact::LANDLOCK, landlock(rooted).map_or_else(|why| why, |()| fact::HOLDS.to_owned())),
        (fact::HOST_NAME, rustix::system::uname().nodename().to_string_lossy().into_owned()),
        (fact::ROOT, root()),
    ];
    facts.extend(NAMESPACES.iter().map(|(_, name)| (*name, namespace(name))));
    let text: String = facts.iter().map(|(name, value)| format!("{name}:\t{value}\n")).collect();
    let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
    let _ = io::Write::flush(&mut io::stdout());
    sys::exit(0)
}

fn told<T: std::fmt::Debug>(answer: rustix::io::Result<T>) -> String {
    answer.map_or_else(|error| format!("unknown ({error})"), |answer| format!("{answer:?}"))
}

/// Which namespace of a kind this process is in.
fn namespace(name: &str) -> String {
    let found = std::fs::read_link(Path::new("/proc/self/ns").join(name));
    found.map_or_else(|error| format!("unknown ({error})"), |found| found.display().to_string())
}

/// Which folder its root is.
fn root() -> String {
    let found = std::fs::metadata("/");
    found
        .map_or_else(|error| format!("unknown ({error})"), |found| format!("{}:{}", found.dev(), found.ino()))
}

/// Does what Landlock alone refuses: in a root of its own, making a file of a kind that no grant has, for which nobody needs
/// privileges; elsewhere, listing the root of the machine.
fn landlock(rooted: bool) -> Result<(), String> {
    let (what, done) = if rooted {
        let file = "/cage/.looked";
        let done = rustix::fs::mknodat(CWD, file, FileType::CharacterDevice, Mode::from_raw_mode(0o600), 0);
        let _ = rustix::fs::unlinkat(CWD, file, AtFlags::empty());
        ("making a device", done.map_err(io::Error::from))
    } else {
        ("listing the root", std::fs::read_dir("/").map(drop))
    };
    match done {
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied
                && error.raw_os_error() == Some(libc::EACCES) =>
        {
            Ok(())
        }
        Err(error) => Err(format!("{what} failed otherwise: {error}")),
        Ok(()) => Err(format!("{what} was not refused")),
    }
}
