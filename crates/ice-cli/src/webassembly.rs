//! WebAssembly for code nodes, where this program was built with it: the folder of its interpreters, and what runs it.

use std::sync::Arc;

use ice_core::blueprint::{CodeEngine, CodeLanguage};
use ice_core::process::WasmHost;
use ice_core::registry::InterpreterSpec;
use ice_orchestrator::wasm::{Assets, Interpreter, Settings, WasmSandbox};

use crate::environment::Environment;

/// The folder of interpreters: `ICE_INTERPRETERS`, else `ice/interpreters` below `XDG_DATA_HOME` or `~/.local/share`.
pub(crate) fn assets(environment: &Environment) -> Option<Assets> {
    let share = || {
        let home = || Some(environment.home.as_ref()?.join(".local/share"));
        Some(environment.data_home.clone().or_else(home)?.join("ice/interpreters"))
    };
    environment.interpreters.clone().or_else(share).map(Assets::open)
}

/// Runs WebAssembly for runs. The machine code of interpreters is kept beside them.
pub(crate) fn host(environment: &Environment) -> Arc<dyn WasmHost> {
    let assets = assets(environment);
    let compiled = assets.as_ref().map(|assets| assets.folder().join("compiled"));
    Arc::new(WasmSandbox::new(Settings { compiled, ..Settings::default() }, assets))
}

/// The interpreters that are installed.
pub(crate) fn interpreters(environment: &Environment) -> Vec<InterpreterSpec> {
    let Some(assets) = assets(environment) else { return Vec::new() };
    let installed = Interpreter::ALL.into_iter().filter(|one| assets.folder().join(one.pin().file).is_file());
    let language = |interpreter| match interpreter {
        Interpreter::JavaScript => CodeLanguage::Javascript,
        Interpreter::Python => CodeLanguage::Python,
    };
    installed.map(|one| InterpreterSpec { engine: CodeEngine::Wasm, language: language(one) }).collect()
}
