//! Why the command could not do what it was asked: one type for every command.

use std::io;

use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use serde::Serialize;

use crate::exit::Exit;

/// Why the command could not do what it was asked.
#[derive(Debug, thiserror::Error, Serialize)]
#[error("{message}")]
pub(crate) struct Fault {
    /// The code, with a page in `docs/errors`.
    pub(crate) code: ErrorCode,
    /// The number of the code.
    pub(crate) number: u16,
    /// What was wrong, and where.
    pub(crate) message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
    /// What is wrong with each file of a blueprint, if that is why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) diagnostics: Vec<Diagnostics>,
    /// How the command ends.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// Whether it was told already, as diagnostics are.
    #[serde(skip)]
    pub(crate) told: bool,
}

impl Fault {
    /// A failure of the work itself.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let about_words =
            [ErrorCode::Usage, ErrorCode::InputInvalid, ErrorCode::FileUnreadable, ErrorCode::FileTooLarge];
        let exit = if about_words.contains(&code) {
            Exit::Usage
        } else if code.number() / 1_000 == 1 || code == ErrorCode::NodeKindUnavailable {
            Exit::Invalid
        } else {
            Exit::Failed
        };
        let diagnostics = Vec::new();
        Self {
            code,
            number: code.number(),
            message: message.into(),
            help: None,
            diagnostics,
            exit,
            told: false,
        }
    }

    /// A command line that cannot be followed.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Usage, message)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(what: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(ErrorCode::FileUnreadable, format!("cannot {what} {}: {}", path.display(), plain(error)))
    }

    /// The same with advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with what is wrong with each file of a blueprint.
    pub(crate) fn diagnostics(mut self, diagnostics: Vec<Diagnostics>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// The same with another end.
    pub(crate) const fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same, but whoever reads has seen it already.
    pub(crate) const fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Nobody reads the output any more, as with `ice runs list | head`: end quietly.
    pub(crate) fn closed() -> Self {
        Self::new(ErrorCode::Unknown, "the output is closed").exit(Exit::Succeeded).told()
    }
}

/// What people call the errors of the system that they meet most.
const PLAIN: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::NotFound, "there is no such file or folder"),
    (io::ErrorKind::PermissionDenied, "permission denied"),
    (io::ErrorKind::IsADirectory, "it is a folder"),
    (io::ErrorKind::NotADirectory, "a part of the path is not a folder"),
    (io::ErrorKind::StorageFull, "the disk is full"),
    (
        io::ErrorKind::FileTooLarge,
        "it would be larger than files may be here (`ulimit -f`, or the file system)",
    ),
    (io::ErrorKind::ReadOnlyFilesystem, "the file system is read-only"),
];

/// The words for an error of the system.
pub(crate) fn plain(error: &io::Error) -> String {
    let known = PLAIN.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
}

impl From<io::Error> for Fault {
    /// A failure to write to the terminal or a pipe.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::closed()
        } else {
            Self::new(ErrorCode::FileUnreadable, format!("cannot write the output: {}", plain(&error)))
                .exit(Exit::Failed)
        }
    }
}
