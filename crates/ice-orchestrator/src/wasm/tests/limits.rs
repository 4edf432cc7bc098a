//! Time and instructions.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ice_core::process::{Limits, Verdict};
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn an_endless_loop_ends_with_its_fuel() {
    let limits = Limits { fuel: Some(1_000_000), ..ample() };
    let (_, report) = run(&engine(), &start(ENDLESS), limits).await;
    assert_eq!((report.verdict, report.usage.fuel), (Verdict::CpuLimit, Some(1_000_000)));
}

#[tokio::test]
async fn the_same_work_takes_the_same_fuel() {
    let engine = engine();
    let text = start(
        "(local i32) (loop $l (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000))))",
    );
    let (_, one) = run(&engine, &text, ample()).await;
    let (_, two) = run(&engine, &text, Limits { fuel: Some(1_000_000), ..ample() }).await;
    assert_eq!((&one.verdict, one.usage.fuel), (&Verdict::Ok, two.usage.fuel));
    assert!(one.usage.fuel.is_some_and(|fuel| fuel > 5000));
}

#[tokio::test]
async fn an_endless_loop_without_fuel_ends_with_its_cpu_time() {
    let limits = Limits { cpu_ms: Some(50), ..ample() };
    let (_, report) = run(&engine(), &start(ENDLESS), limits).await;
    assert_eq!(report.verdict, Verdict::CpuLimit);
    let used = report.usage.cpu_user_us;
    assert!((50_000..500_000).contains(&used), "{used}");
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_time() {
    let limits = Limits { wall_ms: Some(50), ..ample() };
    let (_, report) = run(&engine(), &start(ENDLESS), limits).await;
    assert_eq!(report.verdict, Verdict::WallTimeout);
    assert!(report.usage.wall_us >= 50_000);
}

#[tokio::test]
async fn a_module_that_never_starts_ends_with_its_time() {
    let text = format!(
        "(module (func $s {ENDLESS}) (start $s) (memory (export \"memory\") 1) (func (export \"_start\")))"
    );
    assert_eq!(verdict(&text, Limits { wall_ms: Some(50), ..ample() }).await, Verdict::WallTimeout);
}

#[tokio::test]
async fn a_module_that_sleeps_for_an_hour_ends_with_its_time_and_used_none() {
    let limits = Limits { wall_ms: Some(100), ..ample() };
    let (_, report) = run(&engine(), include_str!("modules/sleep.wat"), limits).await;
    assert_eq!(report.verdict, Verdict::WallTimeout);
    assert!(report.usage.cpu_user_us < 90_000, "{:?}", report.usage);
}

#[tokio::test]
async fn a_module_that_says_nothing_ends_when_it_was_quiet_for_too_long() {
    let limits = Limits { idle_ms: Some(50), ..ample() };
    let engine = engine();
    let (_, sleeping) = run(&engine, include_str!("modules/sleep.wat"), limits).await;
    let (_, computing) = run(&engine, &start(ENDLESS), limits).await;
    assert_eq!((sleeping.verdict, computing.verdict), (Verdict::IdleTimeout, Verdict::IdleTimeout));
}

#[tokio::test]
async fn filling_memory_over_and_over_can_be_ended() {
    let body = "(drop (memory.grow (i32.const 3000)))
        (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 190000000)) (br $l))";
    let engine = engine();
    let (_, report) = run(&engine, &start(body), Limits { wall_ms: Some(200), ..ample() }).await;
    assert_eq!(report.verdict, Verdict::WallTimeout);
    assert!(report.usage.wall_us < 10_000_000, "{:?}", report.usage);
}

