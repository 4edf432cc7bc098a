//! How the command ends: its exit codes.

use std::process::ExitCode;

/// How the command ends. The numbers are documented in `docs/cli.md` and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done; a run succeeded.
    Succeeded,
    /// A run failed, or the command could not do its work.
    Failed,
    /// The command line is not valid.
    Usage,
    /// The blueprint is not valid.
    Invalid,
    /// The run is not over: it waits, is parked, or was left for another process to resume.
    Waiting,
    /// A command in a cage reached a limit.
    Limit,
    /// A cage cannot be made, or not with all that was asked for. Nothing was run.
    NoCage,
    /// The run was cancelled.
    Cancelled,
    /// As the command did that was run in a cage.
    Command(u8),
}

impl Exit {
    /// The number the shell sees.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Waiting => 4,
            // As `timeout` and those who run commands in containers have it.
            Self::Limit => 124,
            Self::NoCage => 125,
            Self::Cancelled => 130,
            Self::Command(code) => code,
        }
    }

    /// As a command did that ended with this code.
    pub(crate) fn of_command(code: i32) -> Self {
        Self::Command(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
