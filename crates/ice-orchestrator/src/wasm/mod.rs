//! Programs in WebAssembly: compiled once, run with no authority and within limits, in the engine's own process.
//!
//! [`WasmEngine`] runs a [`Module`]: a WASI command as a core module (preview 1) or a component (preview 2), in binary
//! or as text. It gets its arguments, standard input, clocks and random numbers, and nothing else: no files, no
//! variables, no network. What comes back are its standard output and a [`Report`](ice_core::process::Report).
//! [`Assets`] keeps the interpreters that make JavaScript and Python such modules, each pinned by its hash.
//!
//! ```no_run
//! use ice_core::process::{Limits, Verdict};
//! use ice_orchestrator::wasm::{Module, Settings, WasmEngine};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = WasmEngine::new(Settings::default())?;
//! let module = Module::new(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
//! let limits = Limits { fuel: Some(1_000_000), ..Limits::default() };
//! let (output, report) =
//!     engine.run(&module, &[], bytes::Bytes::new(), &limits, &CancellationToken::new()).await;
//! assert_eq!(report.verdict, Verdict::Ok);
//! assert!(output.is_empty());
//! # Ok(())
//! # }
//! ```

mod assets;
mod bounds;
mod cache;
mod compile;
mod effort;
mod engine;
mod error;
mod guest;
mod host;
mod inspect;
mod kept;
mod limiter;
mod module;
mod settings;
mod sink;
mod stop;
mod system;
#[cfg(test)]
mod tests;
mod ticker;
mod verdict;

pub use assets::{Assets, Interpreter, Pin};
pub use engine::{LAYERS, WasmEngine};
pub use error::Error;
pub use host::WasmSandbox;
pub use module::Module;
pub use settings::{AddressSpace, Settings};