#[tokio::test]
async fn an_async_worker_stays_free_while_modules_compute() {
    let engine = engine();
    let text = start(ENDLESS);
    let limits = Limits { wall_ms: Some(1500), ..ample() };
    let mut longest = Duration::ZERO;
    let measuring = async {
        loop {
            let before = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            longest = longest.max(before.elapsed());
        }
    };
    let computing = async { tokio::join!(run(&engine, &text, limits), run(&engine, &text, limits)) };
    tokio::select! { _ = measuring => {}, _ = computing => {} }
    // This test has one thread for all tasks: a module on it would have held it for the whole time.
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[tokio::test]
async fn deep_recursion_is_a_trap_and_not_the_end_of_the_process() {
    let text = r#"(module (memory (export "memory") 1)
        (func $f (param i64 i64 i64) (result i64)
            (i64.add (call $f (local.get 1) (local.get 2) (local.get 0)) (local.get 0)))
        (func (export "_start") (drop (call $f (i64.const 1) (i64.const 2) (i64.const 3)))))"#;
    assert_eq!(verdict(text, ample()).await, trap("stack_overflow"));
}

#[tokio::test]
async fn output_without_end_is_cut_and_ends_the_run() {
    let limits = Limits { output_bytes: Some(100_000), ..ample() };
    let engine = engine();
    let text = include_str!("modules/shout.wat");
    let (output, report) = run(&engine, text, limits).await;
    assert_eq!((output.len(), report.usage.stdout_bytes), (100_000, 100_000));
    assert_eq!(report.verdict, Verdict::OutputLimit);
    let (output, report) =
        run(&engine, &text.replace("(i32.const 1) (; stream ;)", "(i32.const 2)"), limits).await;
    assert_eq!((output.len(), report.usage.stderr_bytes), (0, 100_000));
    assert_eq!(report.verdict, Verdict::OutputLimit);
    assert!(report.stderr.len() < 40_000 && report.stderr.contains("\n[... 67232 bytes left out ...]\n"));
}

#[tokio::test]
async fn traps_have_their_names() {
    let engine = engine();
    let module = |body: &str| {
        format!(
            "(module (memory (export \"memory\") 1) (table 2 funcref) (type $t (func)) (func $i (param i32))
             (elem (i32.const 1) $i) (func (export \"_start\") {body}))"
        )
    };
    for (body, kind) in [
        ("unreachable", "unreachable"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer_division_by_zero"),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer_overflow"),
        ("(drop (i32.load (i32.const -4)))", "memory_out_of_bounds"),
        ("(call_indirect (type $t) (i32.const 0))", "indirect_call_to_null"),
        ("(call_indirect (type $t) (i32.const 1))", "bad_signature"),
        ("(call_indirect (type $t) (i32.const 2))", "table_out_of_bounds"),
        ("(drop (i32.trunc_f64_s (f64.const nan)))", "bad_conversion_to_integer"),
    ] {
        assert_eq!(run(&engine, &module(body), ample()).await.1.verdict, trap(kind), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_runs_at_a_time_have_limits_of_their_own() {
    let engine = engine();
    let mut runs = tokio::task::JoinSet::new();
    for number in 0..16_u64 {
        let engine = engine.clone();
        runs.spawn(async move {
            let (limits, expected) = match number % 4 {
                0 => (Limits { fuel: Some(10_000 + number), ..ample() }, Verdict::CpuLimit),
                1 => (Limits { wall_ms: Some(50 + number), ..ample() }, Verdict::WallTimeout),
                2 => (Limits { cpu_ms: Some(20 + number), ..ample() }, Verdict::CpuLimit),
                _ => (Limits { idle_ms: Some(40 + number), ..ample() }, Verdict::IdleTimeout),
            };
            let module = Module::new(start(ENDLESS));
            let (_, report) =
                engine.run(&module, &[], Bytes::new(), &limits, &CancellationToken::new()).await;
            assert_eq!(report.verdict, expected, "{number}");
            if let Some(fuel) = limits.fuel {
                assert_eq!(report.usage.fuel, Some(fuel));
            }
        });
    }
    assert_eq!(runs.join_all().await.len(), 16);
    assert_eq!((engine.running(), engine.cached()), (0, 1));
}
