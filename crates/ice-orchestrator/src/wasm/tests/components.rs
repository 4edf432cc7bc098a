//! Components: commands of WASI 0.2.

use ice_core::process::{Limits, Verdict};

use super::*;

const HELLO: &str = include_str!("modules/hello_component.wat");

#[tokio::test]
async fn a_component_runs_and_writes() {
    let (output, report) = run(&engine(), HELLO, Limits::default()).await;
    assert_eq!((output.as_ref(), report.verdict), (&b"hello from a component\n"[..], Verdict::Ok));
    assert!(report.usage.fuel.is_some_and(|fuel| fuel > 0) && report.usage.peak_memory_bytes == 65_536);
}

#[tokio::test]
async fn a_component_that_fails_has_an_exit_code() {
    let failing = HELLO.replace("(i32.const 0) (; outcome ;)", "(i32.const 1)");
    assert_eq!(verdict(&failing, Limits::default()).await, Verdict::ExitCode { code: 1 });
}

#[tokio::test]
async fn a_component_keeps_to_its_limits() {
    let engine = engine();
    let endless = HELLO.replace("(i32.const 0) (; outcome ;)", "(loop $l (br $l)) (i32.const 0)");
    let fuel = Limits { fuel: Some(100_000), ..ample() };
    let wall = Limits { wall_ms: Some(50), ..ample() };
    assert_eq!(run(&engine, &endless, fuel).await.1.verdict, Verdict::CpuLimit);
    assert_eq!(run(&engine, &endless, wall).await.1.verdict, Verdict::WallTimeout);
    let little = Limits { output_bytes: Some(5), ..ample() };
    let (output, report) = run(&engine, HELLO, little).await;
    assert_eq!((output.as_ref(), report.verdict), (&b"hello"[..], Verdict::OutputLimit));
    let small = Limits { memory_bytes: Some(10_000), ..ample() };
    assert_eq!(run(&engine, HELLO, small).await.1.verdict, Verdict::MemoryLimit);
    assert_eq!(engine.cached(), 2);
}

#[tokio::test]
async fn a_component_gets_no_socket_and_no_address() {
    let text = include_str!("modules/lookup_component.wat");
    assert_eq!(verdict(text, Limits::default()).await, Verdict::Ok);
}
