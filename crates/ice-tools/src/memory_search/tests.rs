use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn every_granted_scope_is_searched_and_no_other() {
    let writes = [
        json!({"content": "harbour", "key": "1", "scope": "a", "category": "sea", "tags": ["x"]}),
        json!({"content": "harbour", "key": "2", "scope": "b"}),
    ];
    let bench = Bench::new().remembering(&["a", "b"]).await.with(&writes).await;
    let keys = async |input| {
        let output = call(&*tool().unwrap(), &bench.ctx, input).await.unwrap();
        let results = output["results"].as_array().unwrap().clone();
        let mut keys: Vec<_> = results.iter().map(|hit| hit["entry"]["key"].clone()).collect();
        keys.sort_by_key(ToString::to_string);
        keys
    };
    assert_eq!(keys(json!({"query": "HARBOUR"})).await, ["1", "2"]);
    assert_eq!(keys(json!({"query": "harbour", "scope": "b"})).await, ["2"]);
    assert_eq!(keys(json!({"query": "harbour", "category": "sea", "tags": ["x"]})).await, ["1"]);
    assert_eq!(keys(json!({"query": "", "kinds": ["semantic"]})).await, ["1", "2"]);
    assert!(keys(json!({"query": "", "kinds": ["working"]})).await.is_empty());
    let secret = json!({"query": "x", "scope": "secret"});
    check(&*tool().unwrap(), &bench.ctx, secret, Err((ErrorCode::GrantMissing, "--memory secret"))).await;
    let none = Bench::new().remembering(&[]).await;
    let input = json!({"query": "x"});
    check(&*tool().unwrap(), &none.ctx, input, Err((ErrorCode::GrantMissing, "`--memory SCOPE:ro`"))).await;
}
