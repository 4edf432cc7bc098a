//! From how a program ended to the error of the tool that it is.

use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::process::{DenialKind, Limits, Report, Verdict};
use ice_core::quantity::{write_bytes, write_millis};
use ice_core::tools::ToolError;

/// The most characters that are shown of what a program wrote.
const LONGEST: usize = 500;

/// What the end of a program means for who called it as a tool; nothing if it ended well. `label` is the name of the
/// tool, `limits` are those it ran in.
///
/// A program that was started may have done something, whatever became of it: only one that could not be started counts
/// as [not started](ice_core::tools::Started::NotStarted).
pub(crate) fn tool_error(label: &str, report: &Report, limits: &Limits) -> Option<ToolError> {
    let failed = |message: String| ToolError::failed(ErrorCode::ToolFailed, format!("`{label}` {message}"));
    // The same call would reach the same limit again.
    let stopped = |what: &str, limit: Option<String>, name: &str| {
        let most = limit.map_or_else(String::new, |limit| format!(" than {limit}"));
        failed(format!("{what}{most}: give it less to do, or raise its limit `{name}`")).retryable(false)
    };
    let error = match &report.verdict {
        Verdict::Ok => return None,
        Verdict::ExitCode { code } => failed(format!("ended with exit code {code}{}", last_words(report))),
        Verdict::Signal { signal } => {
            failed(format!("was ended by signal {signal}{}{}", signal_name(*signal), last_words(report)))
        }
        Verdict::Trap { kind } => failed(format!("trapped: {}", plain::line(kind, LONGEST))).retryable(false),
        Verdict::WallTimeout => {
            stopped("took longer", limits.wall_ms.map(write_millis), "wall").retryable(true)
        }
        Verdict::IdleTimeout => {
            stopped("wrote nothing for longer", limits.idle_ms.map(write_millis), "idle").retryable(true)
        }
        Verdict::CpuLimit => stopped("used more CPU time", cpu(limits), "cpu"),
        Verdict::MemoryLimit => stopped("used more memory", limits.memory_bytes.map(write_bytes), "memory"),
        Verdict::ProcessLimit => stopped(
            "wanted more processes and threads",
            limits.processes.map(|processes| processes.to_string()),
            "processes",
        ),
        Verdict::OutputLimit => output_limit(label, limits),
        Verdict::FileSize => stopped("wrote a larger file", limits.file_bytes.map(write_bytes), "file"),
        Verdict::Denied => failed(
            "was stopped: it made a system call that nothing in a cage may make; it has to do without"
                .to_owned(),
        )
        .retryable(false),
        Verdict::Cancelled => ToolError::cancelled(),
        Verdict::Lost => failed(
            "was lost: what watched over it was ended by somebody else, so nobody knows what it had done"
                .to_owned(),
        ),
        Verdict::SetupFailed { stage, what, hint } => {
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
            let message = format!("`{label}` could not be started: {stage}: {what}{hint}");
            ToolError::refused(ErrorCode::SandboxSetup, plain::line(&message, LONGEST))
        }
    };
    Some(error)
}

/// A program wrote more to standard output than it may.
pub(super) fn output_limit(label: &str, limits: &Limits) -> ToolError {
    let most = limits.output_bytes.map_or_else(String::new, |bytes| format!(" than {}", write_bytes(bytes)));
    let message = format!("`{label}` wrote more output{most}: let it say less, or raise its limit `output`");
    ToolError::failed(ErrorCode::ToolFailed, message).retryable(false)
}

/// CPU time counts as fuel where a program runs as WebAssembly.
fn cpu(limits: &Limits) -> Option<String> {
    let fuel = || limits.fuel.map(|fuel| format!("{fuel} units of fuel"));
    limits.cpu_ms.map(write_millis).or_else(fuel)
}

/// The last line of what a program complained about, and the hosts that it could not reach.
fn last_words(report: &Report) -> String {
    let mut lines = report.stderr.lines().rev().map(|line| plain::line(line, LONGEST));
    let mut words = match lines.find(|line| !line.is_empty()) {
        Some(line) => format!(": {line}"),
        None => " and said nothing on standard error".to_owned(),
    };
    for denial in report.denials() {
        match denial.kind {
            DenialKind::Network => {
                words.push_str(&format!(
                    "; a connection to {} failed or was refused",
                    plain::line(&denial.what, 200)
                ));
            }
            DenialKind::Limit | DenialKind::SystemCall | DenialKind::Grant => {}
        }
    }
    words
}

