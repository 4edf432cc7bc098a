//! An agent at work.

use ice_core::id::RunId;
use ice_core::llm::Usage;
use ice_core::metrics::{MetricName, histogram};
use ice_core::path::NodePath;
use ice_core::telemetry::{Operation, Stopwatch, names, well_known};
use tracing::Span;
use tracing::field::Empty;

use super::{DROPPED, dropped, error_type, failed, number};
use crate::journal::Failure;

/// An agent at work: its span, and how long it takes.
#[derive(Debug)]
pub(crate) struct AgentCall {
    span: Span,
    agent: String,
    began: Stopwatch,
    has_ended: bool,
}

impl Drop for AgentCall {
    /// Whoever waited for it was dropped: that is in the metrics as well.
    fn drop(&mut self) {
        if !self.has_ended {
            self.measure(DROPPED);
            dropped(&self.span);
        }
    }
}

impl AgentCall {
    /// An agent begins, or goes on after a crash or an answer of a person, within the span that is entered.
    pub(crate) fn begin(run: RunId, address: &NodePath, agent: &str, (vendor, model): (&str, &str)) -> Self {
        let operation = Operation::InvokeAgent.as_str();
        let span = tracing::info_span!(
            "invoke_agent",
            { names::SPAN_NAME } = format!("{operation} {agent}"),
            { names::SPAN_KIND } = names::INTERNAL,
            { names::STATUS_CODE } = Empty,
            { names::OPERATION_NAME } = operation,
            { names::PROVIDER_NAME } = well_known(vendor),
            { names::AGENT_NAME } = agent,
            { names::REQUEST_MODEL } = model,
            { names::USAGE_INPUT_TOKENS } = Empty,
            { names::USAGE_OUTPUT_TOKENS } = Empty,
            { names::AGENT_STATUS } = Empty,
            { names::AGENT_ROUNDS } = Empty,
            { names::AGENT_TOOL_CALLS } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::RUN_ID } = %run,
            { names::NODE_PATH } = address.as_str(),
        );
        Self { span, agent: agent.to_owned(), began: Stopwatch::start(), has_ended: false }
    }

    /// The span in which it works.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// It ended: how, after how many rounds and calls, and what it spent.
    pub(crate) fn ended(mut self, ended: Result<(&str, u32), &Failure>, tool_calls: u64, usage: Usage) {
        self.has_ended = true;
        self.measure(error_type(ended.err().map(|failure| failure.code)));
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        span.record(names::USAGE_INPUT_TOKENS, number(usage.input));
        span.record(names::USAGE_OUTPUT_TOKENS, number(usage.output));
        span.record(names::AGENT_TOOL_CALLS, number(tool_calls));
        match ended {
            Ok((status, rounds)) => {
                span.record(names::AGENT_STATUS, status);
                span.record(names::AGENT_ROUNDS, i64::from(rounds));
            }
            Err(failure) => failed(span, failure.code),
        }
    }

    fn measure(&self, failure: &str) {
        let labels = [("gen_ai_agent_name", self.agent.as_str()), ("error_type", failure)];
        histogram(MetricName::GenAiAgentSeconds, &labels).record(self.began.seconds());
    }
}
