//! Attacks on the engine, and what it is for, through its public face.

mod authority;
mod cases;
mod components;
mod ends;
mod harness;
mod interpreters;
mod limits;
mod loading;
mod memory;
mod process;

use bytes::Bytes;
use ice_core::process::{Limits, Report, Verdict};
use tokio_util::sync::CancellationToken;

use super::{Module, Settings, WasmEngine};

fn engine() -> WasmEngine {
    WasmEngine::new(Settings::default()).unwrap()
}

/// Runs a module without arguments and input.
async fn run(engine: &WasmEngine, text: &str, limits: Limits) -> (Bytes, Report) {
    engine.run(&Module::new(text.to_owned()), &[], Bytes::new(), &limits, &CancellationToken::new()).await
}

/// How a module ends in an engine of its own.
async fn verdict(text: &str, limits: Limits) -> Verdict {
    run(&engine(), text, limits).await.1.verdict
}

fn trap(kind: &str) -> Verdict {
    Verdict::Trap { kind: kind.to_owned() }
}

/// A module whose `_start` has this body.
fn start(body: &str) -> String {
    format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body}))")
}

const ENDLESS: &str = "(loop $again (br $again))";

/// Limits with so much time that they are not what ends a run.
fn ample() -> Limits {
    Limits { wall_ms: Some(300_000), cpu_ms: Some(300_000), ..Limits::default() }
}

/// Waits until nothing runs any more, as after a future was dropped.
async fn idle(engine: &WasmEngine) {
    let waiting = async {
        while engine.running() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("something runs on");
}
