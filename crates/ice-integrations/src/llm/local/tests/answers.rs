//! How answers begin and end.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use ice_core::llm::{
    Chunk, FinishReason, LlmContext, LlmErrorKind, LlmProvider, Message, Part, Price, Request, Role,
    ToolDefinition, Usage,
};
use ice_core::value::Value;

use super::kit::{CONTEXT, Made, heard, plain};

/// What a conversation of one short message has around it in the template of the kit, in tokens: two words that steer and
/// `user` with two line ends, one that steers and `assistant` with one.
const AROUND: u64 = (2 + 4 + 2) + (1 + 9 + 1);

#[tokio::test]
async fn an_answer_is_the_same_in_pieces_and_whole_and_every_token_counts() {
    let laid = Made::new().lay();
    let model = laid.model();
    let ctx = LlmContext::default();
    let (pieces, end) = heard(&model, &ctx, plain("abc", 24)).await;
    let response = end.unwrap();
    assert_eq!(response.message, Message::text(Role::Assistant, pieces.concat()));
    assert_eq!((response.finish, response.model.as_str()), (FinishReason::Length, "tiny"));
    assert_eq!(response.usage, Usage { input: AROUND + 3, output: 24, ..Usage::default() });
    assert!(pieces.len() > 1, "{pieces:?}");
    assert_eq!(model.complete(&ctx, plain("abc", 24)).await.unwrap(), response);
    // `he` and `ll` are words: five letters are three tokens.
    let other = model.complete(&ctx, plain("hello", 1)).await.unwrap();
    assert_eq!((other.usage.input, other.usage.output), (AROUND + 3, 1));
}

