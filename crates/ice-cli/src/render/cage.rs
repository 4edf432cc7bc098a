//! How a command in a cage went, as people and programs read it.

use std::collections::BTreeSet;
use std::time::Duration;

use ice_sandbox::{Absent, Broken, End, Layer, Limits, MemorySource, Stream, Traffic, Usage, Verdict};
use serde::Serialize;

use super::text;
use crate::exit::Exit;
use crate::screen::{DIM, GREEN, RED, Screen, YELLOW, styled};

/// The report as a document.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'e> {
    #[serde(flatten)]
    verdict: &'e Verdict,
    /// What `ice` ends with.
    exit: u8,
    wall_ms: u128,
    cpu_user_ms: u128,
    cpu_system_ms: u128,
    setup_ms: u128,
    peak_memory_bytes: u64,
    memory_source: MemorySource,
    layers: &'e BTreeSet<Layer>,
    not_enforced: &'e [Absent],
    traffic: &'e [Traffic],
    broken: &'e [Broken],
}

impl<'e> Document<'e> {
    /// The report of a command that ended so.
    pub(crate) fn new(end: &'e End, exit: Exit) -> Self {
        let Usage { wall, cpu_user, cpu_system, peak_memory, memory_source, setup } = end.usage;
        Self {
            verdict: &end.verdict,
            exit: exit.number(),
            wall_ms: wall.as_millis(),
            cpu_user_ms: cpu_user.as_millis(),
            cpu_system_ms: cpu_system.as_millis(),
            setup_ms: setup.as_millis(),
            peak_memory_bytes: peak_memory,
            memory_source,
            layers: &end.layers,
            not_enforced: &end.not_enforced,
            traffic: &end.traffic,
            broken: &end.broken,
        }
    }
}

/// Tells people how a command went: `succeeded in 12 ms, 9 ms of CPU time, 1.8 MiB of memory (largest process)`, and
/// which layers it had to do without.
pub(crate) fn tell(screen: &Screen, end: &End, limits: &Limits) {
    let style = match end.verdict {
        Verdict::Ok => GREEN,
        Verdict::Cancelled => YELLOW,
        Verdict::ExitCode { .. }
        | Verdict::Signal { .. }
        | Verdict::WallTimeout
        | Verdict::IdleTimeout
        | Verdict::CpuLimit
        | Verdict::MemoryLimit
        | Verdict::ProcessLimit
        | Verdict::OutputLimit
        | Verdict::FileSize
        | Verdict::Denied
        | Verdict::Lost
        | Verdict::SetupFailed { .. } => RED,
    };
    let Usage { wall, cpu_user, cpu_system, peak_memory, memory_source, setup: _ } = end.usage;
    let source = match memory_source {
        MemorySource::Polled => "all processes, polled",
        MemorySource::LargestProcess => "the largest process",
        MemorySource::Group => "all processes and files in memory",
    };
    let when = if end.verdict == Verdict::Ok { "in" } else { "after" };
    let facts = format!(
        "{when} {}, {} of CPU time, {} of memory ({source})",
        text::span(wall),
        text::span(cpu_user + cpu_system),
        text::size(peak_memory)
    );
    screen.note(format_args!("{} {}", styled(style, words(&end.verdict, limits)), styled(DIM, facts)));
    for Traffic { endpoint, connections, refused, sent, received, cut } in &end.traffic {
        let (sent, received) = (text::size(*sent), text::size(*received));
        let refused = if *refused > 0 { format!(", {refused} refused") } else { String::new() };
        let cut = if *cut > 0 { format!(", {cut} cut off") } else { String::new() };
        screen.note(format_args!(
            "  {endpoint}: {}{refused}{cut}, {sent} sent, {received} received",
            text::count(*connections, "connection")
        ));
    }
    for Broken { stream, side: _, why, errno: _ } in &end.broken {
        let stream = match stream {
            Stream::Stdin => "standard input",
            Stream::Stdout => "standard output",
            Stream::Stderr => "standard error",
        };
        screen.note(format_args!(
            "  {} not all of its {stream} was handed on: {why}",
            styled(YELLOW, "warning:")
        ));
    }
    // What is optional is done without everywhere but where somebody has set it up.
    for Absent { layer, why } in end.not_enforced.iter().filter(|absent| !absent.layer.is_optional()) {
        screen.note(format_args!("  {} ran without the layer {layer}: {why}", styled(YELLOW, "warning:")));
    }
}

/// A verdict in words, with the limit that was reached.
pub(crate) fn words(verdict: &Verdict, limits: &Limits) -> String {
    let time = |limit: Option<Duration>| limit.map_or_else(|| "it may".to_owned(), text::span);
    let size = |limit: Option<u64>| limit.map_or_else(|| "it may".to_owned(), text::size);
    match verdict {
        Verdict::Ok => "succeeded".to_owned(),
        Verdict::ExitCode { code } => format!("ended with exit code {code}"),
        Verdict::Signal { signal } => format!("ended by signal {signal}{}", signal_name(*signal)),
        Verdict::WallTimeout => {
            format!("stopped: it took longer than {} (`--timeout`)", text::span(limits.wall))
        }
        Verdict::IdleTimeout => {
            format!("stopped: it wrote nothing for longer than {} (`--idle`)", time(limits.idle))
        }
        Verdict::CpuLimit => format!("stopped: it used more CPU time than {} (`--cpu`)", time(limits.cpu)),
        Verdict::MemoryLimit => {
            format!("stopped: it used more memory than {} (`--memory`)", size(limits.memory))
        }
        Verdict::ProcessLimit => {
            format!("failed: it wanted more processes than {} (`--processes`)", limits.processes)
        }
        Verdict::OutputLimit => {
            format!("stopped: it wrote more output than {} (`--max-output`)", text::size(limits.output))
        }
        Verdict::FileSize => {
            format!("stopped: it wrote a larger file than {} (`--file-size`)", text::size(limits.file_size))
        }
        Verdict::Denied => "stopped: it made a system call that nothing in a cage may make".to_owned(),
        Verdict::Cancelled => "cancelled".to_owned(),
        Verdict::Lost => "lost: what watched over it was ended while it ran".to_owned(),
        Verdict::SetupFailed { failure } => format!("was not run: {}: {}", failure.stage, failure.what),
    }
}

/// The name of a signal that programs often end by, in brackets.
fn signal_name(signal: i32) -> &'static str {
    use rustix::process::Signal;
    let named = [
        (Signal::HUP, " (SIGHUP)"),
        (Signal::INT, " (SIGINT)"),
        (Signal::QUIT, " (SIGQUIT)"),
        (Signal::ILL, " (SIGILL)"),
        (Signal::ABORT, " (SIGABRT)"),
        (Signal::BUS, " (SIGBUS)"),
        (Signal::FPE, " (SIGFPE)"),
        (Signal::KILL, " (SIGKILL)"),
        (Signal::SEGV, " (SIGSEGV)"),
        (Signal::PIPE, " (SIGPIPE)"),
        (Signal::ALARM, " (SIGALRM)"),
        (Signal::TERM, " (SIGTERM)"),
    ];
    named.iter().find(|(known, _)| known.as_raw() == signal).map_or("", |(_, name)| name)
}
