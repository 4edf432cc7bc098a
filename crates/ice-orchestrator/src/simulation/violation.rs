//! Something that must never happen, and did.

use std::fmt;

/// Something that must never happen, and the way that led there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// What must never happen.
    pub what: String,
    /// Everything that was chosen and recorded before, one line each.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
