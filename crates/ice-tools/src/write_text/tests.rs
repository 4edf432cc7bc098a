use std::os::unix::fs::PermissionsExt;

use ice_core::error::ErrorCode;
use ice_core::tools::{Effect, Started};
use ice_core::value::Value;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

#[tokio::test]
async fn a_file_is_written_whole_and_replaced_whole() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    check(
        &*tool,
        &bench.ctx,
        json!({"path": "new/deep/a.txt", "text": "grün"}),
        Ok(json!({"path": "new/deep/a.txt", "bytes": 5, "existed": false})),
    )
    .await;
    assert_eq!(bench.text("new/deep/a.txt"), "grün");
    let file = bench.path("new/deep/a.txt");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    check(
        &*tool,
        &bench.ctx,
        json!({"path": file, "text": "x", "mode": "overwrite"}),
        Ok(json!({"path": file, "bytes": 1, "existed": true})),
    )
    .await;
    assert_eq!(bench.text("new/deep/a.txt"), "x");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bench.names("new/deep"), ["a.txt"]);
}

#[tokio::test]
async fn create_can_be_repeated_but_does_not_replace() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    let input = json!({"path": "a", "text": "one", "mode": "create"});
    let first = call(&*tool, &bench.ctx, input.clone()).await.unwrap();
    let second = call(&*tool, &bench.ctx, input).await.unwrap();
    assert_eq!((first["existed"].as_bool(), second["existed"].as_bool()), (Some(false), Some(true)));
    for text in ["two", "longer"] {
        let input = json!({"path": "a", "text": text, "mode": "create"});
        check(&*tool, &bench.ctx, input, Err((ErrorCode::ToolFailed, "exists already"))).await;
    }
    assert_eq!((bench.text("a"), bench.names(".")), ("one".to_owned(), vec!["a".to_owned()]));
}

#[tokio::test]
async fn append_writes_behind_the_end_within_the_limit() {
    let mut bench = Bench::new();
    bench.ctx.limits.max_write_bytes = 5;
    let tool = tool().unwrap();
    for (text, size) in [("ab", 2), ("cde", 5)] {
        let input = json!({"path": "a", "text": text, "mode": "append"});
        assert_eq!(call(&*tool, &bench.ctx, input).await.unwrap()["bytes"], size);
    }
    let input = json!({"path": "a", "text": "f", "mode": "append"});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::FileTooLarge, "6 bytes, and 5"))).await;
    let input = json!({"path": "b", "text": "123456"});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::FileTooLarge, "6 bytes, and 5"))).await;
    assert_eq!((bench.text("a"), bench.names(".")), ("abcde".to_owned(), vec!["a".to_owned()]));
}

#[test]
fn the_effect_is_that_of_the_mode() {
    let tool = tool().unwrap();
    let effect =
        |mode: serde_json::Value| tool.effect(&Value::from(json!({"path": "a", "text": "", "mode": mode})));
    assert_eq!(tool.effect(&Value::from(json!({"path": "a", "text": ""}))), Effect::Idempotent);
    assert_eq!(
        (effect(json!("create")), effect(json!("overwrite"))),
        (Effect::Idempotent, Effect::Idempotent)
    );
    assert_eq!((effect(json!("append")), effect(json!(1))), (Effect::Irreversible, Effect::Irreversible));
}

#[tokio::test]
async fn nothing_is_written_outside_of_what_was_granted() {
    let mut bench = Bench::new();
    std::fs::create_dir(bench.outside().join("beside")).unwrap();
    std::os::unix::fs::symlink("../beside", bench.path("out")).unwrap();
    std::os::unix::fs::symlink("../secret", bench.path("link")).unwrap();
    let absolute = bench.outside().join("beside/x");
    let tool = tool().unwrap();
    for mode in ["create", "overwrite", "append"] {
        for (path, code) in [
            ("../secret", ErrorCode::PathSecurityViolation),
            ("../beside/x", ErrorCode::PathSecurityViolation),
            ("new/../../beside/x", ErrorCode::PathSecurityViolation),
            ("out/x", ErrorCode::PathSecurityViolation),
            ("out/new/x", ErrorCode::PathSecurityViolation),
            ("link", ErrorCode::PathSecurityViolation),
            (absolute.to_str().unwrap(), ErrorCode::GrantMissing),
            (".", ErrorCode::FileUnreadable),
            ("folder/", ErrorCode::FileUnreadable),
        ] {
            let input = json!({"path": path, "text": "gotcha", "mode": mode});
            let error = call(&*tool, &bench.ctx, input).await.unwrap_err();
            assert_eq!((error.code, error.started), (code, Started::NotStarted), "{mode} {path}: {error}");
        }
    }
    assert_eq!(std::fs::read_to_string(bench.outside().join("secret")).unwrap(), "secret");
    assert_eq!(std::fs::read_dir(bench.outside().join("beside")).unwrap().count(), 0);

    let grants = ice_core::tools::Grants { read: vec![bench.path(".")], ..Default::default() };
    bench.ctx.grants = std::sync::Arc::new(grants);
    let input = json!({"path": "a", "text": ""});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::GrantMissing, "--rw PATH"))).await;
}

#[tokio::test]
async fn special_files_are_not_written() {
    let bench = Bench::new();
    let status = std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap();
    assert!(status.success());
    std::fs::create_dir(bench.path("folder")).unwrap();
    let tool = tool().unwrap();
    for mode in ["create", "overwrite", "append"] {
        let input = json!({"path": "pipe", "text": "x", "mode": mode});
        check(&*tool, &bench.ctx, input, Err((ErrorCode::FileUnreadable, "no regular file"))).await;
        let input = json!({"path": "folder", "text": "x", "mode": mode});
        check(&*tool, &bench.ctx, input, Err((ErrorCode::FileUnreadable, "is a folder"))).await;
    }
}

#[tokio::test]
async fn a_single_file_can_be_granted() {
    let mut bench = Bench::new();
    bench.file("only", "old");
    bench.file("other", "old");
    let write = vec![bench.path("only"), bench.path("later")];
    bench.ctx.grants = std::sync::Arc::new(ice_core::tools::Grants { write, ..Default::default() });
    let tool = tool().unwrap();
    for path in ["only", "later"] {
        call(&*tool, &bench.ctx, json!({"path": path, "text": "new"})).await.unwrap();
        assert_eq!(bench.text(path), "new");
    }
    let absolute = bench.path("other");
    let input = json!({"path": absolute, "text": "new"});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::GrantMissing, "--rw"))).await;
    assert!(call(&*tool, &bench.ctx, json!({"path": "other", "text": "new"})).await.is_err());
    assert_eq!(bench.text("other"), "old");
}

#[tokio::test]
async fn what_a_crashed_attempt_left_behind_is_taken_away() {
    let bench = Bench::new();
    let tool = tool().unwrap();
    let input = json!({"path": "a", "text": "x"});
    call(&*tool, &bench.ctx, input.clone()).await.unwrap();
    let key = format!("{}/a", bench.ctx.idempotency_key());
    let left = format!(".ice-{}.tmp", &blake3::hash(key.as_bytes()).to_hex()[..32]);
    bench.file(&left, "half");
    call(&*tool, &bench.ctx, input).await.unwrap();
    assert_eq!(bench.names("."), ["a"]);
}
