use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{check, context};

#[tokio::test]
async fn the_time_is_that_of_the_context() {
    let tool = tool().unwrap();
    let utc = "2026-01-01T00:00:00.123Z";
    check(
        &*tool,
        &context(),
        json!({}),
        Ok(json!({"utc": utc, "unix_ms": 1_767_225_600_123_i64, "zone": "UTC", "date": "2026-01-01",
            "time": "00:00:00", "weekday": "Thursday", "text": "2026-01-01T00:00:00+00:00"})),
    )
    .await;
    check(
        &*tool,
        &context(),
        json!({"zone": "America/New_York", "format": "%d.%m.%y %H Uhr"}),
        Ok(json!({"utc": utc, "unix_ms": 1_767_225_600_123_i64, "zone": "America/New_York", "date": "2025-12-31",
            "time": "19:00:00", "weekday": "Wednesday", "text": "31.12.25 19 Uhr"})),
    )
    .await;
}

#[tokio::test]
async fn what_is_no_zone_or_format_is_refused() {
    let tool = tool().unwrap();
    for input in [
        json!({"zone": "Mars/Base"}),
        json!({"zone": "../../etc/passwd"}),
        json!({"format": "%Q%!"}),
        json!({"format": "%Y".repeat(101)}),
    ] {
        check(&*tool, &context(), input, Err((ErrorCode::ToolInputInvalid, ""))).await;
    }
}
