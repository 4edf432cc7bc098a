//! Why a file is not that of a run.

/// Why bytes are not the file of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It is something else.
    #[error("it is no file of a run: it does not begin with `{{\"ice_run\":…}}`")]
    Foreign,
    /// It shows a run as it may be seen.
    #[error(
        "it is a redacted copy of a run, for people to look at: it cannot be gone on with; `ice runs export` without `--redacted` writes one that can be"
    )]
    Redacted,
    /// It was written by a newer version.
    #[error("it has version {found}, this engine reads up to {most}")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version that is read.
        most: u32,
    },
    /// A line is not what it should be.
    #[error("byte {at}: {what}")]
    Line {
        /// Where the line begins, in bytes from the beginning.
        at: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A part says that it is larger than a part may be.
    #[error("byte {at}: a part of {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Where its line begins, in bytes from the beginning.
        at: u64,
        /// The size it states.
        size: u64,
        /// The largest such part.
        limit: u64,
    },
    /// It ends before its end.
    #[error("it ends after {at} bytes, before its end: it was cut off")]
    Cut {
        /// Its length in bytes.
        at: u64,
    },
    /// Something was changed.
    #[error("its last line names another digest than that of what came before: it was changed or damaged")]
    Digest,
    /// There is something behind its end.
    #[error("byte {at}: there is something behind its end")]
    Trailing {
        /// Where, in bytes from the beginning.
        at: u64,
    },
}
