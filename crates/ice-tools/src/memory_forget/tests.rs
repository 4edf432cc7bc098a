use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn a_key_is_forgotten_once_and_only_where_the_run_may_write() {
    let writes = [json!({"key": "a", "content": "1"})];
    let bench = Bench::new().remembering(&["kb"]).await.with(&writes).await;
    let forget = async || call(&*tool().unwrap(), &bench.ctx, json!({"key": "a"})).await.unwrap();
    assert_eq!(forget().await, json!({"forgotten": 1}));
    assert_eq!(forget().await, json!({"forgotten": 0}));
    let read = Bench::new().remembering(&["kb:ro"]).await;
    let input = json!({"key": "a"});
    check(&*tool().unwrap(), &read.ctx, input, Err((ErrorCode::GrantMissing, "--memory SCOPE"))).await;
}
