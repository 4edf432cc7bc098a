use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check, context};

#[tokio::test]
async fn a_text_is_counted() {
    let text = "The cat saw the dog. Größe 42!\n\nThe end";
    check(
        &*tool().unwrap(),
        &context(),
        json!({"text": text, "top": 2}),
        Ok(json!({
            "characters": 39, "bytes": 41, "words": 9, "unique_words": 7, "lines": 3, "sentences": 3, "paragraphs": 2,
            "average_word_length": 28.0 / 9.0,
            "top_words": [{"word": "the", "count": 3}, {"word": "42", "count": 1}],
        })),
    )
    .await;
    let output = call(&*tool().unwrap(), &context(), json!({"text": text, "min_length": 4})).await.unwrap();
    assert_eq!(output["top_words"], json!([{"word": "größe", "count": 1}]));
}

#[tokio::test]
async fn an_empty_text_and_a_file_are_counted() {
    let bench = Bench::new();
    bench.file("empty", "");
    let output = call(&*tool().unwrap(), &bench.ctx, json!({"path": "empty"})).await.unwrap();
    assert_eq!((&output["words"], &output["average_word_length"]), (&json!(0), &json!(0.0)));
    check(
        &*tool().unwrap(),
        &bench.ctx,
        json!({"path": "../secret"}),
        Err((ErrorCode::PathSecurityViolation, "")),
    )
    .await;
}
