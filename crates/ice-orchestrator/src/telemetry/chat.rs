//! A call of a model.

use ice_core::id::RunId;
use ice_core::llm::{LlmError, LlmProvider, Message, PromptPolicy, Request, Response, Usage};
use ice_core::metrics::{MetricName, histogram};
use ice_core::path::NodePath;
use ice_core::telemetry::{
    Operation, Stopwatch, messages, names, reason, redacted, shown, system_instructions, well_known,
};
use tracing::Span;
use tracing::field::Empty;

use super::{DROPPED, dropped, failed, number};

const OPERATION: &str = Operation::Chat.as_str();
/// Billionths of a dollar in one.
const BILLION: f64 = 1e9;

/// On whose behalf a model is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) run: RunId,
    pub(crate) address: &'p NodePath,
    pub(crate) agent: Option<&'p str>,
    /// The session, if it is a part of one.
    pub(crate) session: Option<&'p str>,
    /// Who looks at what is said before it is written down; nothing is if there is none.
    pub(crate) content: Option<&'p dyn PromptPolicy>,
}

/// A call of a model: its span, and when it came how far.
#[derive(Debug)]
pub(crate) struct Chat<'p> {
    span: Span,
    content: Option<&'p dyn PromptPolicy>,
    provider: &'p str,
    model: String,
    began: Stopwatch,
    first_chunk: Option<f64>,
    has_ended: bool,
}

impl Drop for Chat<'_> {
    /// Whoever waited for it was dropped: that is in the metrics as well. What it spent is not known.
    fn drop(&mut self) {
        if !self.has_ended {
            self.measure(DROPPED, Usage::default());
            dropped(&self.span);
        }
    }
}

