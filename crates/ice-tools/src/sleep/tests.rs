use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::value::Value;
use serde_json::json;

use super::tool;
use crate::support::testing::{call, check, context};

#[tokio::test(start_paused = true)]
async fn it_waits_and_a_cancel_ends_the_wait() {
    let tool = tool().unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(call(&*tool, &context(), json!({"seconds": 1.5})).await.unwrap(), json!({"seconds": 1.5}));
    assert_eq!(start.elapsed(), Duration::from_millis(1500));

    let ctx = context();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ctx.cancel.cancel();
    };
    let (result, ()) = tokio::join!(call(&*tool, &ctx, json!({"seconds": 3600})), cancel);
    assert_eq!(result.unwrap_err().code, ErrorCode::RunCancelled);
    assert_eq!(start.elapsed(), Duration::from_millis(2500));
}

#[tokio::test]
async fn the_wait_has_a_limit() {
    let tool = tool().unwrap();
    for seconds in [json!(-1), json!(3601), json!(1e300)] {
        check(&*tool, &context(), json!({"seconds": seconds}), Err((ErrorCode::ToolInputInvalid, ""))).await;
        // The tool holds the limit itself, whoever calls it.
        let error = tool.call(&context(), Value::from(json!({"seconds": seconds}))).await.unwrap_err();
        assert_eq!(error.message, "`seconds` is 0 to 3600");
    }
}
