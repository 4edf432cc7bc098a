//! The provider `scripted` of who has no script to give it beforehand: each request brings its own.

use std::time::Duration;

use async_trait::async_trait;

use super::Script;
use super::script::Turn;
use crate::llm::{
    ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Request,
    Response, Role, delivery, tokens,
};

/// Follows the [`Script`] that stands in the setting `script` of each request: in a blueprint that of `llm_config`.
///
/// It remembers nothing. Which turn a call takes follows from the conversation, in which each message of the assistant
/// counts as an earlier call: so a conversation goes on after a crash where it was, and many go on side by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadAlong;

impl ReadAlong {
    /// The turn of a call.
    fn turn(request: &Request) -> Result<Turn, LlmError> {
        let invalid = |message: String| LlmError::new(LlmErrorKind::InvalidRequest, message);
        let script: Script = match request.extra.get("script") {
            Some(script) => script.to().map_err(|error| invalid(format!("`script`: {error}")))?,
            None => {
                let message = "the provider `scripted` finds no script: set `script` in `llm_config`";
                return Err(invalid(message.to_owned()));
            }
        };
        if !script.knows(&request.model) {
            return Err(invalid(format!("the script knows no model `{}`", request.model)));
        }
        let mut used = vec![0; script.turns.len()];
        let answered = request.messages.iter().enumerate();
        let answered = answered.filter(|(_, message)| message.role == Role::Assistant).map(|(at, _)| at);
        let (mut taken, mut calls) = (None, 0);
        for end in answered.chain([request.messages.len()]) {
            let earlier = Request {
                messages: request.messages.iter().take(end).cloned().collect(),
                model: request.model.clone(),
                ..Request::default()
            };
            taken = script.take(&mut used, &earlier);
            calls += 1;
        }
        taken.cloned().ok_or_else(|| {
            let turns = script.turns.len();
            invalid(format!("the script has no turn for call {calls}: of its {turns} none is left that fits"))
        })
    }
}

#[async_trait]
impl LlmProvider for ReadAlong {
    fn name(&self) -> &'static str {
        "scripted"
    }

    /// Everything, with 2^20 tokens each way, for every name.
    fn capabilities(&self, _model: &str) -> Option<ModelCapabilities> {
        Some(ModelCapabilities {
            max_input_tokens: 1 << 20,
            max_output_tokens: 1 << 20,
            tools: true,
            json_schema: true,
            vision: true,
            price: Some(crate::llm::Price::FREE),
        })
    }

    /// Exact; nothing for a request that will be refused.
    fn estimate(&self, request: &Request) -> Estimate {
        let max_output_tokens = Self::turn(request).map(|turn| turn.output_tokens()).unwrap_or_default();
        Estimate { input_tokens: tokens::estimate_input(request), max_output_tokens }
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let turn = Self::turn(&request)?;
        delivery::pause(Duration::from_millis(turn.delay_ms), &ctx.cancel).await?;
        turn.end(&request)
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let turn = Self::turn(&request)?;
        delivery::pause(Duration::from_millis(turn.delay_ms), &ctx.cancel).await?;
        Ok(turn.deliver(&request, ctx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Message, Part};
    use crate::value::Value;

    async fn check(conversation: &[(Role, &str)], expected: Result<&str, &str>) {
        let script = serde_json::json!({"turns": [
            {"when": {"contains": "weather"}, "times": "always", "text": "rain"},
            {"text": "one", "tool_calls": [{"name": "now"}, {"name": "hello", "arguments": {"name": "Ada"}}]},
            {"text": "two"},
        ]});
        let messages = conversation.iter().map(|(role, text)| Message::text(*role, *text).into()).collect();
        let extra = Value::map([("script", Value::from(script))]);
        let request = Request { messages, extra, ..Request::prompt("any", "") };
        let answer = ReadAlong.complete(&LlmContext::default(), request.clone()).await;
        let answer = answer.map(|response| response.message);
        let text = answer.as_ref().map(Message::joined_text).map_err(|error| error.message.clone());
        assert_eq!(text.as_deref().map_err(String::as_str), expected, "{conversation:?}");
        if expected == Ok("one") {
            let number = request.messages.len();
            let id = |part: &Part| {
                if let Part::ToolCall { id, .. } = part { Some(id.clone()) } else { None }
            };
            let ids: Vec<String> = answer.unwrap().parts.iter().filter_map(id).collect();
            assert_eq!(ids, [format!("call_{number}_0"), format!("call_{number}_1")]);
        }
    }

    #[tokio::test]
    async fn each_answer_of_a_conversation_takes_the_next_turn_that_fits() {
        use Role::{Assistant, User};
        check(&[(User, "a")], Ok("one")).await;
        check(&[(User, "the weather?")], Ok("rain")).await;
        check(&[(User, "the weather?"), (Assistant, "rain"), (User, "b")], Ok("one")).await;
        check(&[(User, "a"), (Assistant, "one"), (User, "b")], Ok("two")).await;
        check(
            &[(User, "a"), (Assistant, "one"), (User, "b"), (Assistant, "two"), (User, "c")],
            Err("the script has no turn for call 3: of its 3 none is left that fits"),
        )
        .await;
    }

    #[tokio::test]
    async fn a_request_without_a_script_is_told_where_to_write_one() {
        let answer = ReadAlong.complete(&LlmContext::default(), Request::prompt("any", "a")).await;
        assert_eq!(
            answer.unwrap_err().message,
            "the provider `scripted` finds no script: set `script` in `llm_config`"
        );
    }
}
