use ice_core::error::ErrorCode;
use serde_json::json;

use super::tool;
use crate::support::testing::{Bench, check};

#[tokio::test]
async fn texts_and_files_are_hashed() {
    let mut bench = Bench::new();
    bench.file("abc", "abc");
    bench.file("long", "x".repeat(200_000));
    let tool = tool().unwrap();
    // The test vectors of FIPS 180-4 and of the BLAKE3 paper's implementation for `abc`.
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    for (input, algorithm, hash) in [
        (json!({"text": "abc"}), "sha256", sha256),
        (json!({"path": "abc"}), "sha256", sha256),
        (json!({"path": "abc", "algorithm": "blake3"}), "blake3", blake3),
    ] {
        check(&*tool, &bench.ctx, input, Ok(json!({"algorithm": algorithm, "hash": hash, "bytes": 3}))).await;
    }
    let long = blake3::hash(&b"x".repeat(200_000)).to_hex().to_string();
    let input = json!({"path": "long", "algorithm": "blake3"});
    check(
        &*tool,
        &bench.ctx,
        input.clone(),
        Ok(json!({"algorithm": "blake3", "hash": long, "bytes": 200_000})),
    )
    .await;
    bench.ctx.limits.max_read_bytes = 199_999;
    check(&*tool, &bench.ctx, input, Err((ErrorCode::FileTooLarge, "199999"))).await;
    check(
        &*tool,
        &bench.ctx,
        json!({"text": "a", "algorithm": "md5"}),
        Err((ErrorCode::ToolInputInvalid, "")),
    )
    .await;
}
