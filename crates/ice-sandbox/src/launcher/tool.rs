//! The tool, before it is the program: streams, the last layers, exec.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::thread::{CapabilitySet, CapabilitySets};

use super::fault::{At, Layers};
use super::filter::{self, Openings};
use super::granted::Caller;
use super::{confine, inherit, look, secret, sys};
use crate::layer::Layer;
use crate::report::{SetupFailure, Stage};
use crate::wire::{BEGUN, Note, Order, Spec, Text};

const NO_CAPABILITIES: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Becomes the program, or says why not.
pub(super) fn run(spec: &Spec, layers: Layers, caller: Caller, begin: &OwnedFd) -> ! {
    let failure = match become_program(spec, layers, caller, begin) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    inherit::tell(&Note::Failed(failure));
    sys::exit(125)
}

fn become_program(
    spec: &Spec,
    mut layers: Layers,
    caller: Caller,
    begin: &OwnedFd,
) -> Result<std::convert::Infallible, SetupFailure> {
    sys::reset_signals();
    // Its own session: no terminal, and no signal reaches others.
    rustix::process::setsid().at(Stage::Fork, "beginning a session")?;
    inherit::take_streams().at(Stage::Fork, "taking the streams")?;
    if layers.has(Layer::Root) {
        rustix::process::chdir("/cage").at(Stage::Layer(Layer::Root), "entering /cage")?;
    }
    layers.put(spec, Layer::ResourceLimits, || confine::limits(&spec.limits))?;
    // An exec by anybody but root takes them as well; this is for what looks around instead.
    rustix::thread::set_capabilities(None, NO_CAPABILITIES).at(Stage::Fork, "giving capabilities up")?;
    layers.put(spec, Layer::NoNewPrivileges, || {
        rustix::thread::set_no_new_privs(true).at(Stage::Layer(Layer::NoNewPrivileges), "asking for it")
    })?;
    let rooted = layers.has(Layer::Root);
    let landlock = layers.put(spec, Layer::Landlock, || confine::landlock(spec, rooted, caller))?;
    let counted = spec.limits.memory.is_none() || layers.has(Layer::ControlGroups);
    let openings = Openings { ways: !spec.ways.is_empty(), memory_files: counted };
    layers.put(spec, Layer::Seccomp, || filter::put_on(openings))?;
    let Layers { held, absent } = layers;
    inherit::tell(&Note::Ready { layers: held, absent, landlock_abi: landlock.unwrap_or(0) });
    let Some((order, secrets)) = inherit::order().at(Stage::Spec, "reading what to run")? else {
        sys::exit(0)
    };
    let Some(program) = &order.program else {
        running(begin);
        look::around(&spec.limits, rooted)
    };
    let arguments = texts(std::iter::once(program).chain(&order.arguments))?;
    let mut variables: Vec<Vec<u8>> = order
        .environment
        .iter()
        .map(|(name, value)| [name.as_bytes(), b"=", value.0.as_bytes()].concat())
        .collect();
    for (slot, secret) in order.secrets.iter().zip(&secrets) {
        variables.push(secret::give(slot, secret, rooted)?);
    }
    drop(secrets);
    let environment: Vec<_> = variables
        .into_iter()
        .map(CString::new)
        .collect::<Result<_, _>>()
        .map_err(|_| SetupFailure::new(Stage::Exec, "a NUL byte in the environment"))?;
    running(begin);
    let mut last = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in &candidates(&order, arguments.first()) {
        let error = sys::exec(candidate, &arguments, &environment);
        // The first that is there says more than the last that is not.
        if error.kind() != io::ErrorKind::NotFound {
            last = error;
            break;
        }
    }
    let program = program.0.to_string_lossy();
    let mut failure = SetupFailure::io(Stage::Exec, &format!("`{program}`"), &last);
    if last.kind() == io::ErrorKind::NotFound {
        failure.hint =
            Some("it is not in the cage: grant its folder for running, or name its whole path".to_owned());
    }
    Err(failure)
}

/// Has the time of the run begin.
fn running(begin: &OwnedFd) {
    inherit::tell(&Note::Running);
    // A launcher that is gone ends this process.
    let _ = rustix::io::write(begin, &[BEGUN]);
}

/// Where the program may be: as it is named, or in each folder of the path.
fn candidates(order: &Order, program: Option<&CString>) -> Vec<CString> {
    let Some(program) = program else { return Vec::new() };
    if program.as_bytes().contains(&b'/') {
        return vec![program.clone()];
    }
    let path = order.environment.get("PATH").map(|path| path.0.as_bytes()).unwrap_or_default();
    let folders = path.split(|byte| *byte == b':').filter(|folder| folder.starts_with(b"/"));
    folders.filter_map(|folder| CString::new([folder, b"/", program.as_bytes()].concat()).ok()).collect()
}

fn texts<'t>(texts: impl Iterator<Item = &'t Text>) -> Result<Vec<CString>, SetupFailure> {
    let texts = texts.map(|text| CString::new(text.0.as_bytes()));
    texts.collect::<Result<_, _>>().map_err(|_| SetupFailure::new(Stage::Exec, "a NUL byte in an argument"))
}
