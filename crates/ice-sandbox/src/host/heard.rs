//! What a launcher has told of a run, and what that means for how the run ended.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::layer::Layer;
use crate::report::{Absent, SetupFailure, Stage, Verdict};
use crate::wire::{self, Stop, ToolEnd};

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) failed: Option<SetupFailure>,
    pub(super) layers: BTreeSet<Layer>,
    pub(super) absent: Vec<Absent>,
    pub(super) setup: Option<Duration>,
    /// Since when.
    pub(super) running: Option<tokio::time::Instant>,
    pub(super) tool: Option<ToolEnd>,
    pub(super) stopped: Option<Stop>,
    pub(super) used: Option<wire::Used>,
    pub(super) closed: bool,
}

/// How it ended. `told` is why it was told to end, if it was, and `launcher` how the launcher ended.
pub(super) fn verdict(heard: &Heard, told: Option<Verdict>, launcher: &str) -> Verdict {
    if let Some(failure) = &heard.failed {
        return Verdict::SetupFailed { failure: failure.clone() };
    }
    if let Some(end) = heard.tool.filter(|_| heard.running.is_none() && heard.stopped.is_none()) {
        let what =
            format!("the process ended before it was the program ({end:?}); a limit may be too low for it");
        return Verdict::SetupFailed { failure: SetupFailure::new(Stage::Exec, what) };
    }
    let used = heard.used.unwrap_or_default();
    let of = |end: ToolEnd| match of(end) {
        // Whoever of its processes it was that the kernel ended, it is why it failed.
        verdict if verdict != Verdict::Ok && used.killed > 0 => Verdict::MemoryLimit,
        verdict if verdict != Verdict::Ok && used.refused > 0 => Verdict::ProcessLimit,
        verdict => verdict,
    };
    match (heard.stopped, told, heard.tool) {
        // It had ended by itself before it could be ended.
        (None | Some(Stop::Told), _, Some(end)) if heard.stopped.is_none() => of(end),
        (Some(Stop::Wall), _, _) => Verdict::WallTimeout,
        (Some(Stop::Cpu), _, _) => Verdict::CpuLimit,
        (Some(Stop::Memory), _, _) => Verdict::MemoryLimit,
        (Some(Stop::Told) | None, Some(why), _) => why,
        (Some(Stop::Told) | None, None, Some(end)) => of(end),
        (Some(Stop::Told) | None, None, None) if heard.running.is_some() => Verdict::Lost,
        (Some(Stop::Told) | None, None, None) => {
            let what = format!("the launcher ended without a word ({launcher})");
            Verdict::SetupFailed { failure: SetupFailure::new(Stage::Launcher, what) }
        }
    }
}

fn of(end: ToolEnd) -> Verdict {
    match end {
        ToolEnd::Exit(0) => Verdict::Ok,
        ToolEnd::Exit(code) => Verdict::ExitCode { code },
        ToolEnd::Signal(libc::SIGXCPU) => Verdict::CpuLimit,
        ToolEnd::Signal(libc::SIGXFSZ) => Verdict::FileSize,
        ToolEnd::Signal(libc::SIGSYS) => Verdict::Denied,
        ToolEnd::Signal(signal) => Verdict::Signal { signal },
    }
}
