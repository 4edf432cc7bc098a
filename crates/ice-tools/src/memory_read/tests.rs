use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn a_key_is_looked_up_in_every_kind_and_nothing_is_no_failure() {
    let writes =
        [json!({"key": "a", "kind": "episodic", "content": "1"}), json!({"key": "work:b", "content": "2"})];
    let bench = Bench::new().remembering(&["kb"]).await.with(&writes).await;
    let read = async |input| call(&*tool().unwrap(), &bench.ctx, input).await.unwrap();
    assert_eq!(read(json!({"key": "a"})).await["entry"]["kind"], "episodic");
    assert_eq!(read(json!({"key": "work:b", "scope": "kb"})).await["entry"]["content"], "2");
    assert_eq!(read(json!({"key": "a", "kind": "semantic"})).await, json!({"found": false, "entry": null}));
    assert_eq!(read(json!({"key": "a", "as_of": "2020-01-01T00:00:00Z"})).await["found"], false);
    let secret = json!({"key": "a", "scope": "secret"});
    check(&*tool().unwrap(), &bench.ctx, secret, Err((ErrorCode::GrantMissing, "--memory secret"))).await;
    let wrong = json!({"key": ""});
    check(&*tool().unwrap(), &bench.ctx, wrong, Err((ErrorCode::ToolInputInvalid, "key of memory"))).await;
}
