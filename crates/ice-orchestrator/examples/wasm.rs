//! Runs a WASI command as `code` nodes do, its standard input and output those of this process, and prints the report:
//! `cargo run --release --features wasm --example wasm -- MODULE [ARGUMENT]… < input`.

use std::io::{IsTerminal as _, Read as _, Write as _};

use ice_core::process::Limits;
use ice_orchestrator::wasm::{Module, Settings, WasmEngine};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        return Err("usage: wasm MODULE [ARGUMENT]…".into());
    }
    let module = Module::new(std::fs::read(arguments.remove(0))?);
    let mut input = Vec::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_to_end(&mut input)?;
    }
    let engine = WasmEngine::new(Settings {
        module_bytes: 64 << 20,
        effort: std::time::Duration::from_secs(300),
        ..Settings::default()
    })?;
    let (output, report) =
        engine.run(&module, &arguments, input.into(), &Limits::default(), &CancellationToken::new()).await;
    std::io::stdout().write_all(&output)?;
    writeln!(std::io::stderr(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