#[tokio::test]
async fn a_seed_decides_what_is_drawn() {
    let laid = Made::new().lay();
    let model = laid.model();
    let asked = |seed: u64| Request {
        temperature: Some(2.0),
        extra: Value::map([("seed", Value::from(seed))]),
        ..plain("abc", 20)
    };
    let ctx = LlmContext::default();
    let answer = async |seed| model.complete(&ctx, asked(seed)).await.unwrap().message.joined_text();
    let (one, same, other) = (answer(1).await, answer(1).await, answer(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[tokio::test]
async fn a_text_that_ends_an_answer_is_not_part_of_it() {
    let laid = Made::new().lay();
    let model = laid.model();
    let ctx = LlmContext::default();
    let whole = model.complete(&ctx, plain("abc", 24)).await.unwrap().message.joined_text();
    let letters: Vec<char> = whole.chars().collect();
    let stop: String = letters[letters.len() / 2..letters.len() / 2 + 2].iter().collect();
    let request = Request { stop: vec![stop.clone()], ..plain("abc", 24) };
    let (pieces, end) = heard(&model, &ctx, request).await;
    let response = end.unwrap();
    let expected = &whole[..whole.find(&stop).unwrap()];
    assert_eq!((pieces.concat().as_str(), response.finish), (expected, FinishReason::Stop));
    assert_eq!(response.message.joined_text(), expected);
    assert!(response.usage.output < 24, "{response:?}");
}

#[tokio::test]
async fn the_room_of_the_model_bounds_what_is_read_and_written() {
    let laid = Made::new().lay();
    let model = laid.model();
    let ctx = LlmContext::default();
    let prompt = "a".repeat(150);
    let response = model.complete(&ctx, Request { max_tokens: None, ..plain(&prompt, 0) }).await.unwrap();
    let expected = (FinishReason::Length, u64::from(CONTEXT));
    assert_eq!((response.finish, response.usage.total()), expected, "{response:?}");
    let error = model.complete(&ctx, plain(&"a".repeat(400), 5)).await.unwrap_err();
    let told = format!("`local` has room for 200 tokens, and the conversation has {}", 400 + AROUND);
    assert_eq!(
        (error.kind, error.message, error.usage),
        (LlmErrorKind::ContextTooLong, told, Usage::default())
    );
    assert!(error.another_model_helps);
    let none = model.complete(&ctx, plain("a", 0)).await.unwrap();
    assert_eq!((none.finish, none.usage.total()), (FinishReason::Length, 0));
    let capabilities = model.capabilities("any").unwrap();
    assert_eq!((capabilities.max_input_tokens, capabilities.tools), (u64::from(CONTEXT), false));
    assert_eq!(capabilities.price, Some(Price::FREE));
    assert_eq!(model.estimate(&plain("abcd", 7)).max_output_tokens, 7);
}

#[tokio::test]
async fn what_such_a_model_cannot_do_is_refused() {
    let laid = Made::new().lay();
    let model = laid.model();
    let tool =
        ToolDefinition { name: "t".to_owned(), description: String::new(), input_schema: Value::empty_map() };
    let result = Part::ToolResult { call_id: "1".to_owned(), content: Value::Null, is_error: false };
    let cases = [
        (Request { tools: vec![tool], ..plain("a", 1) }, "calls no tools"),
        (Request { base_url: Some("http://localhost".to_owned()), ..plain("a", 1) }, "runs in this process"),
        (
            Request {
                messages: vec![Message { role: Role::User, parts: vec![result] }.into()],
                ..plain("a", 1)
            },
            "calls no tools",
        ),
        (Request { messages: Vec::new(), ..plain("a", 1) }, "was asked nothing"),
        (Request { temperature: Some(9.0), ..plain("a", 1) }, "a `temperature` of 9"),
    ];
    for (request, told) in cases {
        let error = model.complete(&LlmContext::default(), request).await.unwrap_err();
        assert_eq!((error.kind, error.usage), (LlmErrorKind::InvalidRequest, Usage::default()));
        assert!(error.message.starts_with("`local` ") && error.message.contains(told), "{}", error.message);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_answer_ends_and_says_what_it_spent() {
    let laid = Made::new().lay();
    let model = laid.model();
    let ctx = LlmContext::default();
    let mut chunks = model.stream(&ctx, plain("abc", 170)).await.unwrap();
    let first = chunks.next().await.unwrap();
    assert!(matches!(first, Ok(Chunk::Text { .. })), "{first:?}");
    ctx.cancel.cancel();
    let error = loop {
        match chunks.next().await.unwrap() {
            Ok(Chunk::Text { .. }) => {}
            Err(error) => break error,
            Ok(other) => panic!("{other:?}"),
        }
    };
    assert_eq!((error.kind, error.usage.input), (LlmErrorKind::Cancelled, AROUND + 3));
    assert!((1..170).contains(&error.usage.output), "{:?}", error.usage);
    assert!(chunks.next().await.is_none());
    assert_eq!(model.stream(&ctx, plain("a", 1)).await.err().unwrap().kind, LlmErrorKind::Cancelled);
}

#[tokio::test]
async fn one_answer_is_written_at_once_and_who_leaves_makes_room() {
    let laid = Made::new().lay();
    let model = laid.model();
    let ctx = LlmContext::default();
    let mut first = model.stream(&ctx, plain("abc", 170)).await.unwrap();
    first.next().await.unwrap().unwrap();
    // Nobody reads the first one: it waits, and keeps its turn.
    let mut second = Box::pin(model.complete(&ctx, plain("abc", 2)));
    assert!(second.as_mut().now_or_never().is_none());
    let waiting = LlmContext::default();
    let third = model.complete(&waiting, plain("abc", 2));
    waiting.cancel.cancel();
    assert_eq!(third.await.unwrap_err().kind, LlmErrorKind::Cancelled);
    drop(first);
    assert_eq!(second.await.unwrap().usage.output, 2);
    // The last one gives its turn back just after its end is heard.
    let turn = tokio::time::timeout(std::time::Duration::from_secs(60), model.turns.acquire()).await;
    assert!(turn.is_ok(), "a turn is lost");
    drop(turn);
    assert_eq!(model.turns.available_permits(), 1);
}

#[tokio::test]
async fn the_file_is_read_once_for_all_who_ask() {
    let laid = Made::new().lay();
    let model = Arc::new(laid.model());
    assert_eq!(model.load().await.unwrap(), "tiny");
    drop(laid);
    assert!(model.complete(&LlmContext::default(), plain("abc", 1)).await.is_ok());
}
