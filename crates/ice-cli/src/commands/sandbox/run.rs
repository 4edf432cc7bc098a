//! `ice sandbox run`: runs a command in a cage.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;
use ice_sandbox::{Command, Verdict};

use super::policy::{PolicyArgs, absolute};
use crate::cage;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::cage as report;
use crate::shell::Shell;

/// Runs a command in a cage, with this standard input and output, and ends as it does: with its exit code, or 128 and
/// the number of the signal that ended it; with 124 if it reached a limit, 125 if it was not run, 130 if it was cancelled.
/// How it went stands on standard error, with `--json` as one line of JSON.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Say nothing of how it went
    #[arg(short, long)]
    quiet: bool,
    /// The program, by its path or by a name in the PATH of the cage, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

impl Run {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let policy = self.policy.policy()?;
        let command = self.command()?;
        let Some(end) = shell.block_on(cage::run(&command, &policy))? else { return Ok(Exit::Cancelled) };
        let exit = exit(&end.verdict);
        if shell.screen.json && !self.quiet {
            shell.screen.remark(&report::Document::new(&end, exit));
        } else if let Verdict::SetupFailed { failure } = &end.verdict {
            // This is told in any case: otherwise it would look as if the command had failed.
            shell.screen.fault(&cage::fault(failure));
        } else if !self.quiet {
            report::tell(&shell.screen, &end, policy.limits());
        }
        Ok(exit)
    }

    fn command(&self) -> Result<Command, Fault> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(Fault::usage("there is no command to run"));
        };
        let path = Path::new(program);
        // A path from here leads nowhere in the cage.
        let is_path = path.components().count() > 1 || program.as_encoded_bytes().contains(&b'/');
        let program =
            if is_path { absolute(path).unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() };
        Ok(Command::new(program).args(arguments))
    }
}

/// How `ice` ends after a command that ended so.
fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Ok => Exit::Succeeded,
        Verdict::ExitCode { code } => Exit::of_command(*code),
        Verdict::Signal { signal } => Exit::of_command(128 + signal),
        Verdict::Denied => Exit::of_command(128 + rustix::process::Signal::SYS.as_raw()),
        Verdict::WallTimeout
        | Verdict::IdleTimeout
        | Verdict::CpuLimit
        | Verdict::MemoryLimit
        | Verdict::ProcessLimit
        | Verdict::OutputLimit
        | Verdict::FileSize => Exit::Limit,
        Verdict::Cancelled => Exit::Cancelled,
        Verdict::Lost => Exit::Failed,
        Verdict::SetupFailed { .. } => Exit::NoCage,
    }
}
