//! Who the processes of the cage are: nobody, in a user namespace of their own.

use std::fs;
use std::io;

use rustix::fs::{Gid, Uid};
use rustix::process::DumpableBehavior;
use rustix::thread::{CapabilitySet, UnshareFlags};

use super::fault::At;
use super::sys;
use crate::layer::Layer;
use crate::report::{SetupFailure, Stage};

/// As whom a cage of root runs, outside: `nobody`.
pub(super) const NOBODY: u32 = 65_534;
/// As whom the tool runs, inside.
pub(super) const INSIDE: u32 = 1_000;

/// Whether this is root with its powers, which makes the mounts itself and becomes nobody afterwards.
pub(super) fn is_privileged() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID;
    rustix::process::geteuid().is_root()
        && rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// From root to nobody, for good.
pub(super) fn drop() -> io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    // Without it the files in /proc/self, which map the ids, belong to root still.
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

/// A user namespace in which nobody but this user is, under another id.
pub(super) fn user_namespace() -> Result<(), SetupFailure> {
    let stage = Stage::Layer(Layer::UserNamespace);
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    sys::unshare(UnshareFlags::NEWUSER).at(stage, "unsharing it")?;
    fs::write("/proc/self/setgroups", "deny").at(stage, "writing /proc/self/setgroups")?;
    fs::write("/proc/self/uid_map", format!("{INSIDE} {user} 1")).at(stage, "writing /proc/self/uid_map")?;
    fs::write("/proc/self/gid_map", format!("{INSIDE} {group} 1")).at(stage, "writing /proc/self/gid_map")
}
