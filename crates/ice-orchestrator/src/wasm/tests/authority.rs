//! What a module does not get.

use ice_core::process::{Limits, Verdict};

use super::*;

/// A module that ends well if a call to the system answers with this error number.
fn refused(name: &str, parameters: &str, call: &str, errno: u32) -> String {
    format!(
        "(module (import \"wasi_snapshot_preview1\" \"{name}\" (func $call (param {parameters}) (result i32)))
         (memory (export \"memory\") 1) (data (i32.const 64) \"../../../etc/passwd\")
         (func (export \"_start\") (if (i32.ne (call $call {call}) (i32.const {errno})) (then unreachable))))"
    )
}

const BADF: u32 = 8;

#[tokio::test]
async fn there_are_no_files() {
    let engine = engine();
    let open =
        "(i32.const 3) (i32.const 1) (i32.const 64) (i32.const 19) (i32.const 0) (i64.const 2) (i64.const 0)
        (i32.const 0) (i32.const 0)";
    for (name, parameters, call) in [
        ("fd_prestat_get", "i32 i32", "(i32.const 3) (i32.const 0)"),
        ("fd_prestat_get", "i32 i32", "(i32.const 0) (i32.const 0)"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32", open),
        ("path_unlink_file", "i32 i32 i32", "(i32.const 3) (i32.const 64) (i32.const 19)"),
    ] {
        let (_, report) = run(&engine, &refused(name, parameters, call, BADF), Limits::default()).await;
        assert_eq!(report.verdict, Verdict::Ok, "{name}");
    }
}

#[tokio::test]
async fn there_are_no_sockets() {
    let engine = engine();
    for (name, parameters, call) in [
        ("sock_accept", "i32 i32 i32", "(i32.const 3) (i32.const 0) (i32.const 0)"),
        ("sock_shutdown", "i32 i32", "(i32.const 3) (i32.const 3)"),
    ] {
        let (_, report) = run(&engine, &refused(name, parameters, call, BADF), Limits::default()).await;
        assert_eq!(report.verdict, Verdict::Ok, "{name}");
    }
}

#[tokio::test]
async fn there_are_no_variables_and_no_arguments_but_its_own() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 9))
            (if (call $env (i32.const 0) (i32.const 4)) (then unreachable))
            (if (i32.load (i32.const 0)) (then unreachable))))"#;
    assert_eq!(verdict(text, Limits::default()).await, Verdict::Ok);
}

#[tokio::test]
async fn a_huge_wish_for_random_bytes_is_no_memory_of_the_host() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1000)
        (func (export "_start")
            (if (call $random (i32.const 0) (i32.const 16)) (then unreachable))
            (if (i32.eqz (i64.eqz (i64.load (i32.const 0)))) (then) (else unreachable))
            (drop (call $random (i32.const 0) (i32.const 60000000)))))"#;
    let verdict = verdict(text, Limits::default()).await;
    assert!(matches!(verdict, Verdict::Ok | Verdict::Trap { .. }), "{verdict:?}");
}
