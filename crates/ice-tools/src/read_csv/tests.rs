use ice_core::error::ErrorCode;
use ice_core::tools::Effect;
use ice_core::value::Value;
use proptest::prelude::*;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check, context};

async fn rows(input: serde_json::Value) -> serde_json::Value {
    call(&*tool().unwrap(), &context(), input).await.unwrap()["rows"].clone()
}

#[tokio::test]
async fn rows_are_objects_with_inferred_types() {
    let text = "name, code ,n,x,ok,empty\n\"Doe, J\",007,1,1.5,true,\nRoe,12,-2,3,FALSE,\n";
    check(
        &*tool().unwrap(),
        &context(),
        json!({"text": text}),
        Ok(json!({
            "columns": ["name", "code", "n", "x", "ok", "empty"],
            "rows": [
                {"name": "Doe, J", "code": "007", "n": 1, "x": 1.5, "ok": true, "empty": null},
                {"name": "Roe", "code": "12", "n": -2, "x": 3.0, "ok": false, "empty": null},
            ],
            "count": 2,
            "more": false,
        })),
    )
    .await;
    assert_eq!(
        rows(json!({"text": text, "types": "string", "columns": ["empty", "n"], "limit": 1})).await,
        json!([{"empty": "", "n": "1"}])
    );
}

#[tokio::test]
async fn files_have_delimiters_marks_encodings_and_no_header() {
    let bench = Bench::new();
    bench.file("a.csv", b"\xef\xbb\xbfa;b\r\n1;\"x\r\ny\"\"z\"\r\n");
    bench.file("old.csv", b"a\ngr\xfcn\n");
    let tool = tool().unwrap();
    let output = call(&*tool, &bench.ctx, json!({"path": "a.csv", "delimiter": ";"})).await.unwrap();
    assert_eq!(output["rows"], json!([{"a": 1, "b": "x\r\ny\"z"}]));
    let output = call(&*tool, &bench.ctx, json!({"path": "old.csv", "encoding": "latin1"})).await.unwrap();
    assert_eq!(output["rows"], json!([{"a": "grün"}]));
    assert_eq!(
        rows(json!({"text": "1,2\n3,4", "header": false})).await,
        json!([{"column_1": 1, "column_2": 2}, {"column_1": 3, "column_2": 4}])
    );
    assert_eq!(rows(json!({"text": "a,,\n1,2,3"})).await, json!([{"a": 1, "column_2": 2, "column_3": 3}]));
    assert_eq!(rows(json!({"text": ""})).await, json!([]));
    assert_eq!(rows(json!({"text": "a,b\n"})).await, json!([]));
}

#[tokio::test]
async fn what_is_broken_is_named_with_its_line() {
    let tool = tool().unwrap();
    let bench = Bench::new();
    bench.file("bad.csv", b"a\nok\ngr\xfcn\n");
    bench.file("wide.csv", ",".repeat(20_000));
    let invalid = ErrorCode::DataInvalid;
    for (input, code, part) in [
        (json!({"text": "a,b\n1,\"2\n3,4\n"}), invalid, "quote that opens in line 2 is never closed"),
        (json!({"text": "a,b\n1,2\n3\n"}), invalid, "line 3 has 1 fields, and the first has 2"),
        (json!({"text": "a,b,a\n"}), invalid, "`a` stands twice"),
        (json!({"path": "bad.csv"}), invalid, "line 3 is not valid UTF-8"),
        (json!({"path": "wide.csv"}), invalid, "more than 10000 fields"),
        (json!({"text": "a\n1", "columns": ["b"]}), ErrorCode::ToolInputInvalid, "the columns are: a"),
        (json!({"text": "a", "delimiter": "ab"}), ErrorCode::ToolInputInvalid, "one ASCII character"),
        (json!({"text": "a", "delimiter": "\""}), ErrorCode::ToolInputInvalid, "one ASCII character"),
        (json!({"text": "a", "path": "b"}), ErrorCode::ToolInputInvalid, "either `path` or `text`"),
        (json!({}), ErrorCode::ToolInputInvalid, "either `path` or `text`"),
        (json!({"path": "../secret"}), ErrorCode::PathSecurityViolation, "leads out"),
    ] {
        check(&*tool, &bench.ctx, input, Err((code, part))).await;
    }
}

#[tokio::test]
async fn limits_hold() {
    let tool = tool().unwrap();
    let mut ctx = context();
    ctx.limits.max_items = 2;
    check(&*tool, &ctx, json!({"text": "a\n1\n2\n3\n"}), Err((ErrorCode::LimitExceeded, "more than 2 rows")))
        .await;
    let output = call(&*tool, &ctx, json!({"text": "a\n1\n2\n3\n", "limit": 2})).await.unwrap();
    assert_eq!((output["count"].as_u64(), output["more"].as_bool()), (Some(2), Some(true)));
    ctx.limits.max_read_bytes = 100;
    let huge = format!("a\n\"{}\"\n", "x".repeat(200));
    check(&*tool, &ctx, json!({"text": huge}), Err((ErrorCode::FileTooLarge, "more than 100 bytes"))).await;
    let mut ctx = context();
    ctx.limits.max_items = usize::MAX;
    let wide = format!("{}\n", ",".repeat(9_999)).repeat(502);
    let input = json!({"text": wide, "header": false});
    check(&*tool, &ctx, input, Err((ErrorCode::LimitExceeded, "5000000 cells"))).await;
}

#[test]
fn a_text_needs_no_file() {
    let tool = tool().unwrap();
    assert_eq!(tool.effect(&Value::from(json!({"text": "a"}))), Effect::Pure);
    assert_eq!(tool.effect(&Value::from(json!({"path": "a"}))), Effect::Idempotent);
}

proptest! {
    #[test]
    fn no_text_panics_and_good_text_survives(
        cells in prop::collection::vec(prop::collection::vec("[a\",;\\n\\r 1]{0,4}", 2..3), 0..6),
        noise in "[a\",\\n\\r1é]{0,40}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(call(&*tool().unwrap(), &context(), json!({"text": noise})));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["x", "y"]).unwrap();
        for row in &cells {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let output = runtime
            .block_on(call(&*tool().unwrap(), &context(), json!({"text": text, "types": "string"})))
            .unwrap();
        let expected: Vec<_> = cells.iter().map(|row| json!({"x": row[0], "y": row[1]})).collect();
        prop_assert_eq!(&output["rows"], &json!(expected));
    }
}
