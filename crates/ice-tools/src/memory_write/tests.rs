use ice_core::error::ErrorCode;
use ice_core::memory::MAX_CONTENT_BYTES;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check, context};

#[tokio::test]
async fn what_is_written_says_its_kind_and_supersedes_what_its_key_stood_for() {
    let bench = Bench::new().remembering(&["kb"]).await;
    let write = async |input| call(&*tool().unwrap(), &bench.ctx, input).await.unwrap();
    let first = write(json!({"key": "harbour", "content": "open", "about": ["ada"]})).await;
    assert_eq!((&first["kind"], &first["superseded"]), (&json!("semantic"), &json!(false)));
    assert_eq!(write(json!({"key": "harbour", "content": "closed"})).await["superseded"], true);
    assert_eq!(write(json!({"key": "work:note", "content": {"n": 1}})).await["kind"], "working");
    let steps = write(json!({"kind": "procedural", "content": ["cast off", "row"], "ttl_seconds": 60})).await;
    assert_eq!((&steps["kind"], &steps["scope"]), (&json!("procedural"), &json!("kb")));
}

#[tokio::test]
async fn what_is_not_granted_or_no_memory_is_refused() {
    let tool = tool().unwrap();
    let input = json!({"content": "x"});
    check(&*tool, &context(), input.clone(), Err((ErrorCode::StoreUnavailable, "there is no memory here")))
        .await;
    let none = Bench::new().remembering(&["kb:ro"]).await;
    check(&*tool, &none.ctx, input.clone(), Err((ErrorCode::GrantMissing, "`--memory SCOPE`"))).await;
    let two = Bench::new().remembering(&["a", "b"]).await;
    check(&*tool, &two.ctx, input, Err((ErrorCode::ToolInputInvalid, "granted `a`, `b`"))).await;
    let other = json!({"content": "x", "scope": "c"});
    check(&*tool, &two.ctx, other, Err((ErrorCode::GrantMissing, "--memory c"))).await;
    let large = json!({"content": "x".repeat(MAX_CONTENT_BYTES + 1), "scope": "a"});
    check(&*tool, &two.ctx, large, Err((ErrorCode::MemoryInvalid, "the content"))).await;
    let nothing = json!({"content": null, "scope": "a"});
    check(&*tool, &two.ctx, nothing, Err((ErrorCode::ToolInputInvalid, "nothing to remember"))).await;
}
