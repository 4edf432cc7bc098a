//! What a node that is aware of memory recalls and adds.

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::path::NodePath;
use ice_core::telemetry::names;
use tracing::Span;
use tracing::field::Empty;

use super::failed;

/// A node recalls, or adds to what is remembered: its span. What is recalled or added is not in it.
#[derive(Debug)]
pub(crate) struct MemoryStep(Span);

impl MemoryStep {
    /// A step of a node, within the span that is entered; `what` is `recall` or `remember`.
    pub(crate) fn begin(run: RunId, address: &NodePath, what: &'static str) -> Self {
        Self(tracing::info_span!(
            "memory",
            { names::SPAN_NAME } = what,
            { names::SPAN_KIND } = names::INTERNAL,
            { names::STATUS_CODE } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::RUN_ID } = %run,
            { names::NODE_PATH } = address.as_str(),
        ))
    }

    /// The span in which it is done.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// It could not be done.
    pub(crate) fn failed(&self, code: ErrorCode) {
        failed(&self.0, code);
    }
}
