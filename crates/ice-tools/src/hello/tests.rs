use serde_json::json;

use super::tool;
use crate::support::testing::{check, context};

#[tokio::test]
async fn it_greets() {
    let tool = tool().unwrap();
    check(&*tool, &context(), json!({"name": "Ada"}), Ok(json!({"message": "Hello, Ada!"}))).await;
    check(&*tool, &context(), json!({}), Ok(json!({"message": "Hello, World!"}))).await;
}
