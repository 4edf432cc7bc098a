use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, check, context};

fn data() -> serde_json::Value {
    json!({"rows": [{"n": 1, "a/b": "x"}, {"n": 2}, {"m": null}], "by": {"p": [1], "q": [2, 3]}})
}

async fn at(path: &str, expected: Result<serde_json::Value, (ErrorCode, &str)>) {
    let expected = expected.map(|value| json!({"value": value, "found": true}));
    check(&*tool().unwrap(), &context(), json!({"value": data(), "at": path}), expected).await;
}

#[tokio::test]
async fn paths_and_pointers_lead_into_a_value() {
    at("rows.1.n", Ok(json!(2))).await;
    at("rows.*.n", Ok(json!([1, 2]))).await;
    at("by.*.*", Ok(json!([1, 2, 3]))).await;
    at(".", Ok(data())).await;
    at("rows.2.m", Ok(json!(null))).await;
    at("rows.3", Err((ErrorCode::DataInvalid, "nothing at `rows.3`"))).await;
    at("rows.01", Err((ErrorCode::DataInvalid, "nothing"))).await;
    at("rows.0.n.x", Err((ErrorCode::DataInvalid, "nothing"))).await;

    let tool = tool().unwrap();
    let found = |value: serde_json::Value| Ok(json!({"value": value, "found": true}));
    check(&*tool, &context(), json!({"value": data(), "pointer": "/rows/0/a~1b"}), found(json!("x"))).await;
    check(&*tool, &context(), json!({"value": {"": 1}, "pointer": "/"}), found(json!(1))).await;
    check(
        &*tool,
        &context(),
        json!({"value": data(), "at": "none", "default": 7}),
        Ok(json!({"value": 7, "found": false})),
    )
    .await;
    check(
        &*tool,
        &context(),
        json!({"value": null, "at": "none", "default": null}),
        Ok(json!({"value": null, "found": false})),
    )
    .await;
    check(
        &*tool,
        &context(),
        json!({"value": data(), "at": "none.*"}),
        Ok(json!({"value": [], "found": false})),
    )
    .await;
}

#[tokio::test]
async fn files_and_texts_are_read() {
    let bench = Bench::new();
    bench.file("a.json", data().to_string());
    let tool = tool().unwrap();
    let expected = || Ok(json!({"value": 1, "found": true}));
    check(&*tool, &bench.ctx, json!({"path": "a.json", "at": "rows.0.n"}), expected()).await;
    check(&*tool, &bench.ctx, json!({"text": "[1]", "pointer": "/0"}), expected()).await;
}

#[tokio::test]
async fn what_is_unclear_or_too_much_is_refused() {
    let tool = tool().unwrap();
    let mut ctx = context();
    let invalid = ErrorCode::ToolInputInvalid;
    for (input, part) in [
        (json!({"value": 1}), "either `at` or `pointer`"),
        (json!({"value": 1, "at": "a", "pointer": "/a"}), "either `at` or `pointer`"),
        (json!({"value": 1, "text": "1", "at": "."}), "one of `value`"),
        (json!({"at": "."}), "either `path` or `text`"),
        (json!({"value": 1, "pointer": "a"}), "begins with `/`"),
    ] {
        check(&*tool, &ctx, input, Err((invalid, part))).await;
    }
    ctx.limits.max_items = 2;
    let input = json!({"value": data(), "at": "rows.*"});
    check(&*tool, &ctx, input, Err((ErrorCode::LimitExceeded, "more than 2 values"))).await;
}
