//! How much may be read and made of a document, and who watches.

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;

/// Bounds of reading a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest document, in bytes.
    pub input_bytes: u64,
    /// The most text that is made of it, in bytes: compressed documents and tables can grow.
    pub output_bytes: u64,
    /// The most parts, such as paragraphs, rows and values.
    pub parts: usize,
    /// The most pages.
    pub pages: usize,
    /// The most operations of the pages of a PDF in all, with those of the forms they show.
    pub operations: u64,
}

impl Default for Limits {
    /// 64 MiB read, 64 MiB made, 2,000,000 parts, 20,000 pages, 20,000,000 operations.
    fn default() -> Self {
        Self {
            input_bytes: 64 << 20,
            output_bytes: 64 << 20,
            parts: 2_000_000,
            pages: 20_000,
            operations: 20_000_000,
        }
    }
}

/// Watches how a document is read.
pub trait Observer: Sync {
    /// Whether to stop. Asked often.
    fn is_stopped(&self) -> bool {
        false
    }

    /// So much is done, of so much, in bytes or pages. Must not block.
    fn progressed(&self, _done: u64, _of: u64) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// What is over a limit.
pub(super) fn exceeded(what: &str, limit: u64) -> ToolError {
    ToolError::refused(ErrorCode::LimitExceeded, format!("{what}, and {limit} is the most that is taken"))
}

/// What is wrong with the document.
pub(super) fn damaged(message: impl Into<String>) -> ToolError {
    ToolError::refused(ErrorCode::DataInvalid, message)
}
