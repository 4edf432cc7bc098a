use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, check, context};

#[tokio::test]
async fn documents_and_lines_are_read() {
    let bench = Bench::new();
    bench.file("a.json", "\u{feff}{\"a\": [1, {\"b\": null}]}\n");
    bench.file("a.jsonl", "{\"n\": 1}\n\n[2]\r\n");
    let tool = tool().unwrap();
    check(&*tool, &bench.ctx, json!({"path": "a.json"}), Ok(json!({"value": {"a": [1, {"b": null}]}}))).await;
    check(
        &*tool,
        &bench.ctx,
        json!({"path": "a.jsonl", "lines": true}),
        Ok(json!({"value": [{"n": 1}, [2]]})),
    )
    .await;
    check(&*tool, &bench.ctx, json!({"text": "\"x\""}), Ok(json!({"value": "x"}))).await;
}

#[tokio::test]
async fn hostile_json_is_refused() {
    let tool = tool().unwrap();
    let mut ctx = context();
    let deep = "[".repeat(1 << 20);
    let wide = format!("[{}0]", "0,".repeat(8_000_001));
    for (text, code, part) in [
        (deep.as_str(), ErrorCode::DataInvalid, "recursion limit"),
        (&wide, ErrorCode::LimitExceeded, "8000000 is the most"),
        ("{\"a\": 1, \"a\": 2}", ErrorCode::DataInvalid, "stands twice"),
        ("{\"a\": 1e999}", ErrorCode::DataInvalid, "out of range"),
        ("{\"a\": NaN}", ErrorCode::DataInvalid, "line 1 column"),
        ("", ErrorCode::DataInvalid, "EOF"),
    ] {
        check(&*tool, &ctx, json!({"text": text}), Err((code, part))).await;
    }
    check(&*tool, &ctx, json!({"text": "1\n{\n", "lines": true}), Err((ErrorCode::DataInvalid, "line 2")))
        .await;
    ctx.limits.max_items = 1;
    let input = json!({"text": "1\n2\n", "lines": true});
    check(&*tool, &ctx, input, Err((ErrorCode::LimitExceeded, "more than 1 lines"))).await;
}
