//! How the end of an execution is told as the failure of a tool.

use ice_core::error::ErrorCode;
use ice_core::process::{Limits, Report, Verdict};
use ice_core::tools::ToolError;

/// The failure of a tool whose execution did not end well.
pub(crate) fn tool_error(label: &str, report: &Report, _limits: &Limits) -> Option<ToolError> {
    match &report.verdict {
        Verdict::Ok => None,
        Verdict::Cancelled => Some(ToolError::cancelled()),
        Verdict::SetupFailed { stage, what, hint } => {
            let hint = hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let message = format!("`{label}` was not run: {stage}: {what}{hint}");
            Some(ToolError::refused(ErrorCode::SandboxSetup, message))
        }
        other => {
            let message = format!("`{label}` ended with {}: {}", other.name(), report.stderr);
            Some(ToolError::failed(ErrorCode::ToolFailed, message))
        }
    }
}
