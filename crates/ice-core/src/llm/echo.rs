//! The provider `echo`: answers with the prompt it was given. Needs no key and no network.

use async_trait::async_trait;

use super::delivery::{self, Delivery};
use super::{
    Chunk, ChunkStream, Estimate, FinishReason, LlmContext, LlmError, LlmErrorKind, LlmProvider, Message,
    ModelCapabilities, Price, Request, Response, Role, Usage, tokens,
};

/// The largest conversation that is answered, and the largest answer, in tokens.
const MAX_TOKENS: u64 = 1 << 20;

/// Answers every model's requests with the text of the last user message.
///
/// - The answer is cut before the first of the request's stop texts, and after `max_tokens` (finish reason
///   `length`): four characters are a token, as in [`tokens::estimate_text`], which also makes up the usage.
/// - With an output schema the answer is the prompt all the same. One that is JSON can fit the schema; one that is
///   not shows what happens when a model does not keep to it.
/// - Streams in words, at most 1,000 pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Echo {
    fn answer(request: &Request) -> Result<Response, LlmError> {
        let invalid = |message| LlmError::new(LlmErrorKind::InvalidRequest, message);
        let mut text = request
            .messages
            .iter()
            .rev()
            .find(|message| message.role == Role::User)
            .ok_or_else(|| invalid("there is no user message to answer with: add one"))?
            .joined_text();
        let input = tokens::estimate_input(request);
        if input > MAX_TOKENS {
            let message = format!("the conversation has {input} tokens, and {MAX_TOKENS} is the most");
            return Err(LlmError::new(LlmErrorKind::ContextTooLong, message));
        }
        if let Some(end) =
            request.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|s| text.find(s)).min()
        {
            text.truncate(end);
        }
        let limit = usize::try_from(request.max_tokens.unwrap_or(MAX_TOKENS).saturating_mul(4));
        let cut = limit.ok().and_then(|chars| text.char_indices().nth(chars)).map(|(at, _)| at);
        if let Some(at) = cut {
            text.truncate(at);
        }
        Ok(Response {
            usage: Usage { input, output: tokens::estimate_text(&text), ..Usage::default() },
            message: Message::text(Role::Assistant, text),
            finish: if cut.is_some() { FinishReason::Length } else { FinishReason::Stop },
            model: request.model.clone(),
        })
    }
}

#[async_trait]
impl LlmProvider for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    /// The same for every name: 2^20 tokens each way, follows schemas, no tools, no images.
    fn capabilities(&self, _model: &str) -> Option<ModelCapabilities> {
        Some(ModelCapabilities {
            max_input_tokens: MAX_TOKENS,
            max_output_tokens: MAX_TOKENS,
            tools: false,
            json_schema: true,
            vision: false,
            price: Some(Price::FREE),
        })
    }

    /// Exact; nothing for a request that will be refused.
    fn estimate(&self, request: &Request) -> Estimate {
        let usage = Self::answer(request).map(|response| response.usage).unwrap_or_default();
        Estimate { input_tokens: usage.input, max_output_tokens: usage.output }
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        if ctx.cancel.is_cancelled() {
            return Err(delivery::cancelled());
        }
        Self::answer(&request)
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let response = self.complete(ctx, request).await?;
        let words = delivery::words(&response.message.joined_text());
        let delivery = Delivery {
            pieces: words.into_iter().map(|delta| Chunk::Text { delta }).collect(),
            pause: std::time::Duration::ZERO,
            end: Ok(response),
            cancel: ctx.cancel.clone(),
        };
        Ok(delivery.into_stream())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn check(request: Request, text: &str, finish: FinishReason, usage: (u64, u64)) {
        let estimate = Echo.estimate(&request);
        let response = Echo.complete(&LlmContext::default(), request.clone()).await.unwrap();
        assert_eq!(response.message, Message::text(Role::Assistant, text));
        assert_eq!((response.finish, &response.model), (finish, &request.model));
        assert_eq!((response.usage.input, response.usage.output), usage);
        assert_eq!((estimate.input_tokens, estimate.max_output_tokens), usage);

        let chunks: Vec<_> = Echo.stream(&LlmContext::default(), request).await.unwrap().collect().await;
        let mut streamed = String::new();
        let (last, deltas) = chunks.split_last().unwrap();
        for chunk in deltas {
            match chunk {
                Ok(Chunk::Text { delta }) => streamed.push_str(delta),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(streamed, text);
        assert_eq!(last, &Ok(Chunk::Done { response }));
    }

    #[tokio::test]
    async fn it_answers_with_the_last_user_message() {
        let mut request = Request::prompt("any", "first");
        request.messages.insert(0, Message::text(Role::System, "be kind").into());
        request.messages.push(Message::text(Role::User, "hello wide world").into());
        request.messages.push(Message::text(Role::Assistant, "?").into());
        check(request, "hello wide world", FinishReason::Stop, (2 + 2 + 4 + 1, 4)).await;
    }

    #[tokio::test]
    async fn it_stops_where_it_is_told_to() {
        let mut request = Request::prompt("m", "äbcdefghij");
        request.max_tokens = Some(2);
        check(request.clone(), "äbcdefgh", FinishReason::Length, (3, 2)).await;
        request.stop = vec![String::new(), "gh".to_owned(), "de".to_owned()];
        check(request.clone(), "äbc", FinishReason::Stop, (3, 1)).await;
        request.stop.clear();
        request.max_tokens = Some(0);
        check(request, "", FinishReason::Length, (3, 0)).await;
    }

    #[tokio::test]
    async fn a_schema_changes_nothing() {
        for prompt in [r#"{"a":1}"#, "say \"hi\"", ""] {
            let schema = serde_json::json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
            let request = Request { output_schema: Some(schema.into()), ..Request::prompt("m", prompt) };
            let answer = Echo.complete(&LlmContext::default(), request).await.unwrap();
            assert_eq!(answer.message.joined_text(), prompt);
        }
    }

    #[tokio::test]
    async fn it_refuses_what_it_cannot_answer() {
        let nobody =
            Request { messages: vec![Message::text(Role::System, "x").into()], ..Request::default() };
        let error = Echo.complete(&LlmContext::default(), nobody).await.unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::InvalidRequest);
        let long = Request::prompt("m", "x".repeat(4 * (1 << 20) + 1));
        let error = Echo.complete(&LlmContext::default(), long).await.unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::ContextTooLong);
    }

    #[tokio::test]
    async fn a_cancelled_stream_ends_with_that() {
        let ctx = LlmContext::default();
        let mut stream = Echo.stream(&ctx, Request::prompt("m", "one two three")).await.unwrap();
        assert_eq!(stream.next().await, Some(Ok(Chunk::Text { delta: "one ".to_owned() })));
        ctx.cancel.cancel();
        assert_eq!(stream.next().await.unwrap().unwrap_err().kind, LlmErrorKind::Cancelled);
        assert_eq!(stream.next().await, None);
        let error = Echo.complete(&ctx, Request::prompt("m", "x")).await.unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::Cancelled);
    }
}
