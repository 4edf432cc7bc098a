use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, check};

#[tokio::test]
async fn a_file_is_read() {
    let bench = Bench::new();
    let absolute = bench.file("deep/a.txt", "one\ntwo\n");
    bench.file("old.txt", b"gr\xfcn");
    let tool = tool().unwrap();
    let expected = json!({"text": "one\ntwo\n", "bytes": 8, "lines": 2});
    check(&*tool, &bench.ctx, json!({"path": "deep/a.txt"}), Ok(expected.clone())).await;
    check(&*tool, &bench.ctx, json!({"path": absolute}), Ok(expected)).await;
    check(
        &*tool,
        &bench.ctx,
        json!({"path": "old.txt", "encoding": "windows-1252"}),
        Ok(json!({"text": "grün", "bytes": 4, "lines": 1})),
    )
    .await;
    check(
        &*tool,
        &bench.ctx,
        json!({"path": "old.txt"}),
        Err((ErrorCode::DataInvalid, "not valid UTF-8 at byte 2")),
    )
    .await;
    check(
        &*tool,
        &bench.ctx,
        json!({"path": "old.txt", "replace_invalid": true}),
        Ok(json!({"text": "gr\u{fffd}n", "bytes": 4, "lines": 1})),
    )
    .await;
}

#[tokio::test]
async fn what_is_not_granted_is_not_read() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("../secret", bench.path("link")).unwrap();
    let tool = tool().unwrap();
    let secret = bench.outside().join("secret");
    for (path, code) in [
        ("../secret", ErrorCode::PathSecurityViolation),
        ("link", ErrorCode::PathSecurityViolation),
        (secret.to_str().unwrap(), ErrorCode::GrantMissing),
        ("/proc/self/environ", ErrorCode::GrantMissing),
        ("none", ErrorCode::FileUnreadable),
    ] {
        check(&*tool, &bench.ctx, json!({"path": path}), Err((code, path))).await;
    }
    let nothing = crate::support::testing::context();
    check(&*tool, &nothing, json!({"path": "a"}), Err((ErrorCode::GrantMissing, "--ro PATH"))).await;
}

#[tokio::test]
async fn limits_and_cancel_hold() {
    let mut bench = Bench::new();
    bench.file("a", "x".repeat(100));
    bench.ctx.limits.max_read_bytes = 99;
    let tool = tool().unwrap();
    check(&*tool, &bench.ctx, json!({"path": "a"}), Err((ErrorCode::FileTooLarge, "100 bytes, and 99")))
        .await;
    // A file whose size says nothing is still counted while it is read.
    let mut proc = bench.ctx.clone();
    proc.grants = std::sync::Arc::new(ice_core::tools::Grants {
        read: vec!["/proc/self".into()],
        ..ice_core::tools::Grants::default()
    });
    proc.limits.max_read_bytes = 10;
    check(&*tool, &proc, json!({"path": "maps"}), Err((ErrorCode::FileTooLarge, "more than 10 bytes"))).await;
    bench.ctx.cancel.cancel();
    check(&*tool, &bench.ctx, json!({"path": "a"}), Err((ErrorCode::RunCancelled, ""))).await;
}
