//! Modules that are not run, and modules that are kept.

use std::time::Duration;

use bytes::Bytes;
use ice_core::process::{Limits, Verdict};
use tokio_util::sync::CancellationToken;

use super::*;

/// What a module is refused for, and what to do about it.
async fn refusal(engine: &WasmEngine, module: &Module) -> (String, String) {
    let (output, report) =
        engine.run(module, &[], Bytes::new(), &Limits::default(), &CancellationToken::new()).await;
    assert!(output.is_empty() && report.layers.is_empty() && report.usage.fuel.is_none());
    let Verdict::SetupFailed { stage, what, hint } = report.verdict else { panic!("{report:?}") };
    assert_eq!(stage, "module");
    (what, hint.unwrap())
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_advice() {
    let engine = engine();
    for (text, part, advice) in [
        ("", "neither WebAssembly nor its text", ".wasm"),
        ("hello", "its text cannot be read", ".wat"),
        ("\0asm\x01\0\0\0\x01\x7f", "no valid WebAssembly", "cut short"),
        ("(module (func (result i32)))", "no valid WebAssembly", "build it again"),
        ("(module)", "exports no function `_start`", "command of WASI"),
        ("(module (func (export \"_start\") (param i32)))", "exports no function `_start`", "reactor"),
        ("(module (import \"env\" \"f\" (func)) (func (export \"_start\")))", "env::f", "build it for WASI"),
        (
            "(module (import \"wasi_snapshot_preview1\" \"path_open\" (func)) (func (export \"_start\")))",
            "path_open",
            "build it for WASI",
        ),
        ("(component)", "it is no command", "wasi:cli/command"),
        (
            "(component (import \"wasi:http/outgoing-handler@0.2.0\" (instance (export \"handle\" (func)))))",
            "wasi:http/outgoing-handler",
            "nothing else to import",
        ),
        ("(module (memory i64 1) (func (export \"_start\")))", "no valid WebAssembly", "not enabled"),
        ("(module (memory 1 1 shared) (func (export \"_start\")))", "no valid WebAssembly", "not enabled"),
    ] {
        let (what, hint) = refusal(&engine, &Module::new(text)).await;
        assert!(what.contains(part) && hint.contains(advice), "{text}: {what}; {hint}");
    }
    assert_eq!(engine.cached(), 0);
}

#[tokio::test]
async fn a_module_that_would_take_long_to_compile_is_refused_before() {
    let engine = engine();
    let huge = Module::new([&b"\0asm\x01\0\0\0"[..], &vec![0; 17 << 20]].concat());
    assert!(refusal(&engine, &huge).await.0.contains("more than the 16777216"));
    // Each of these has a few hundred kilobytes at most, and would keep a compiler busy for minutes.
    let locals =
        format!("(func (local {}) {})", "i64 ".repeat(500), "(loop (br_if 0 (i32.const 0)))".repeat(8000));
    for functions in [locals, format!("(func {})", "(call 0)".repeat(100_000)).repeat(5)] {
        let module = Module::new(format!("(module {functions} (func (export \"_start\")))"));
        let (what, hint) = refusal(&engine, &module).await;
        assert!(what.contains("more than the 8 seconds") && hint.contains("loops"), "{what}");
    }
}

#[tokio::test]
async fn who_waits_for_a_compiler_waits_for_a_bounded_time() {
    let engine = WasmEngine::new(Settings { compile: Duration::ZERO, ..Settings::default() }).unwrap();
    let slow = Module::new(format!("(module {})", "(func nop nop nop)".repeat(20_000)));
    assert!(refusal(&engine, &slow).await.0.contains("it was not compiled within 0 seconds"));
}

#[tokio::test]
async fn a_compiled_module_is_kept_until_others_need_its_place() {
    let engine = WasmEngine::new(Settings { cached_modules: 2, ..Settings::default() }).unwrap();
    let text = |number: u32| start(&format!("(drop (i32.const {number}))"));
    for number in [1, 2, 1, 3] {
        assert_eq!(run(&engine, &text(number), ample()).await.1.verdict, Verdict::Ok);
    }
    assert_eq!(engine.cached(), 2);
    // 2 was used before 1 was again, so 3 took its place.
    let kept = |number: u32| engine.0.cache.get(Module::new(text(number)).key()).is_some();
    assert_eq!([kept(1), kept(2), kept(3)], [true, false, true]);
}

#[tokio::test]
async fn the_cache_is_bounded_in_bytes() {
    let engine = WasmEngine::new(Settings { cached_bytes: 1, ..Settings::default() }).unwrap();
    assert_eq!(run(&engine, &start(""), ample()).await.1.verdict, Verdict::Ok);
    assert_eq!(engine.cached(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_the_same_module_have_it_compiled_once() {
    let engine = engine();
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let engine = engine.clone();
        runs.spawn(async move { run(&engine, &start("nop"), ample()).await.1.verdict });
    }
    assert_eq!(runs.join_all().await, vec![Verdict::Ok; 8]);
    assert_eq!((engine.cached(), engine.0.cache.waiting()), (1, 0));
}

#[tokio::test]
async fn one_module_as_text_and_as_binary_does_the_same() {
    let engine = engine();
    let text = include_str!("modules/echo.wat");
    let binary = Module::new(wat::parse_str(text).unwrap());
    let (input, limits) = (Bytes::from_static(b"abc"), Limits::default());
    let (output, report) = engine.run(&binary, &[], input, &limits, &CancellationToken::new()).await;
    assert_eq!((output.as_ref(), report.verdict), (&b"abc"[..], Verdict::ExitCode { code: 1 }));
}