impl<'p> Chat<'p> {
    /// A model is asked, within the span that is entered.
    pub(crate) fn begin(place: Place<'p>, provider: &'p dyn LlmProvider, request: &Request) -> Self {
        let provider = well_known(provider.vendor());
        let Place { run, address, agent, session, content } = place;
        let extra = |name: &str| request.extra.get(name);
        let whole = |name: &str| extra(name).and_then(|value| value.as_i64());
        let real = |name: &str| extra(name).and_then(|value| value.as_f64());
        let stop = || serde_json::to_string(&request.stop).ok().filter(|_| !request.stop.is_empty());
        let span = tracing::info_span!(
            "chat",
            { names::SPAN_NAME } = format!("{OPERATION} {}", request.model),
            { names::SPAN_KIND } = names::CLIENT,
            { names::STATUS_CODE } = Empty,
            { names::OPERATION_NAME } = OPERATION,
            { names::PROVIDER_NAME } = provider,
            { names::AGENT_NAME } = agent,
            { names::CONVERSATION_ID } = session,
            { names::OUTPUT_TYPE } = if request.output_schema.is_some() { "json" } else { "text" },
            { names::REQUEST_MODEL } = request.model.as_str(),
            { names::REQUEST_MAX_TOKENS } = request.max_tokens.map(number),
            { names::REQUEST_TEMPERATURE } = request.temperature,
            { names::REQUEST_TOP_P } = request.top_p,
            { names::REQUEST_TOP_K } = whole("top_k"),
            { names::REQUEST_SEED } = whole("seed"),
            { names::REQUEST_FREQUENCY_PENALTY } = real("frequency_penalty"),
            { names::REQUEST_PRESENCE_PENALTY } = real("presence_penalty"),
            { names::REQUEST_STOP_SEQUENCES } = stop(),
            { names::REQUEST_STREAM } = true,
            { names::RESPONSE_MODEL } = Empty,
            { names::RESPONSE_FINISH_REASONS } = Empty,
            { names::RESPONSE_TIME_TO_FIRST_CHUNK } = Empty,
            { names::USAGE_INPUT_TOKENS } = Empty,
            { names::USAGE_OUTPUT_TOKENS } = Empty,
            { names::USAGE_CACHE_READ_INPUT_TOKENS } = Empty,
            { names::USAGE_CACHE_CREATION_INPUT_TOKENS } = Empty,
            { names::USAGE_REASONING_OUTPUT_TOKENS } = Empty,
            { names::USAGE_COST_USD } = Empty,
            { names::USAGE_ESTIMATED } = Empty,
            { names::SYSTEM_INSTRUCTIONS } = Empty,
            { names::INPUT_MESSAGES } = Empty,
            { names::OUTPUT_MESSAGES } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::RUN_ID } = %run,
            { names::NODE_PATH } = address.as_str(),
        );
        let content = content.filter(|_| !span.is_disabled());
        // Only what fits is looked at: a conversation is asked about again in every round.
        if let Some(said) = content.and_then(|policy| redacted(policy, &shown(&request.messages))) {
            let all = || said.iter().map(|message| &**message);
            span.record(names::SYSTEM_INSTRUCTIONS, system_instructions(all()));
            span.record(names::INPUT_MESSAGES, messages(all(), None));
        }
        let (model, began) = (request.model.clone(), Stopwatch::start());
        Self { span, content, provider, model, began, first_chunk: None, has_ended: false }
    }

    /// The span in which it is asked.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// A piece of the answer came.
    pub(crate) fn chunk(&mut self) {
        self.first_chunk.get_or_insert_with(|| self.began.seconds());
    }

    /// How long it has taken.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.seconds()
    }

    /// It answered, or did not; either way it may have spent something.
    pub(crate) fn ended(mut self, ended: &Result<Response, LlmError>, usage: Usage) {
        self.has_ended = true;
        self.measure(ended.as_ref().map_or_else(|error| error.code().name(), |_| ""), usage);
        let (span, content, first_chunk) = (&self.span, self.content, self.first_chunk);
        if span.is_disabled() {
            return;
        }
        span.record(names::USAGE_INPUT_TOKENS, number(usage.input));
        span.record(names::USAGE_OUTPUT_TOKENS, number(usage.output));
        for (name, tokens) in [
            (names::USAGE_CACHE_READ_INPUT_TOKENS, usage.cached),
            (names::USAGE_CACHE_CREATION_INPUT_TOKENS, usage.cache_write),
            (names::USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning),
        ] {
            if tokens > 0 {
                span.record(name, number(tokens));
            }
        }
        if !usage.cost.is_zero() {
            span.record(names::USAGE_COST_USD, usage.cost.as_billionths() as f64 / BILLION);
        }
        if usage.estimated {
            span.record(names::USAGE_ESTIMATED, true);
        }
        span.record(names::RESPONSE_TIME_TO_FIRST_CHUNK, first_chunk);
        match ended {
            Ok(response) => {
                span.record(names::RESPONSE_MODEL, response.model.as_str());
                span.record(names::RESPONSE_FINISH_REASONS, format!("[\"{}\"]", reason(response.finish)));
                if let Some(said) = content.and_then(|policy| said(policy, &response.message)) {
                    span.record(names::OUTPUT_MESSAGES, messages([&*said], Some(response.finish)));
                }
            }
            Err(error) => failed(span, error.code()),
        }
    }

    fn measure(&self, failure: &str, usage: Usage) {
        let labels = [
            ("gen_ai_operation_name", OPERATION),
            ("gen_ai_provider_name", self.provider),
            ("gen_ai_request_model", self.model.as_str()),
        ];
        let [operation, provider, model] = labels;
        let labels = [operation, provider, model, ("error_type", failure)];
        histogram(MetricName::GenAiOperationSeconds, &labels).record(self.began.seconds());
        if let Some(seconds) = self.first_chunk {
            histogram(MetricName::GenAiFirstChunkSeconds, &[operation, provider, model]).record(seconds);
        }
        for (direction, tokens) in [("input", usage.input), ("output", usage.output)] {
            if tokens > 0 {
                let labels = [operation, provider, model, ("gen_ai_token_type", direction)];
                histogram(MetricName::GenAiTokenUsage, &labels).record(tokens as f64);
            }
        }
    }
}

fn said(policy: &dyn PromptPolicy, message: &Message) -> Option<std::sync::Arc<Message>> {
    redacted(policy, &[message.clone().into()])?.pop()
}
