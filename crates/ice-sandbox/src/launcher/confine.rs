//! The layers that the tool puts on itself: limits and Landlock.

use std::io;
use std::path::Path;
use std::time::Duration;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rlimit::{Resource, getrlimit, setrlimit};

use super::fault::At;
use super::granted::{self, Caller};
use crate::layer::Layer;
use crate::policy::{Access, Limits};
use crate::report::{SetupFailure, Stage};
use crate::wire::Spec;

/// Everything that this crate knows of Landlock; of a kernel that knows less, all that it has.
const NEWEST: ABI = ABI::V10;
/// The least that is taken for Landlock: files and TCP.
const LEAST: i32 = 4;

/// Limits of each process, each with a soft and a hard one. Those of the run as a whole are watched from outside.
fn each(limits: &Limits) -> Vec<(Resource, u64, u64)> {
    // The processes that make the cage count, too.
    let processes = limits.processes + 2;
    let mut all: Vec<(Resource, u64, u64)> = [
        (Resource::CORE, 0),
        (Resource::MEMLOCK, 0),
        (Resource::MSGQUEUE, 0),
        (Resource::NICE, 0),
        (Resource::RTPRIO, 0),
        (Resource::NPROC, processes),
        (Resource::NOFILE, limits.open_files),
        (Resource::FSIZE, limits.file_size),
    ]
    .map(|(resource, most)| (resource, most, most))
    .into();
    all.extend(limits.address_space.map(|bytes| (Resource::AS, bytes, bytes)));
    all.extend(limits.cpu.map(|cpu| {
        // In whole seconds, each process for itself: a backstop. First a signal that says why, then the end.
        let seconds = cpu.saturating_add(Duration::from_millis(999)).as_secs().max(1);
        (Resource::CPU, seconds, seconds + 1)
    }));
    all
}

/// Sets the limits of each process.
pub(super) fn limits(limits: &Limits) -> Result<(), SetupFailure> {
    let stage = Stage::Layer(Layer::ResourceLimits);
    each(limits)
        .into_iter()
        .try_for_each(|(resource, soft, hard)| setrlimit(resource, soft, hard).at(stage, resource.as_name()))
}

/// Whether the kernel has these limits; if not, which one it has otherwise.
pub(super) fn limits_hold(limits: &Limits) -> Result<(), String> {
    for (resource, soft, hard) in each(limits) {
        let found = getrlimit(resource).map_err(|error| format!("{}: {error}", resource.as_name()))?;
        if found != (soft, hard) {
            return Err(format!("{} {found:?}", resource.as_name()));
        }
    }
    Ok(())
}

/// Files by what was granted, of the network the granted ports, no signals and abstract sockets to the outside. Returns the ABI.
pub(super) fn landlock(spec: &Spec, rooted: bool, caller: Caller) -> Result<i32, SetupFailure> {
    let stage = Stage::Layer(Layer::Landlock);
    let failed = |error: landlock::RulesetError| SetupFailure::new(stage, error.to_string());
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(failed)?;
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let all = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let mut paths: Vec<(&Path, BitFlags<AccessFs>)> = Vec::new();
    for mount in &spec.mounts {
        let access = match mount.access {
            Access::Read => look,
            Access::Execute => look | AccessFs::Execute,
            Access::Write => all & !BitFlags::from(AccessFs::Execute),
        };
        if rooted || mount.system {
            paths.push((&mount.path, access));
        } else {
            // Nobody has opened it before.
            let opened = granted::open(&mount.path, spec.writable_above(mount), caller)?;
            rules = rules.add_rule(PathBeneath::new(opened, access)).map_err(failed)?;
        }
    }
    if rooted {
        // Everything that is there was granted; only what may be done with it differs.
        paths.push((Path::new("/"), AccessFs::ReadDir.into()));
        paths.push((Path::new("/cage"), all));
        // Rights go downwards: a grant below it would get them all. Then /cage/.tmp alone, which is the same folder.
        if !spec.mounts.iter().any(|mount| mount.path.starts_with("/tmp")) {
            paths.push((Path::new("/tmp"), all));
        }
        paths.push((Path::new("/proc"), look));
        paths.push((Path::new("/etc"), look));
    }
    for device in ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"] {
        paths.push((Path::new(device), AccessFs::ReadFile | AccessFs::WriteFile));
    }
    for (path, access) in paths {
        let opened = match PathFd::new(path) {
            Ok(opened) => opened,
            // A path of the system that this machine does not have.
            Err(_) if !path.exists() => continue,
            Err(error) => return Err(SetupFailure::new(stage, error.to_string())),
        };
        rules = rules.add_rule(PathBeneath::new(opened, access)).map_err(failed)?;
    }
    for way in &spec.ways {
        rules = rules.add_rule(NetPort::new(way.port, AccessNet::ConnectTcp)).map_err(failed)?;
    }
    let status = rules.restrict_self().map_err(failed)?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    };
    if abi < LEAST || status.ruleset == RulesetStatus::NotEnforced {
        return Err(SetupFailure {
            errno: None,
            ..SetupFailure::io(stage, &format!("ABI {abi}"), &io::Error::from(io::ErrorKind::Unsupported))
        });
    }
    Ok(abi)
}
