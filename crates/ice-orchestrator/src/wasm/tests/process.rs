//! What only shows in a process of its own: bounds on the whole process.

use std::process::Command;

use ice_core::process::Verdict;

use super::*;
use crate::wasm::AddressSpace;

#[tokio::test]
async fn sparing_address_space_changes_nothing_but_speed() {
    let settings = Settings { address_space: AddressSpace::Sparing, ..Settings::default() };
    let engine = WasmEngine::new(settings).unwrap();
    let growing = start(
        "(drop (memory.grow (i32.const 700))) (i32.store (i32.const 45000000) (i32.const 7))
         (if (i32.ne (i32.load (i32.const 45000000)) (i32.const 7)) (then unreachable))",
    );
    assert_eq!(run(&engine, &growing, ample()).await.1.verdict, Verdict::Ok);
    let beyond = start("(drop (i32.load (i32.const 65536)))");
    assert_eq!(run(&engine, &beyond, ample()).await.1.verdict, trap("memory_out_of_bounds"));
}

/// Whether a test of this file passes in a process with bounded address space.
#[cfg(unix)]
fn passes_in_a_small_process(test: &str) -> bool {
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1500000 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "{text}");
    output.status.success()
}

#[cfg(unix)]
#[test]
fn modules_run_in_a_process_with_little_address_space() {
    assert!(passes_in_a_small_process("wasm::tests::process::eight_modules_at_a_time"));
    // That they do is because the engine sees the bound: it is too small for what it would take otherwise.
    assert!(!passes_in_a_small_process("wasm::tests::process::eight_modules_with_ample_address_space"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by the test above, in a process with bounded address space"]
async fn eight_modules_at_a_time() {
    eight(engine()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by the test above, in a process with bounded address space"]
async fn eight_modules_with_ample_address_space() {
    let settings = Settings { address_space: AddressSpace::Ample, ..Settings::default() };
    eight(WasmEngine::new(settings).unwrap()).await;
}

async fn eight(engine: WasmEngine) {
    let text = start("(drop (memory.grow (i32.const 100))) (i32.store (i32.const 6000000) (i32.const 1))");
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (engine, text) = (engine.clone(), text.clone());
        runs.spawn(async move { run(&engine, &text, ample()).await.1.verdict });
    }
    assert_eq!(runs.join_all().await, vec![Verdict::Ok; 8]);
}
