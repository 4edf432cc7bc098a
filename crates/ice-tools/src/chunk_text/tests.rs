use ice_core::error::ErrorCode;
use proptest::prelude::*;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, call, check, context};

async fn chunks(input: serde_json::Value) -> Vec<String> {
    let output = call(&*tool().unwrap(), &context(), input).await.unwrap();
    let chunks = output["chunks"].as_array().unwrap();
    chunks.iter().map(|chunk| chunk["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_text_is_cut_by_every_unit() {
    let cut = |text: &str, size: usize, overlap: usize, by: &str| {
        chunks(json!({"text": text, "size": size, "overlap": overlap, "by": by}))
    };
    assert_eq!(cut("abcde", 2, 0, "chars").await, ["ab", "cd", "e"]);
    assert_eq!(cut("abcde", 3, 1, "chars").await, ["abc", "cde"]);
    assert_eq!(cut("abcdef", 3, 2, "chars").await, ["abc", "bcd", "cde", "def"]);
    assert_eq!(cut("e\u{301}👨‍👩‍👧a", 2, 0, "chars").await, ["e\u{301}👨‍👩‍👧", "a"]);
    assert_eq!(cut(" one two\nthree four ", 2, 1, "words").await, ["one two", "two\nthree", "three four"]);
    assert_eq!(cut("A b. C d. E.", 2, 0, "sentences").await, ["A b. C d.", "E."]);
    assert_eq!(cut("a\nb\n\nc\n\n\nd", 1, 0, "paragraphs").await, ["a\nb", "c", "d"]);
    assert!(cut("", 2, 0, "chars").await.is_empty());
}

#[tokio::test]
async fn a_piece_tells_where_it_stands() {
    let bench = Bench::new();
    bench.file("a.txt", "ä bc d");
    check(
        &*tool().unwrap(),
        &bench.ctx,
        json!({"path": "a.txt", "size": 2, "overlap": 1, "by": "words"}),
        Ok(json!({"count": 2, "chunks": [
            {"index": 0, "text": "ä bc", "start": 0, "end": 4},
            {"index": 1, "text": "bc d", "start": 2, "end": 6},
        ]})),
    )
    .await;
}

#[tokio::test]
async fn pieces_have_limits() {
    let tool = tool().unwrap();
    let mut ctx = context();
    let invalid = ErrorCode::ToolInputInvalid;
    for (input, part) in [
        (json!({"text": "a", "size": 0}), "minimum"),
        (json!({"text": "a", "size": 1_000_001}), "maximum"),
        (json!({"text": "a", "size": 2, "overlap": 2}), "`overlap` must be less than `size`"),
        (json!({"size": 1}), "either `path` or `text`"),
    ] {
        check(&*tool, &ctx, input, Err((invalid, part))).await;
    }
    ctx.limits.max_read_bytes = 10_000;
    let input = json!({"text": "a".repeat(5_000), "size": 1000, "overlap": 999});
    check(&*tool, &ctx, input, Err((ErrorCode::LimitExceeded, "10000 bytes in all"))).await;
    ctx.limits.max_items = 4;
    let input = json!({"text": "abcde", "size": 1});
    check(&*tool, &ctx, input, Err((ErrorCode::LimitExceeded, "more than 4"))).await;
}

proptest! {
    #[test]
    fn pieces_cover_the_text_in_order(text in "[ab\u{301}ä \\n.]{0,40}", size in 1_usize..6, cut in 0_usize..5) {
        let overlap = cut.min(size - 1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let input = json!({"text": text, "size": size, "overlap": overlap});
        let output = runtime.block_on(call(&*tool().unwrap(), &context(), input)).unwrap();
        let characters: Vec<char> = text.chars().collect();
        let mut covered = 0;
        for chunk in output["chunks"].as_array().unwrap() {
            let at = |name: &str| usize::try_from(chunk[name].as_u64().unwrap()).unwrap();
            prop_assert!(at("start") <= covered && at("end") > covered);
            prop_assert_eq!(chunk["text"].as_str().unwrap(), characters[at("start")..at("end")].iter().collect::<String>());
            covered = at("end");
        }
        prop_assert_eq!(covered, characters.len());
    }
}
