use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn rows_are_written_and_read_back() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    let rows = json!([
        {"a": "x, \"y\"\n", "b": 1, "c": null},
        {"a": "plain", "b": 2.5, "d": [1, {"k": true}]},
    ]);
    call(&*tool, &bench.ctx, json!({"path": "out/r.csv", "rows": rows})).await.unwrap();
    assert_eq!(
        bench.text("out/r.csv"),
        "a,b,c,d\n\"x, \"\"y\"\"\n\",1,,\nplain,2.5,,\"[1,{\"\"k\"\":true}]\"\n"
    );
    let back =
        call(&*crate::read_csv::tool().unwrap(), &bench.ctx, json!({"path": "out/r.csv"})).await.unwrap();
    assert_eq!(back["rows"][0], json!({"a": "x, \"y\"\n", "b": 1.0, "c": null, "d": null}));

    let input = json!({"path": "out/r.csv", "rows": rows, "columns": ["b", "none"], "delimiter": ";"});
    call(&*tool, &bench.ctx, input).await.unwrap();
    assert_eq!(bench.text("out/r.csv"), "b;none\n1;\n2.5;\n");
}

#[tokio::test]
async fn appending_writes_one_header() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    for n in 1..=2 {
        let input = json!({"path": "log.csv", "rows": [{"n": n}], "mode": "append"});
        call(&*tool, &bench.ctx, input).await.unwrap();
    }
    assert_eq!(bench.text("log.csv"), "n\n1\n2\n");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    let mut bench = Bench::new();
    let tool = tool().unwrap();
    let input = json!({"path": "a", "rows": [{"n": 1}, 2]});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::ToolInputInvalid, "rows/1"))).await;
    let input = json!({"path": "../a", "rows": []});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::PathSecurityViolation, "leads out"))).await;
    bench.ctx.limits.max_write_bytes = 10;
    let input = json!({"path": "a", "rows": [{"n": "x".repeat(10_000)}, {"n": "y"}]});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::FileTooLarge, "10 "))).await;
    assert_eq!(bench.names("."), [""; 0]);
}
