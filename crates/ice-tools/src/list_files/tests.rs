use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check};

fn bench() -> Bench {
    let bench = Bench::new();
    for name in ["b.md", "a.md", "c.txt", ".hidden.md", "sub/d.md", "sub/deep/e.md", "sub/.git/f.md"] {
        bench.file(name, name);
    }
    std::os::unix::fs::symlink("/", bench.path("root")).unwrap();
    std::os::unix::fs::symlink("sub", bench.path("again")).unwrap();
    bench
}

async fn paths(bench: &Bench, input: serde_json::Value) -> Vec<String> {
    let output = call(&*tool().unwrap(), &bench.ctx, input).await.unwrap();
    let items = output["files"].as_array().unwrap();
    items.iter().map(|item| item["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn files_are_listed_by_pattern_and_kind() {
    let bench = bench();
    assert_eq!(paths(&bench, json!({})).await, ["a.md", "b.md", "c.txt"]);
    assert_eq!(paths(&bench, json!({"pattern": "*.md", "recursive": true})).await, ["a.md", "b.md"]);
    assert_eq!(
        paths(&bench, json!({"pattern": "**/*.md", "recursive": true})).await,
        ["a.md", "b.md", "sub/d.md", "sub/deep/e.md"]
    );
    assert_eq!(
        paths(&bench, json!({"pattern": "**/*.md", "recursive": true, "hidden": true})).await,
        [".hidden.md", "a.md", "b.md", "sub/.git/f.md", "sub/d.md", "sub/deep/e.md"]
    );
    assert_eq!(paths(&bench, json!({"path": "sub", "recursive": true})).await, ["sub/d.md", "sub/deep/e.md"]);
    assert_eq!(paths(&bench, json!({"kinds": ["folder", "link"]})).await, ["again", "root", "sub"]);
    assert_eq!(paths(&bench, json!({"recursive": true, "limit": 1})).await, ["a.md"]);
}

#[tokio::test]
async fn an_entry_tells_its_size_and_that_the_list_was_cut() {
    let bench = bench();
    let tool = tool().unwrap();
    let output = call(&*tool, &bench.ctx, json!({"pattern": "[ab].md", "limit": 1})).await.unwrap();
    assert_eq!(output["count"], 2);
    let item = &output["files"][0];
    assert_eq!((&item["name"], &item["kind"], &item["size"]), (&json!("a.md"), &json!("file"), &json!(4)));
    assert!(item["modified"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn links_and_dots_lead_nowhere() {
    let bench = bench();
    let tool = tool().unwrap();
    for path in ["..", "root", "root/etc", "sub/../.."] {
        check(&*tool, &bench.ctx, json!({"path": path}), Err((ErrorCode::PathSecurityViolation, path))).await;
    }
    check(&*tool, &bench.ctx, json!({"path": "/etc"}), Err((ErrorCode::GrantMissing, "--ro"))).await;
    check(&*tool, &bench.ctx, json!({"path": "a.md"}), Err((ErrorCode::FileUnreadable, "no folder"))).await;
    check(&*tool, &bench.ctx, json!({"path": "none"}), Err((ErrorCode::FileUnreadable, "not exist"))).await;
    check(&*tool, &bench.ctx, json!({"pattern": "[a"}), Err((ErrorCode::ToolInputInvalid, "pattern"))).await;
    let long = "?".repeat(2000);
    check(&*tool, &bench.ctx, json!({"pattern": long}), Err((ErrorCode::ToolInputInvalid, "1024"))).await;
    let bomb = format!("{}x", "{a,b}".repeat(200));
    let _ = call(&*tool, &bench.ctx, json!({"pattern": bomb})).await;
}

#[tokio::test]
async fn too_many_entries_and_too_deep_folders_are_an_error() {
    let mut bench = bench();
    bench.ctx.limits.max_items = 3;
    let tool = tool().unwrap();
    check(&*tool, &bench.ctx, json!({}), Err((ErrorCode::LimitExceeded, "more than 3 entries"))).await;
    bench.ctx.limits.max_items = 1000;
    std::fs::create_dir_all(bench.path(&"x/".repeat(70))).unwrap();
    let input = json!({"recursive": true});
    check(&*tool, &bench.ctx, input, Err((ErrorCode::LimitExceeded, "deeper than 64"))).await;
    bench.ctx.cancel.cancel();
    check(&*tool, &bench.ctx, json!({}), Err((ErrorCode::RunCancelled, ""))).await;
}

/// A thread that may open no more than everybody may, even where the tests run as root.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            rustix::thread::set_thread_res_uid(None, rustix::process::Uid::from_raw(65_534), None).ok();
            work()
        });
        nobody.join().unwrap()
    })
}

#[test]
fn what_the_system_denies_is_passed_over_and_counted() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    for name in ["a.md", "open/b.md", "closed/c.md", "blind/d.md", "blind/e.md"] {
        bench.file(name, name);
    }
    let allow = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // `closed` cannot be opened, and within `blind` nothing can be reached.
    for (path, mode) in [("closed", 0o000), ("blind", 0o444), ("open", 0o755), (".", 0o755), ("..", 0o755)] {
        allow(&bench.path(path), mode);
    }
    let list = |path: &'static str| {
        as_nobody(|| {
            let input = serde_json::from_value(json!({"path": path, "recursive": true})).unwrap();
            super::tool::list(&bench.ctx, &input).map(|output| {
                let paths: Vec<String> = output.files.into_iter().map(|item| item.path).collect();
                (paths, output.skipped)
            })
        })
    };
    let (paths, skipped) = list(".").unwrap();
    assert_eq!(paths, ["a.md", "open/b.md"]);
    assert_eq!(skipped, 2, "`closed` and `blind`");
    let error = list("closed").unwrap_err();
    assert_eq!(error.code, ErrorCode::FileUnreadable);
    assert!(error.message.contains("`closed`"), "{error}");
    for path in ["closed", "blind"] {
        allow(&bench.path(path), 0o755);
    }
}
