use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn values_are_written_whole_or_line_by_line() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    call(&*tool, &bench.ctx, json!({"path": "a.json", "value": {"n": [1]}})).await.unwrap();
    assert_eq!(bench.text("a.json"), "{\n  \"n\": [\n    1\n  ]\n}\n");
    call(&*tool, &bench.ctx, json!({"path": "a.json", "value": {"n": [1]}, "pretty": false})).await.unwrap();
    assert_eq!(bench.text("a.json"), "{\"n\":[1]}\n");
    for value in [json!({"n": 1}), json!(null)] {
        let input = json!({"path": "a.jsonl", "value": value, "mode": "append"});
        call(&*tool, &bench.ctx, input).await.unwrap();
    }
    assert_eq!(bench.text("a.jsonl"), "{\"n\":1}\nnull\n");
}

#[tokio::test]
async fn the_limit_holds_before_anything_is_written() {
    let mut bench = Bench::new();
    bench.ctx.limits.max_write_bytes = 20;
    let input = json!({"path": "a", "value": "x".repeat(100)});
    check(&*tool().unwrap(), &bench.ctx, input, Err((ErrorCode::FileTooLarge, "larger than"))).await;
    assert_eq!(bench.names("."), [""; 0]);
}
