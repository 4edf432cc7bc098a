//! What WebAssembly costs: compiling, the first run, the runs after it, and code in the interpreters that
//! `cargo xtask setup` fetched. `cargo bench -p ice-orchestrator --features wasm --bench wasm`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use ice_core::process::{Limits, Verdict};
use ice_orchestrator::wasm::{Assets, Interpreter, Module, Settings, WasmEngine};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let assets = target.ok_or("there is no target folder")?.join("interpreters");
    let kept = assets.join("measured");
    let small = Module::new(include_str!("../src/wasm/tests/modules/echo.wat"));
    measure("a small module", Settings::default(), &small, &[], Bytes::from_static(b"hello")).await?;
    for (name, interpreter, code) in [
        ("JavaScript", Interpreter::JavaScript, "output = 'hello'"),
        ("Python", Interpreter::Python, "output = 'hello'"),
    ] {
        let module = match Assets::open(&assets).get(interpreter).await {
            Ok(module) => module,
            Err(error) => {
                println!("{name}: {error}");
                continue;
            }
        };
        let arguments = interpreter.arguments(interpreter.harness());
        let document = Bytes::from(serde_json::json!({ "code": code }).to_string());
        let settings = Settings { compiled: Some(kept.clone()), ..Settings::default() };
        if kept.exists() {
            std::fs::remove_dir_all(&kept)?;
        }
        measure(&format!("{name}, compiled"), settings.clone(), &module, &arguments, document.clone())
            .await?;
        measure(&format!("{name}, machine code kept"), settings, &module, &arguments, document).await?;
    }
    Ok(())
}

/// Loads a module into a new engine, and runs it a few times.
async fn measure(
    name: &str,
    settings: Settings,
    module: &Module,
    arguments: &[String],
    input: Bytes,
) -> Result<(), Failure> {
    const RUNS: usize = 50;
    let engine = WasmEngine::new(settings)?;
    let begun = Instant::now();
    engine.prepare(module).await.map_err(|verdict| format!("{name}: {verdict:?}"))?;
    let prepared = begun.elapsed();
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let (limits, cancel) = (Limits::default(), CancellationToken::new());
        let begun = Instant::now();
        let (_, report) = engine.run(module, arguments, input.clone(), &limits, &cancel).await;
        times.push(begun.elapsed());
        if !matches!(report.verdict, Verdict::Ok | Verdict::ExitCode { code: 1 }) {
            return Err(format!("{name}: {report:?}").into());
        }
    }
    let first = times.first().copied().unwrap_or_default();
    times.sort();
    let median: Duration = times.get(RUNS / 2).copied().unwrap_or_default();
    println!("{name}: loaded in {prepared:?}, first run {first:?}, then {median:?}");
    Ok(())
}
