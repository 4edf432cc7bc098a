//! What is wrong with a value, for whoever knows where it stands.

use crate::diagnostic::Finding;
use crate::error::ErrorCode;

/// What is wrong with a value; its place is added by whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: ErrorCode,
    message: String,
    advice: Option<String>,
}

impl Problem {
    /// A problem, in one sentence without a full stop.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), advice: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(super) fn finding(self) -> Finding {
        Finding::error(self.code, self.message).advise(self.advice)
    }
}
