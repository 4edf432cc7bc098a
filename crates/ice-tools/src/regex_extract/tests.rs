use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check, context};

#[tokio::test]
async fn matches_have_places_and_groups() {
    let input = json!({"text": "ä: a=1, b=22", "pattern": r"(?<key>\w)=(\d+)"});
    check(
        &*tool().unwrap(),
        &context(),
        input,
        Ok(json!({
            "found": true, "value": "a", "values": ["a", "b"], "count": 2, "more": false,
            "matches": [
                {"text": "a=1", "start": 3, "end": 6, "groups": {"1": "a", "2": "1", "key": "a"}},
                {"text": "b=22", "start": 8, "end": 12, "groups": {"1": "b", "2": "22", "key": "b"}},
            ],
        })),
    )
    .await;
}

#[tokio::test]
async fn the_value_is_the_chosen_group() {
    for (more, expected) in [
        (json!({"group": 2}), json!(["1", "22"])),
        (json!({"group": 0}), json!(["a=1", "b=22"])),
        (json!({"group": "key"}), json!(["a", "b"])),
        (json!({"group": 2, "all": false}), json!(["1"])),
        (json!({"limit": 1}), json!(["a"])),
        (json!({"pattern": "b?="}), json!(["=", "b="])),
        (json!({"pattern": "x"}), json!([])),
    ] {
        let mut input = json!({"text": "a=1, b=22", "pattern": r"(?<key>\w)=(\d+)"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let output = call(&*tool().unwrap(), &context(), input).await.unwrap();
        assert_eq!(output["values"], expected, "{more}");
    }
    let bench = Bench::new();
    bench.file("a.txt", "one\ntwo\n");
    let input = json!({"path": "a.txt", "pattern": r"(?m)^\w+$"});
    assert_eq!(call(&*tool().unwrap(), &bench.ctx, input).await.unwrap()["count"], 2);
}

#[tokio::test]
async fn bombs_and_mistakes_are_refused() {
    let tool = tool().unwrap();
    let mut ctx = context();
    ctx.limits.max_items = 10;
    let invalid = ErrorCode::ToolInputInvalid;
    for (input, code, part) in [
        (json!({"text": "", "pattern": "(a"}), invalid, "not valid"),
        (json!({"text": "", "pattern": "(?=a)"}), invalid, "look-around"),
        (json!({"text": "", "pattern": r"(a)\1"}), invalid, "backreferences"),
        (json!({"text": "", "pattern": "(((a{100}){100}){100})"}), invalid, "make it simpler"),
        (json!({"text": "", "pattern": "a".repeat(5000)}), invalid, "longer than 4096"),
        (json!({"text": "", "pattern": "a", "group": 1}), invalid, "no such group"),
        (json!({"text": "", "pattern": "(?<k>a)", "group": "j"}), invalid, "names [k]"),
        (json!({"pattern": "a"}), invalid, "either `path` or `text`"),
        (json!({"text": "a".repeat(11), "pattern": "a"}), ErrorCode::LimitExceeded, "more than 10 matches"),
        (
            json!({"text": "a".repeat((16 << 20) + 1), "pattern": "b"}),
            ErrorCode::FileTooLarge,
            "most that is searched",
        ),
    ] {
        check(&*tool, &ctx, input, Err((code, part))).await;
    }
    // What takes exponential time by backtracking.
    let input = json!({"text": "a".repeat(100_000), "pattern": "^(a+)+$|(a|aa)+b", "limit": 1, "group": 0});
    assert_eq!(call(&*tool, &ctx, input).await.unwrap()["found"], true);
}
