//! The launcher's own way: receive the task, enter the outer namespaces, start the first process, watch.

use std::path::Path;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::UnshareFlags;

use super::fault::{At, Layers};
use super::group::{self, Groups};
use super::sys::Forked;
use super::{first, inherit, privilege, supervise, sweep, sys};
use crate::layer::Layer;
use crate::report::{SetupFailure, Stage};
use crate::wire::{Note, Spec};

/// Makes one cage, and returns the exit code of the launcher once all in it has ended.
pub(super) fn run() -> i32 {
    // What the caller ignores is inherited: without the signal of a child's end nobody would learn how it ended.
    sys::reset_signals();
    let spec = match inherit::receive() {
        Ok(spec) => spec,
        Err(failure) => {
            complain(&failure);
            inherit::tell_first(&Note::Failed(failure));
            return 125;
        }
    };
    match start(&spec) {
        Ok(()) => 0,
        Err(failure) => {
            inherit::tell(&Note::Failed(failure));
            125
        }
    }
}

/// For whoever started it by hand.
fn complain(failure: &SetupFailure) {
    use std::io::Write;
    // Nobody reads it if this fails.
    let _ = writeln!(std::io::stderr(), "ice-sandbox-launcher: {failure}");
}

fn start(spec: &Spec) -> Result<(), SetupFailure> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // It may be the leader of a group already.
    let _ = rustix::process::setsid();
    let mut layers = Layers::default();
    let privileged = privilege::is_privileged();
    if !privileged {
        if rustix::process::geteuid().is_root() {
            // Root without its powers, as in a container: it goes on as anybody does.
            privilege::drop().at(Stage::Layer(Layer::UserNamespace), "giving root up")?;
        }
        layers.put(spec, Layer::UserNamespace, privilege::user_namespace)?;
    }
    layers.put(spec, Layer::PidNamespace, || {
        sys::unshare(UnshareFlags::NEWPID).at(Stage::Layer(Layer::PidNamespace), "unsharing it")
    })?;
    let groups = layers.put(spec, Layer::ControlGroups, || {
        let stage = Stage::Layer(Layer::ControlGroups);
        let own = std::fs::read_to_string("/proc/self/cgroup").at(stage, "reading /proc/self/cgroup")?;
        let name = format!("{}{}", group::PREFIX, std::process::id());
        let groups =
            Groups::make(Path::new(group::ROOT), &own, &name, &spec.limits).at(stage, "making groups")?;
        if groups.are_real() {
            return Ok(groups);
        }
        groups.remove();
        Err(SetupFailure::new(stage, format!("no groups are mounted at {}", group::ROOT)))
    })?;
    let result = begin(spec, layers, privileged, groups.as_ref());
    if let Some(groups) = groups {
        groups.remove();
    }
    result
}

fn begin(spec: &Spec, layers: Layers, privileged: bool, groups: Option<&Groups>) -> Result<(), SetupFailure> {
    let contained = layers.has(Layer::PidNamespace);
    if !contained {
        sweep::adopt().at(Stage::Layer(Layer::PidNamespace), "adopting what the run leaves")?;
    }
    // It lets the first process go on, and its end tells that the launcher is gone.
    let (alive, life) = pipe_with(PipeFlags::CLOEXEC).at(Stage::Fork, "making a pipe")?;
    // Over it the processes in the cage tell that the program begins, and that nothing is left of it.
    let (heard, tell) = pipe_with(PipeFlags::CLOEXEC).at(Stage::Fork, "making a pipe")?;
    match sys::fork().at(Stage::Fork, "starting the first process of the cage")? {
        Forked::Child => {
            std::mem::drop((life, heard));
            first::run(spec, layers, privileged, &alive, tell)
        }
        Forked::Parent(pid) => {
            std::mem::drop((alive, tell));
            if let Some(groups) = groups {
                let stage = Stage::Layer(Layer::ControlGroups);
                groups.take(pid.as_raw_nonzero().get()).at(stage, "entering the groups")?;
            }
            rustix::io::write(&life, &[1]).at(Stage::Fork, "letting the first process go on")?;
            let watched = supervise::run(spec, pid, &heard.into(), groups);
            std::mem::drop(life);
            if !contained {
                sweep::sweep().at(Stage::Layer(Layer::PidNamespace), "ending what the run has left")?;
            }
            watched.at(Stage::Fork, "watching over the run")
        }
    }
}
