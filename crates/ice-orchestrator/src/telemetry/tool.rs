//! A call of a tool.

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::llm::PromptPolicy;
use ice_core::metrics::{MetricName, histogram};
use ice_core::path::NodePath;
use ice_core::telemetry::{Operation, bounded, names, redacted_value};
use ice_core::tools::ToolError;
use ice_core::value::Value;
use metrics::Histogram;
use tracing::Span;
use tracing::field::Empty;

use super::failed;

/// How long calls of a tool take that give something. Keep the handle.
pub(crate) fn tool_seconds(tool: &str) -> Histogram {
    histogram(MetricName::GenAiToolSeconds, &[("gen_ai_tool_name", tool), ("error_type", "")])
}

/// Counts a call of a tool that failed after so many seconds.
pub(crate) fn failed_tool(tool: &str, code: ErrorCode, seconds: f64) {
    let labels = [("gen_ai_tool_name", tool), ("error_type", code.name())];
    histogram(MetricName::GenAiToolSeconds, &labels).record(seconds);
}

/// The call of a tool: its span.
#[derive(Debug)]
pub(crate) struct ToolCall<'p> {
    span: Span,
    content: Option<&'p dyn PromptPolicy>,
}

impl<'p> ToolCall<'p> {
    /// A tool is called, within the span that is entered. `id` is what a model calls the call, `is_remote` whether another
    /// server has the tool, `content` who looks at what is written down of its input and output, if that is at all.
    pub(crate) fn begin(
        (run, address): (RunId, &NodePath),
        (tool, is_remote): (&str, bool),
        id: Option<&str>,
        input: &Value,
        content: Option<&'p dyn PromptPolicy>,
    ) -> Self {
        let operation = Operation::ExecuteTool.as_str();
        let span = tracing::info_span!(
            "execute_tool",
            { names::SPAN_NAME } = format!("{operation} {tool}"),
            { names::SPAN_KIND } = names::INTERNAL,
            { names::STATUS_CODE } = Empty,
            { names::OPERATION_NAME } = operation,
            { names::TOOL_NAME } = tool,
            { names::TOOL_TYPE } = if is_remote { names::EXTENSION } else { names::FUNCTION },
            { names::TOOL_CALL_ID } = id,
            { names::TOOL_CALL_ARGUMENTS } = Empty,
            { names::TOOL_CALL_RESULT } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::RUN_ID } = %run,
            { names::NODE_PATH } = address.as_str(),
        );
        let content = content.filter(|_| !span.is_disabled());
        if let Some(input) = content.and_then(|policy| redacted_value(policy, input)) {
            span.record(names::TOOL_CALL_ARGUMENTS, bounded(&input));
        }
        Self { span, content }
    }

    /// The span in which it is called.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// It gave something, or did not.
    pub(crate) fn ended(self, ended: &Result<Value, ToolError>) {
        match ended {
            Ok(output) => {
                if let Some(output) = self.content.and_then(|policy| redacted_value(policy, output)) {
                    self.span.record(names::TOOL_CALL_RESULT, bounded(&output));
                }
            }
            Err(error) => failed(&self.span, error.code),
        }
    }
}
