//! The first process of the cage: makes the namespaces and the root, starts the tool, and reaps whatever the tool leaves.
//! When it ends, the kernel ends all others.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::UnshareFlags;

use super::fault::{At, Layers};
use super::granted::Caller;
use super::sys::Forked;
use super::{inherit, net, privilege, root, sys, tool};
use crate::layer::Layer;
use crate::report::{SetupFailure, Stage};
use crate::wire::{self, LEFT, Note, Spec, ToolEnd, Used, fact};

const INNER: [(Layer, UnshareFlags); 5] = [
    (Layer::MountNamespace, UnshareFlags::NEWNS),
    (Layer::NetNamespace, UnshareFlags::NEWNET),
    (Layer::IpcNamespace, UnshareFlags::NEWIPC),
    (Layer::UtsNamespace, UnshareFlags::NEWUTS),
    (Layer::CgroupNamespace, UnshareFlags::NEWCGROUP),
];

/// The whole life of the first process.
pub(super) fn run(spec: &Spec, layers: Layers, privileged: bool, alive: &OwnedFd, begin: OwnedFd) -> ! {
    match live(spec, layers, privileged, alive, begin) {
        Ok(()) => sys::exit(0),
        Err(failure) => {
            inherit::tell(&Note::Failed(failure));
            sys::exit(125)
        }
    }
}

fn live(
    spec: &Spec,
    mut layers: Layers,
    privileged: bool,
    alive: &OwnedFd,
    begin: OwnedFd,
) -> Result<(), SetupFailure> {
    // Until the launcher has put this process where it belongs; or for nothing, if the launcher is gone.
    if rustix::io::read(alive, &mut [0_u8]).at(Stage::Fork, "waiting for the launcher")? == 0 {
        sys::exit(125);
    }
    for (layer, flag) in INNER {
        layers.put(spec, layer, || sys::unshare(flag).at(Stage::Layer(layer), "unsharing it"))?;
    }
    if layers.has(Layer::UtsNamespace) {
        let stage = Stage::Layer(Layer::UtsNamespace);
        rustix::system::sethostname(fact::SANDBOX.as_bytes()).at(stage, "setting the host name")?;
    }
    if !spec.ways.is_empty() {
        let stage = Stage::Layer(Layer::NetNamespace);
        if !layers.has(Layer::NetNamespace) {
            return Err(SetupFailure::new(stage, "endpoints cannot be granted without it"));
        }
        net::open(&spec.ways).at(stage, "opening ways out")?;
    }
    let has_mounts = layers.has(Layer::MountNamespace);
    layers.put(spec, Layer::Root, || {
        if has_mounts {
            return root::build(spec, privileged);
        }
        Err(SetupFailure::new(Stage::Layer(Layer::Root), "it needs the mount namespace"))
    })?;
    if privileged {
        inherit::give_streams(privilege::NOBODY).at(Stage::Fork, "giving the streams to the tool")?;
        privilege::drop().at(Stage::Layer(Layer::UserNamespace), "giving root up")?;
        layers.put(spec, Layer::UserNamespace, privilege::user_namespace)?;
    }
    // Whatever changes the ids takes this back, so it comes after them.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .at(Stage::Fork, "asking to die with the launcher")?;
    if is_gone(alive) {
        sys::exit(125);
    }
    // The tool may look at its own kind only.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .at(Stage::Fork, "hiding the first process")?;
    match sys::fork().at(Stage::Fork, "starting the tool")? {
        Forked::Child => tool::run(spec, layers, Caller::of(privileged), &begin),
        Forked::Parent(pid) => {
            inherit::close_ways().at(Stage::Fork, "leaving the ways out")?;
            inherit::close_streams().at(Stage::Fork, "closing the streams")?;
            reap(pid.as_raw_nonzero().get(), &begin).at(Stage::Fork, "waiting for the tool")
        }
    }
}

/// Whether the launcher had gone before it could be noticed by a signal.
fn is_gone(alive: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(alive, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

/// Waits for the tool, ends everything that it left, and tells how it ended; and the launcher, that nothing is left.
fn reap(tool: i32, launcher: &OwnedFd) -> std::io::Result<()> {
    let (mut end, mut is_alone) = (None, false);
    while let Some(ended) = sys::wait(-1)? {
        if ended.pid != tool {
            continue;
        }
        let status = ended.status;
        end = Some(if libc::WIFEXITED(status) {
            ToolEnd::Exit(libc::WEXITSTATUS(status))
        } else {
            ToolEnd::Signal(libc::WTERMSIG(status))
        });
        is_alone = sys::kill_all();
        if !is_alone {
            // Without a pid namespace the launcher ends the rest.
            break;
        }
    }
    if let Some(end) = end {
        inherit::tell(&Note::Tool(end));
    }
    if is_alone {
        let (user, system, largest) = sys::used()?;
        let left = wire::encode(&Used { user, system, largest, ..Used::default() })?;
        // At once, as the pipe does with what is so short. A launcher that is gone ends this process.
        let _ = rustix::io::write(launcher, &[&[LEFT], left.as_slice()].concat());
    }
    Ok(())
}
