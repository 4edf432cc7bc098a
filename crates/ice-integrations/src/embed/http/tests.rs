//! Embedders against servers in this process: what they send, what they make of answers, and how they end.

mod server;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ice_core::embedding::limits::MAX_TEXTS;
use ice_core::embedding::{
    Dimension, EmbedContext, EmbedError, EmbedErrorKind, Embedded, Embedder, HashEmbedder, conformance,
};
use ice_core::llm::{Price, Usage};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::server::{Asked, Reply, Server, ok};
use super::{Encoding, HttpEmbedder, InvalidSettings, Settings};
use crate::seen::Seen;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn embed(embedder: &HttpEmbedder, some: &[&str]) -> Result<Embedded, EmbedError> {
    embedder.embed(&EmbedContext::default(), &texts(some)).await
}

/// The vectors that the embedder `hash` gives for the `input` of a request.
fn hashed(asked: &Asked) -> Embedded {
    let input: Vec<String> = serde_json::from_value(asked.body["input"].clone()).unwrap();
    let embedder = HashEmbedder::default();
    // Within a runtime there cannot be another, and this never waits for anything outside.
    let ctx = EmbedContext::default();
    let mut call = Box::pin(embedder.embed(&ctx, &input));
    loop {
        if let Some(embedded) = call.as_mut().now_or_never() {
            return embedded.unwrap();
        }
    }
}

fn openai(asked: &Asked) -> Reply {
    let embedded = hashed(asked);
    let rows = embedded.vectors.iter().enumerate().rev();
    let data: Vec<Value> =
        rows.map(|(index, embedding)| json!({"index": index, "embedding": embedding.vector()})).collect();
    ok(&json!({"object": "list", "data": data, "usage": {"prompt_tokens": embedded.usage.input}}))
}

