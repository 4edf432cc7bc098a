//! Why a model cannot be loaded.

use std::path::PathBuf;

/// Why a folder gives no embedder.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Files are missing.
    #[error(
        "{} lacks {}: a model is a folder with config.json, tokenizer.json and model.safetensors",
        folder.display(), files.join(", ")
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The files.
        files: Vec<String>,
    },
    /// A file cannot be read.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than is allowed.
    #[error("{} is larger than {most} bytes: use a smaller model, or allow more", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The most that is allowed.
        most: u64,
    },
    /// A file does not hold what it should.
    #[error("{file} is not as it should be: {why}; get the model anew")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The model is of a kind that is not known here.
    #[error("{file}: {what} is not known here: use a model of the kind `bert` with pooling by mean or CLS")]
    Unsupported {
        /// The file that says so.
        file: String,
        /// What is not known.
        what: String,
    },
    /// The work was cut short.
    #[error("the model could not be loaded: the work was cut short")]
    Stopped,
}

impl LocalError {
    /// A file that does not hold what it should.
    pub(super) fn invalid(file: &str, why: impl Into<String>) -> Self {
        Self::Invalid { file: file.to_owned(), why: why.into() }
    }
}
