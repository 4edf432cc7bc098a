//! Why a local model cannot be loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a file gives no model.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LocalModelError {
    /// There is no such file.
    #[error("{} holds no model: name a GGUF file, or a folder with one GGUF file in it", path.display())]
    Missing {
        /// What was looked at.
        path: PathBuf,
    },
    /// A folder with several models.
    #[error("{} holds several models: name one of {}", path.display(), files.join(", "))]
    Several {
        /// The folder.
        path: PathBuf,
        /// The names of the files.
        files: Vec<String>,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// A file does not hold what it should.
    #[error("{} is not as it should be: {why}; get the model anew", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The model is of a kind that is not known here.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not known, and what to do.
        what: String,
    },
    /// The work was cut short.
    #[error("{} could not be loaded: the work stopped in the middle, a defect", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with a file, before it is said which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is damaged, or no model.
    Invalid(String),
    /// It is a model of another kind.
    Unsupported(String),
}

impl Flaw {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// The flaw of this file.
    pub(super) fn of(self, path: &Path) -> LocalModelError {
        let path = path.to_owned();
        match self {
            Self::Invalid(why) => LocalModelError::Invalid { path, why },
            Self::Unsupported(what) => LocalModelError::Unsupported { path, what },
        }
    }
}

impl From<candle_core::Error> for Flaw {
    fn from(error: candle_core::Error) -> Self {
        Self::Invalid(error.to_string().lines().next().unwrap_or_default().chars().take(300).collect())
    }
}
