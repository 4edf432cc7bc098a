use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn what_was_said_is_told_where_the_scope_of_sessions_was_granted() {
    let bench = Bench::new().remembering(&["sessions:ro"]).await;
    let output = call(&*tool().unwrap(), &bench.ctx, json!({"session_id": "Ada"})).await.unwrap();
    let expected = json!({"exchanges": [{"asked": "Who is Ada?", "said": "A friend."}], "entries": []});
    assert_eq!(output, expected);
    let other = Bench::new().remembering(&["kb"]).await;
    let input = json!({"session_id": "Ada"});
    check(&*tool().unwrap(), &other.ctx, input, Err((ErrorCode::GrantMissing, "--memory sessions"))).await;
}
