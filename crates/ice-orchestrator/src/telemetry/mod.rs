//! Spans and metrics of what runs reach outside for: calls of models and tools, agents at work.
//!
//! The names are those of `ice_core::telemetry`. Without a subscriber nothing is written down: a span that nobody wants is
//! known to be unwanted before anything of it is put together. Spans of runs and nodes are the engine's.

mod agent;
mod chat;
mod memory;
mod tool;

use ice_core::blueprint::Blueprint;
use ice_core::error::ErrorCode;
use ice_core::metrics::{MetricName, histogram};
use ice_core::telemetry::names;
use metrics::Histogram;
use tracing::Span;

pub(crate) use agent::AgentCall;
pub(crate) use chat::{Chat, Place};
pub(crate) use memory::MemoryStep;
pub(crate) use tool::{ToolCall, failed_tool, tool_seconds};

/// The most bytes of a name in labels and spans.
const MAX_NAME_BYTES: usize = 128;

/// What a workflow is called: by its name, or by its id if it has none.
pub(crate) fn workflow_name(of: &Blueprint) -> String {
    let name = match of.name() {
        "" => of.blueprint_id.as_str(),
        name => name,
    };
    name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or(name).to_owned()
}

/// How long runs of a workflow take that end so. Keep the handle.
pub(crate) fn workflow_seconds(of: &Blueprint, failure: Option<ErrorCode>) -> Histogram {
    let labels = [("gen_ai_workflow_name", &*workflow_name(of)), ("error_type", error_type(failure))];
    histogram(MetricName::GenAiWorkflowSeconds, &labels)
}

/// Writes down why something failed. What was cancelled is no error.
pub(crate) fn failed(span: &Span, code: ErrorCode) {
    if span.is_disabled() {
        return;
    }
    span.record(names::ERROR_TYPE, code.name());
    if code != ErrorCode::RunCancelled {
        span.record(names::STATUS_CODE, names::ERROR);
    }
}

/// What is said of a call that nobody waits for any more: its future was dropped.
pub(crate) const DROPPED: &str = "dropped";

/// Writes down that a call was given up by dropping it, which is no error.
pub(crate) fn dropped(span: &Span) {
    if !span.is_disabled() {
        span.record(names::ERROR_TYPE, DROPPED);
    }
}

/// What a failure is called in metrics.
pub(crate) const fn error_type(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(code) => code.name(),
        None => "",
    }
}

/// A number as fields of spans hold it.
pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