/// The name of a signal that programs often end by, in brackets. The numbers are those of Linux.
const fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use ice_core::process::{Home, Traffic};
    use ice_core::tools::Started;

    use super::*;

    const LIMITS: Limits = Limits {
        wall_ms: Some(30_000),
        idle_ms: None,
        cpu_ms: Some(1_500),
        memory_bytes: Some(256 << 20),
        processes: Some(16),
        open_files: None,
        file_bytes: None,
        workspace_bytes: None,
        output_bytes: Some(1 << 20),
        fuel: None,
    };

    fn check(verdict: Verdict, stderr: &str, expected: &str, retryable: bool) {
        let report = Report { stderr: stderr.to_owned(), ..Report::new(Home::Process, verdict) };
        let error = tool_error("count", &report, &LIMITS).unwrap();
        assert_eq!((error.message.as_str(), error.retryable), (expected, retryable));
        let not_started = matches!(report.verdict, Verdict::SetupFailed { .. });
        assert_eq!(error.started == Started::NotStarted, not_started, "{expected}");
    }

    #[test]
    fn every_end_says_what_happened_and_what_to_do() {
        check(
            Verdict::ExitCode { code: 3 },
            "Traceback\n  File x\nValueError: \u{1b}[31mno\u{1b}[0m number\u{7}\n\n",
            "`count` ended with exit code 3: ValueError: no number",
            true,
        );
        let silent = "`count` ended with exit code 1 and said nothing on standard error";
        check(Verdict::ExitCode { code: 1 }, " \n", silent, true);
        let killed = "`count` was ended by signal 11 (SIGSEGV): oh";
        check(Verdict::Signal { signal: 11 }, "oh", killed, true);
        check(Verdict::Trap { kind: "unreachable".to_owned() }, "", "`count` trapped: unreachable", false);
        let long = "`count` took longer than 30s: give it less to do, or raise its limit `wall`";
        check(Verdict::WallTimeout, "", long, true);
        let idle = "`count` wrote nothing for longer: give it less to do, or raise its limit `idle`";
        check(Verdict::IdleTimeout, "", idle, true);
        let busy = "`count` used more CPU time than 1500ms: give it less to do, or raise its limit `cpu`";
        check(Verdict::CpuLimit, "", busy, false);
        let large = "`count` used more memory than 256MiB: give it less to do, or raise its limit `memory`";
        check(Verdict::MemoryLimit, "", large, false);
        let many = "`count` wanted more processes and threads than 16: give it less to do, or raise its limit `processes`";
        check(Verdict::ProcessLimit, "", many, false);
        let loud = "`count` wrote more output than 1MiB: let it say less, or raise its limit `output`";
        check(Verdict::OutputLimit, "", loud, false);
        let file = "`count` wrote a larger file: give it less to do, or raise its limit `file`";
        check(Verdict::FileSize, "", file, false);
        let denied = "`count` was stopped: it made a system call that nothing in a cage may make; it has to do without";
        check(Verdict::Denied, "", denied, false);
        check(Verdict::Cancelled, "", "the call was cancelled", false);
        let lost = "`count` was lost: what watched over it was ended by somebody else, so nobody knows what it had done";
        check(Verdict::Lost, "", lost, true);
        let setup = Verdict::SetupFailed {
            stage: "layer landlock".to_owned(),
            what: "not there".to_owned(),
            hint: Some("use another kernel".to_owned()),
        };
        check(
            setup,
            "",
            "`count` could not be started: layer landlock: not there; use another kernel",
            false,
        );
        assert_eq!(tool_error("count", &Report::new(Home::Process, Verdict::Ok), &LIMITS), None);
    }

    #[test]
    fn a_host_that_was_not_reached_is_named() {
        let traffic = Traffic {
            endpoint: "api:443".to_owned(),
            connections: 0,
            refused: 2,
            cut: 0,
            sent: 0,
            received: 0,
        };
        let report =
            Report { traffic: vec![traffic], ..Report::new(Home::Process, Verdict::ExitCode { code: 1 }) };
        let error = tool_error("count", &report, &LIMITS).unwrap();
        assert!(error.message.ends_with("; a connection to api:443 failed or was refused"), "{error}");
    }
}
