//! Cancelling, dropping, and what is left after a run.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ice_core::process::{Home, Limits, Verdict};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::wasm::LAYERS;

/// Waits until something runs.
async fn begun(engine: &WasmEngine) {
    while engine.running() == 0 {
        tokio::task::yield_now().await;
    }
}

async fn cancelled_while_it_runs(text: &str) {
    let engine = engine();
    let module = Module::new(text.to_owned());
    let cancel = CancellationToken::new();
    let limits = ample();
    let running = engine.run(&module, &[], Bytes::new(), &limits, &cancel);
    let cancelling = async {
        begun(&engine).await;
        let at = Instant::now();
        cancel.cancel();
        at
    };
    let ((_, report), at) = tokio::join!(running, cancelling);
    let took = at.elapsed();
    assert_eq!((report.verdict, engine.running()), (Verdict::Cancelled, 0));
    // Fifty milliseconds are meant; a busy machine may take longer to run a thread at all.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_run_that_computes_can_be_cancelled() {
    cancelled_while_it_runs(&start(ENDLESS)).await;
}

#[tokio::test]
async fn a_run_that_waits_can_be_cancelled() {
    cancelled_while_it_runs(include_str!("modules/sleep.wat")).await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_begins_does_not_begin() {
    let engine = engine();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let module = Module::new(start(""));
    let (_, report) = engine.run(&module, &[], Bytes::new(), &ample(), &cancel).await;
    assert_eq!((report.verdict, report.layers.len(), engine.cached()), (Verdict::Cancelled, 0, 0));
}

#[tokio::test]
async fn a_dropped_future_ends_its_run() {
    for text in [start(ENDLESS), include_str!("modules/sleep.wat").to_owned()] {
        let engine = engine();
        let module = Module::new(text);
        let (cancel, limits) = (CancellationToken::new(), ample());
        let running = engine.run(&module, &[], Bytes::new(), &limits, &cancel);
        tokio::select! {
            _ = running => panic!("it cannot end by itself"),
            () = begun(&engine) => {}
        }
        idle(&engine).await;
    }
}

#[test]
fn a_runtime_that_shuts_down_ends_its_runs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = engine();
    let module = Module::new(start(ENDLESS));
    runtime.block_on(async {
        let (cancel, limits) = (CancellationToken::new(), ample());
        let running = engine.run(&module, &[], Bytes::new(), &limits, &cancel);
        tokio::select! {
            _ = running => panic!("it cannot end by itself"),
            () = begun(&engine) => {}
        }
    });
    // Waits for the threads of the runtime, and so for the run.
    drop(runtime);
    assert_eq!(engine.running(), 0);
}

#[tokio::test]
async fn input_and_arguments_go_in_and_output_and_exit_code_come_out() {
    let engine = engine();
    let module = Module::new(include_str!("modules/echo.wat"));
    let input = Bytes::from("0123456789".repeat(2000));
    let arguments = ["one".to_owned(), "two".to_owned()];
    let (output, report) =
        engine.run(&module, &arguments, input.clone(), &ample(), &CancellationToken::new()).await;
    assert_eq!(output, input);
    // The name of the program counts.
    assert_eq!(report.verdict, Verdict::ExitCode { code: 3 });
    assert_eq!((report.home, report.usage.stdout_bytes), (Home::Wasm, 20_000));
    assert_eq!(report.layers, LAYERS);
    assert!(report.not_enforced.is_empty() && report.usage.setup_us <= report.usage.wall_us);
}

#[tokio::test]
async fn reading_without_input_meets_the_end_and_does_not_block() {
    let (output, report) = run(&engine(), include_str!("modules/echo.wat"), Limits::default()).await;
    assert_eq!((output.len(), report.verdict), (0, Verdict::ExitCode { code: 1 }));
}

#[tokio::test]
async fn runs_wait_for_their_turn_where_there_are_too_many() {
    let engine = WasmEngine::new(Settings { running: 1, ..Settings::default() }).unwrap();
    let module = Module::new(start(ENDLESS));
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let limits = ample();
    let mut one = Box::pin(engine.run(&module, &[], Bytes::new(), &limits, &first));
    tokio::select! { _ = &mut one => panic!("it cannot end by itself"), () = begun(&engine) => {} }
    let two = engine.run(&module, &[], Bytes::new(), &limits, &second);
    let cancelling = async {
        tokio::task::yield_now().await;
        assert_eq!(engine.running(), 1);
        second.cancel();
    };
    let ((_, report), ()) = tokio::join!(two, cancelling);
    assert_eq!(report.verdict, Verdict::Cancelled);
    first.cancel();
    assert_eq!(one.await.1.verdict, Verdict::Cancelled);
}