fn ollama(asked: &Asked) -> Reply {
    let embedded = hashed(asked);
    let rows: Vec<&[f32]> = embedded.vectors.iter().map(|embedding| embedding.vector()).collect();
    ok(&json!({"model": "m", "embeddings": rows, "prompt_eval_count": embedded.usage.input}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedder_of_openais_protocol_conforms() {
    let server = Server::start(openai).await;
    let url = format!("http://127.0.0.1:{}/v1", server.port);
    let price = Price { input: "0.02".parse().unwrap(), ..Price::FREE };
    conformance::embedder(|| -> Arc<dyn Embedder> {
        let settings = Settings::new("openai", &url, "hash-1-256", Dimension::new(256).unwrap());
        Arc::new(HttpEmbedder::openai(settings.price(price.clone())).unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedder_of_ollamas_protocol_conforms() {
    let server = Server::start(ollama).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    conformance::embedder(|| -> Arc<dyn Embedder> {
        let settings = Settings::new("ollama", &url, "hash-1-256", Dimension::new(256).unwrap());
        Arc::new(HttpEmbedder::ollama(settings).unwrap())
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_is_what_the_protocol_says() {
    let rows =
        |asked: &Asked| vec![json!({"embedding": [1, 2]}); asked.body["input"].as_array().unwrap().len()];
    let server = Server::start(move |asked| ok(&json!({"data": rows(asked)}))).await;
    let settings =
        server.settings("/v1/").key(SecretString::from("sk-1")).asking_for_dimension().batch(2, 100);
    let embedder = HttpEmbedder::openai(settings.encoding(Encoding::Base64)).unwrap();
    let embedded = embed(&embedder, &["one", "two", "three"]).await.unwrap();
    assert_eq!(
        embedded.vectors.iter().map(|embedding| embedding.vector()).collect::<Vec<_>>(),
        [[1.0, 2.0]; 3]
    );
    // It reports no tokens: they are estimated.
    assert_eq!(embedded.usage, Usage { input: 1 + 1 + 2, estimated: true, ..Usage::default() });
    let asked = server.asked();
    assert!(asked[0].head.starts_with("POST /v1/embeddings HTTP/1.1\r\n"), "{}", asked[0].head);
    assert!(asked[0].head.contains("authorization: Bearer sk-1\r\n"), "{}", asked[0].head);
    let body =
        |input: &[&str]| json!({"model": "m", "input": input, "encoding_format": "base64", "dimensions": 2});
    let bodies: Vec<&Value> = asked.iter().map(|asked| &asked.body).collect();
    assert_eq!(bodies, [&body(&["one", "two"]), &body(&["three"])]);
}

#[tokio::test]
async fn ollama_is_told_not_to_cut_texts() {
    let server = Server::start(|_| ok(&json!({"embeddings": [[1, 2]], "prompt_eval_count": 3}))).await;
    let embedder = HttpEmbedder::ollama(server.settings("")).unwrap();
    assert_eq!(embed(&embedder, &["one"]).await.unwrap().usage.input, 3);
    let asked = server.asked();
    assert!(asked[0].head.starts_with("POST /api/embed HTTP/1.1\r\n"), "{}", asked[0].head);
    assert!(!asked[0].head.contains("authorization"), "{}", asked[0].head);
    assert_eq!(asked[0].body, json!({"model": "m", "input": ["one"], "truncate": false}));
}

#[tokio::test]
async fn what_was_spent_is_told_in_money_and_kept_when_a_later_request_fails() {
    let server = Server::start(|asked| match asked.body["input"][0].as_str() {
        Some("bad") => Reply::Whole(503, "retry-after: 7\r\n", String::new()),
        _ => ok(&json!({"data": [{"index": 0, "embedding": [1, 2]}], "usage": {"prompt_tokens": 1_000}})),
    })
    .await;
    let price = Price { input: "0.13".parse().unwrap(), ..Price::FREE };
    let embedder = HttpEmbedder::openai(server.settings("").price(price).batch(1, 1)).unwrap();
    let spent = |input, cost: &str| Usage { input, cost: cost.parse().unwrap(), ..Usage::default() };
    assert_eq!(embed(&embedder, &["one", "two"]).await.unwrap().usage, spent(2_000, "0.00026"));
    let error = embed(&embedder, &["one", "bad", "two"]).await.unwrap_err();
    let expected = EmbedError {
        kind: EmbedErrorKind::Transient { retry_after: Some(Duration::from_secs(7)) },
        message: "the embedder `test` at 127.0.0.1 has a fault (503): try again later".to_owned(),
        usage: spent(1_000, "0.00013"),
    };
    assert_eq!(error, expected);
}

async fn failure(reply: Reply) -> EmbedError {
    let server = Server::start(move |_| reply.clone()).await;
    let settings = server.settings("/v1").key(SecretString::from("sk-secret"));
    let error = embed(&HttpEmbedder::openai(settings).unwrap(), &["the text"]).await.unwrap_err();
    for secret in ["sk-secret", "the text"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    error
}

#[tokio::test]
async fn an_answer_that_is_of_no_use_is_told_as_that() {
    for (body, expected) in [
        ("<html>the text</html>", "it is no JSON (line 1, column 1)"),
        ("{\"data\": [", "it ends in the middle (line 1, column 10)"),
        ("{\"data\": []}", "it holds 0 vectors for 1 texts"),
        (
            "{\"data\": [{\"embedding\": \"the text\"}]}",
            "it is not what the protocol says (line 1, column 34)",
        ),
    ] {
        let error = failure(Reply::Whole(200, "", body.to_owned())).await;
        let message =
            format!("the embedder `test` at 127.0.0.1 gave an answer that is of no use: {expected}");
        assert_eq!((error.kind, error.message), (EmbedErrorKind::Malformed, message));
    }
    let error = failure(ok(&json!({"data": [{"embedding": [1, 1e39]}]}))).await;
    assert_eq!(error.kind, EmbedErrorKind::Malformed);
}

#[tokio::test]
async fn vectors_of_another_dimension_are_refused_and_were_paid_for() {
    let body = json!({"data": [{"embedding": [1, 2, 3]}], "usage": {"prompt_tokens": 5}});
    let error = failure(ok(&body)).await;
    assert_eq!(error.kind, EmbedErrorKind::WrongDimension { expected: 2, actual: 3 });
    assert_eq!(error.usage.input, 5);
}

#[tokio::test]
async fn failures_of_the_server_are_told_apart() {
    let whole = |status, body: &str| Reply::Whole(status, "", body.to_owned());
    let transient = EmbedErrorKind::Transient { retry_after: None };
    for (reply, kind) in [
        (
            whole(401, r#"{"error": {"message": "Incorrect API key provided: sk-secret"}}"#),
            EmbedErrorKind::Auth,
        ),
        (whole(429, ""), transient.clone()),
        (whole(500, "oh"), transient.clone()),
        (whole(400, r#"{"error": {"message": "cannot read `the text`"}}"#), EmbedErrorKind::InvalidRequest),
        (whole(400, "maximum context length is 9"), EmbedErrorKind::TextTooLong),
        (Reply::Hangup, transient),
        (Reply::Cut, EmbedErrorKind::Truncated),
        (Reply::Endless, EmbedErrorKind::Malformed),
    ] {
        let shown = format!("{reply:?}");
        assert_eq!(failure(reply).await.kind, kind, "{shown}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(openai).await;
    let location = format!("location: http://127.0.0.1:{}/v1/embeddings\r\n", other.port);
    let error = failure(Reply::Whole(307, Box::leak(location.into_boxed_str()), String::new())).await;
    assert_eq!(error.kind, EmbedErrorKind::InvalidRequest);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let embedder = HttpEmbedder::ollama(Settings::new("gone", url, "m", Dimension::new(2).unwrap())).unwrap();
    let error = embed(&embedder, &["one"]).await.unwrap_err();
    assert_eq!(error.kind, EmbedErrorKind::Transient { retry_after: None });
    assert_eq!(
        error.message,
        "the embedder `gone` at 127.0.0.1 cannot be reached: is it running, and is its address right?"
    );
    for reply in [Reply::Silence, Reply::Stall] {
        let mut server = Server::start(move |_| reply.clone()).await;
        let settings = server.settings("").within(Duration::from_secs(5), Duration::from_millis(50));
        let error = embed(&HttpEmbedder::openai(settings).unwrap(), &["one"]).await.unwrap_err();
        assert_eq!(error.kind, EmbedErrorKind::Transient { retry_after: None });
        assert_eq!(
            error.message,
            "the embedder `test` at 127.0.0.1 did not answer within 50ms: try again, or allow more time"
        );
        server.closed.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_call_closes_its_connection() {
    for reply in [Reply::Silence, Reply::Stall] {
        let (says_asked, mut was_asked) = mpsc::unbounded_channel();
        let mut server = Server::start(move |_| {
            says_asked.send(()).unwrap();
            reply.clone()
        })
        .await;
        let embedder = HttpEmbedder::openai(server.settings("")).unwrap();
        let (ctx, some) = (EmbedContext::default(), texts(&["one"]));
        let cancel = async {
            was_asked.recv().await.unwrap();
            ctx.cancel.cancel();
        };
        let (ended, ()) = tokio::join!(embedder.embed(&ctx, &some), cancel);
        assert_eq!(ended.unwrap_err().kind, EmbedErrorKind::Cancelled);
        server.closed.recv().await.unwrap();
    }
}

#[test]
fn settings_are_checked() {
    let settings = |url: &str| Settings::new("e", url, "m", Dimension::new(2).unwrap());
    let refused = |settings: Settings| HttpEmbedder::openai(settings).unwrap_err();
    assert!(matches!(refused(settings("ftp://x")), InvalidSettings::Url { .. }));
    let bad_key = settings("http://x").key(SecretString::from("sk-secret\n"));
    assert_eq!(
        refused(bad_key).to_string(),
        "embedder `e`: its key holds characters that no HTTP header can carry; was a line break copied with it?"
    );
    let hour = Duration::from_secs(3_601);
    let second = Duration::from_secs(1);
    for bad in [
        settings("http://x").batch(0, 1),
        settings("http://x").batch(MAX_TEXTS + 1, 1),
        settings("http://x").batch(1, 0),
        settings("http://x").within(Duration::ZERO, second),
        settings("http://x").within(second, hour),
        Settings::new("e", "http://x", " ", Dimension::new(2).unwrap()),
    ] {
        assert!(matches!(refused(bad), InvalidSettings::OutOfRange { .. }));
    }
    let secret = settings("http://u:p@x").key(SecretString::from("sk-secret"));
    assert_eq!(format!("{secret:?}"), "Settings { name: \"e\", model: \"m\", dimension: Dimension(2), .. }");
    let embedder = HttpEmbedder::openai(settings("http://x").key(SecretString::from("sk-secret"))).unwrap();
    assert_eq!(
        format!("{embedder:?}"),
        "HttpEmbedder { dialect: OpenAi, settings: Settings { name: \"e\", model: \"m\", dimension: Dimension(2), .. }, .. }"
    );
}

#[tokio::test]
async fn a_call_is_a_span() {
    let (seen, _guard) = Seen::begin();
    let server = Server::start(openai).await;
    let url = format!("http://127.0.0.1:{}/v1", server.port);
    let settings = |name: &str| Settings::new("e", &url, name, Dimension::new(256).unwrap());
    let embedder = HttpEmbedder::openai(settings("m")).unwrap();
    embed(&embedder, &["one", "two"]).await.unwrap();
    let span = seen.named("embeddings m");
    for (name, value) in [
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "embeddings"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.embeddings.dimension.count", "256"),
    ] {
        assert_eq!(span.get(name).map(String::as_str), Some(value), "{name}: {span:#?}");
    }
    assert!(span["gen_ai.usage.input_tokens"].parse::<u64>().unwrap() > 0);
    assert_eq!(span.get("error.type"), None);
    let gone =
        HttpEmbedder::openai(Settings::new("e", "http://127.0.0.1:9", "gone", Dimension::new(2).unwrap()));
    embed(&gone.unwrap(), &["one"]).await.unwrap_err();
    let failed = seen.named("embeddings gone");
    assert_eq!(failed.get("otel.status_code").map(String::as_str), Some("error"), "{failed:#?}");
    assert!(failed.contains_key("error.type"));
}
