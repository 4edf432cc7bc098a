//! The limits around a provider, with servers that are slow, busy or broken.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ice_core::llm::scripted::{Script, Turn};
use ice_core::llm::{Chunk, LlmContext, LlmErrorKind, LlmProvider, Request, Scripted};
use ice_integrations::llm::policy::{Guarded, Room};
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Configuration, Limits, Protocol};
use ice_integrations::secrets::SecretSource;
use serde_json::json;

use super::server::{Piece, Reply, Server};
use super::wire::{Said, content_type, frames, reply};
use super::{OneKey, heard, vendor};

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn guarded(server: &Server, limits: Limits) -> Guarded {
    Guarded::new(Arc::new(vendor(Protocol::OpenAi, server)), limits)
}

fn good() -> Reply {
    reply(Protocol::OpenAi, &Said { text: vec!["fine"], ..Said::default() })
}

fn busy(status: u16) -> Reply {
    Reply::json(status, &json!({"error": {"message": "Busy.", "type": "server_error"}}))
        .header("retry-after-ms", "1")
}

#[tokio::test]
async fn what_passes_is_repeated_and_what_does_not_is_not() {
    let server = Server::start(vec![busy(429), busy(500), good()]).await;
    let model = guarded(&server, Limits::default());
    let (text, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await;
    assert_eq!((text.as_str(), end.is_ok(), server.asked().len()), ("fine", true, 3));

    let refused = Reply::json(400, &json!({"error": {"message": "No."}}));
    let server = Server::start(vec![refused, good()]).await;
    let error =
        guarded(&server, Limits::default()).complete(&LlmContext::default(), Request::prompt("m", "x")).await;
    assert_eq!((error.unwrap_err().kind, server.asked().len()), (LlmErrorKind::InvalidRequest, 1));
}

#[tokio::test]
async fn the_request_and_the_caller_say_how_often() {
    for (stated, caller, expected) in
        [(Some(2), None, 2), (None, None, 3), (Some(5), Some(1), 1), (None, Some(2), 2)]
    {
        let server = Server::start(vec![busy(503)]).await;
        let model = guarded(&server, Limits::default());
        let ctx = LlmContext { attempts: caller, ..LlmContext::default() };
        let request = Request { attempts: stated, ..Request::prompt("m", "x") };
        model.complete(&ctx, request).await.unwrap_err();
        assert_eq!(server.asked().len(), expected, "{stated:?} {caller:?}");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_repeated() {
    let said = Said { text: vec!["Once", " upon"], ..Said::default() };
    let mut pieces: Vec<Piece> =
        frames(Protocol::OpenAi, &said).into_iter().take(2).map(Piece::Bytes).collect();
    pieces.push(Piece::Cut);
    let server = Server::start(vec![Reply::of(200, content_type(Protocol::OpenAi), pieces), good()]).await;
    let (text, _, end) =
        heard(&guarded(&server, Limits::default()), &LlmContext::default(), Request::prompt("m", "x")).await;
    assert_eq!(
        (text.as_str(), end.unwrap_err().kind, server.asked().len()),
        ("Once", LlmErrorKind::Truncated, 1)
    );
}

#[tokio::test]
async fn all_calls_together_have_so_many_repetitions() {
    let server = Server::start(vec![busy(503)]).await;
    let limits =
        Limits { retries: 3, retries_per_minute: count(4), breaker_calls: count(1_000), ..Limits::default() };
    let model = guarded(&server, limits);
    for _ in 0..3 {
        model.complete(&LlmContext::default(), Request::prompt("m", "x")).await.unwrap_err();
    }
    // Three calls, and four repetitions where nine were allowed.
    assert_eq!(server.asked().len(), 7);
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_for_a_while() {
    let server = Server::start(vec![busy(503), busy(503), busy(503), busy(503), good()]).await;
    let limits =
        Limits { retries: 0, breaker_calls: count(2), breaker_seconds: count(1), ..Limits::default() };
    let model = guarded(&server, limits);
    let ask = || async { model.complete(&LlmContext::default(), Request::prompt("m", "x")).await };
    let mut refusals = 0;
    for _ in 0..8 {
        let error = ask().await.unwrap_err();
        if error.message.contains("is left alone") {
            refusals += 1;
            assert_eq!(error.kind, LlmErrorKind::Transient { retry_after: Some(Duration::from_secs(1)) });
            assert!(error.another_model_helps);
        }
    }
    let asked = server.asked().len();
    assert!(refusals >= 4 && asked == 8 - refusals, "{refusals} refused, {asked} asked");
    // The breaker goes by the clock of the system.
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while ask().await.is_err() && std::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ask().await.is_ok());
}

fn slow(delay_ms: u64, chunk_delay_ms: u64) -> Arc<Scripted> {
    let turn = Turn { delay_ms, chunk_delay_ms, ..Turn::text("one two three four") };
    Arc::new(Scripted::new(Script { turns: vec![turn.always()], ..Script::default() }))
}

#[tokio::test(start_paused = true)]
async fn every_wait_has_an_end() {
    let once = || Request { attempts: Some(1), ..Request::prompt("m", "x") };
    let ctx = LlmContext::default();
    let model = Guarded::new(slow(10_000, 0), Limits { first_token_seconds: count(2), ..Limits::default() });
    let (text, _, end) = heard(&model, &ctx, once()).await;
    let error = end.unwrap_err();
    assert_eq!((text.as_str(), &error.kind), ("", &LlmErrorKind::Transient { retry_after: None }));
    assert_eq!(error.message, "`scripted` took longer than 2 s for the first token");

    let model =
        Guarded::new(slow(0, 5_000), Limits { between_tokens_seconds: count(3), ..Limits::default() });
    let error = heard(&model, &ctx, once()).await.2.unwrap_err();
    assert_eq!(
        error.message,
        "`scripted` took longer than 5 s for the first token".replace(
            "took longer than 5 s for the first token",
            "stopped for 3 s in the middle of the answer"
        )
    );
    assert_eq!(error.kind, LlmErrorKind::Truncated);

    let model = Guarded::new(slow(0, 2_000), Limits { whole_seconds: count(5), ..Limits::default() });
    let (text, _, end) = heard(&model, &ctx, once()).await;
    let error = end.unwrap_err();
    assert_eq!((text.as_str(), &error.kind), ("one two ", &LlmErrorKind::Truncated));
    assert_eq!(error.message, "`scripted` took too long for the whole answer");
    // A request may ask for less, and not for more.
    let model = Guarded::new(slow(3_000, 0), Limits { whole_seconds: count(5), ..Limits::default() });
    let request = Request { timeout_ms: Some(1_000), ..once() };
    let error = model.complete(&ctx, request).await.unwrap_err();
    assert_eq!(error.message, "`scripted` took longer than 1 s for the whole call");
    let request = Request { timeout_ms: Some(60_000), ..once() };
    assert!(model.complete(&ctx, request).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_are_under_way_at_once() {
    let model = Arc::new(Guarded::new(slow(1_000, 0), Limits { concurrency: count(2), ..Limits::default() }));
    let began = tokio::time::Instant::now();
    let ctx = LlmContext::default();
    let calls = (0..6).map(|_| model.complete(&ctx, Request::prompt("m", "x")));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_shares_a_room_waits_for_the_others() {
    let limits = Limits { concurrency: count(2), ..Limits::default() };
    let room = Room::new(&limits);
    // What they say of it themselves does not count.
    let guarded = || Guarded::within(slow(1_000, 0), Limits::default(), room.clone());
    let (one, other) = (guarded(), guarded());
    let began = tokio::time::Instant::now();
    let ctx = LlmContext::default();
    let calls = (0..6).map(|at| {
        let model = if at % 2 == 0 { &one } else { &other };
        model.complete(&ctx, Request::prompt("m", "x"))
    });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn providers_with_the_same_key_share_what_it_allows() {
    let server = Server::start(vec![good()]).await;
    let file = format!(
        "[providers.one]\nprotocol = \"openai\"\nbase_url = \"{0}\"\napi_key = \"env:ICE_TEST_SHARED\"\nlimits = {{requests_per_minute = 1}}\n\
         [providers.two]\nprotocol = \"openai\"\nbase_url = \"{0}\"\napi_key = \"env:ICE_TEST_SHARED\"\n\
         [providers.own]\nprotocol = \"openai\"\nbase_url = \"{0}\"\n",
        server.url()
    );
    let configuration = Configuration::usual().with_file(&file, "models.toml").unwrap();
    let secrets: Arc<dyn SecretSource> = Arc::new(OneKey);
    let providers: Vec<_> = configuration.guarded(&secrets, &Arc::new(PriceTable::built_in())).collect();
    let ask = async |name: &str| {
        let provider = providers.iter().find(|provider| provider.name() == name).unwrap();
        let ctx = LlmContext::default();
        let call = provider.complete(&ctx, Request::prompt("m", "x"));
        tokio::time::timeout(Duration::from_secs(2), call).await.map(|answer| answer.is_ok())
    };
    assert_eq!(ask("one").await, Ok(true));
    // The minute of both is used up, and nobody else's.
    assert!(ask("two").await.is_err());
    assert_eq!(ask("own").await, Ok(true));
    assert_eq!(ask("own").await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_every_wait() {
    let model =
        Arc::new(Guarded::new(slow(60_000, 0), Limits { concurrency: count(1), ..Limits::default() }));
    let (one, two) = (LlmContext::default(), LlmContext::default());
    let first = model.complete(&one, Request::prompt("m", "x"));
    let waiting = model.complete(&two, Request::prompt("m", "x"));
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        two.cancel.cancel();
        tokio::time::sleep(Duration::from_secs(1)).await;
        one.cancel.cancel();
    };
    let began = tokio::time::Instant::now();
    let (first, waiting, ()) = tokio::join!(first, waiting, cancel);
    assert_eq!(first.unwrap_err().kind, LlmErrorKind::Cancelled);
    assert_eq!(waiting.unwrap_err().kind, LlmErrorKind::Cancelled);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn room_is_given_back_when_an_answer_ends_or_is_left() {
    let model = Guarded::new(slow(0, 1_000), Limits { concurrency: count(1), ..Limits::default() });
    let ctx = LlmContext::default();
    let mut left = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap();
    assert!(matches!(futures::StreamExt::next(&mut left).await, Some(Ok(Chunk::Text { .. }))));
    drop(left);
    assert!(model.complete(&ctx, Request::prompt("m", "x")).await.is_ok());
    assert!(model.complete(&ctx, Request::prompt("m", "x")).await.is_ok());
}

#[tokio::test]
async fn what_was_heard_of_an_answer_that_is_given_up_is_paid_for() {
    let said = Said { text: vec!["Once upon", " a time"], ..Said::default() };
    let mut pieces: Vec<Piece> =
        frames(Protocol::OpenAi, &said).into_iter().take(2).map(Piece::Bytes).collect();
    pieces.push(Piece::Stall);
    let stalls = Reply::of(200, content_type(Protocol::OpenAi), pieces);
    let server = Server::start(vec![stalls.clone()]).await;
    let model = guarded(&server, Limits { between_tokens_seconds: count(1), ..Limits::default() });
    let error = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await.2.unwrap_err();
    assert_eq!(error.message, "`openai` stopped for 1 s in the middle of the answer");
    assert!(error.usage.output > 0 && error.usage.estimated, "{error:?}");
    server.left().await;

    let server = Server::start(vec![stalls]).await;
    let model = guarded(&server, Limits::default());
    let ctx = LlmContext::default();
    let mut chunks = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap();
    futures::StreamExt::next(&mut chunks).await.unwrap().unwrap();
    ctx.cancel.cancel();
    let error = futures::StreamExt::next(&mut chunks).await.unwrap().unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::Cancelled);
    assert!(error.usage.output > 0, "{error:?}");
    server.left().await;

    // Nothing was heard, but all of it was read, and it is not asked for again.
    let server =
        Server::start(vec![Reply::of(200, content_type(Protocol::OpenAi), vec![Piece::Stall])]).await;
    let model = guarded(&server, Limits { first_token_seconds: count(1), ..Limits::default() });
    let error = model.complete(&LlmContext::default(), Request::prompt("m", "a question")).await.unwrap_err();
    assert_eq!(error.message, "`openai` took longer than 1 s for the first token");
    assert!(error.usage.input > 0 && error.usage.estimated, "{error:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn attempts_of_who_asks_are_repetitions_as_well() {
    let server = Server::start(vec![good()]).await;
    let model = guarded(&server, Limits { retries_per_minute: count(1), ..Limits::default() });
    let again = LlmContext { attempt: 2, ..LlmContext::default() };
    model.complete(&again, Request::prompt("m", "x")).await.unwrap();
    let error = model.complete(&again, Request::prompt("m", "x")).await.unwrap_err();
    assert_eq!(error.message, "too many calls of `openai` were repeated within a minute");
    model.complete(&LlmContext::default(), Request::prompt("m", "x")).await.unwrap();
}
