//! Regular expressions, bounded: they run in linear time, and their size has a limit.

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 4096;
/// The most memory a pattern may compile to, and its cache may take, in bytes each.
const MAX_SIZE: usize = 1 << 20;

/// Compiles a pattern in the syntax of the `regex` crate (no look-around, no back-references).
pub(crate) fn compile_regex(pattern: &str) -> Result<Regex, ToolError> {
    let invalid = |message: String| ToolError::refused(ErrorCode::ToolInputInvalid, message);
    if pattern.len() > MAX_PATTERN {
        return Err(invalid(format!("the pattern is longer than {MAX_PATTERN} bytes")));
    }
    RegexBuilder::new(pattern).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build().map_err(|error| {
        invalid(if let regex::Error::CompiledTooBig(_) = error {
            format!("the pattern takes more than {MAX_SIZE} bytes: make it simpler")
        } else {
            format!("the pattern is not valid: {error}")
        })
    })
}
