//! What the `ice` command has: tools, models, and the kinds of node it executes.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ice_core::blueprint::{CodeEngine, CodeLanguage, KindName};
use ice_core::error::ErrorCode;
use ice_core::llm::{Echo, LlmProvider};
use ice_core::registry::{InterpreterSpec, Registry};
use ice_core::tools::Tool;
use ice_orchestrator::process::IsolatedTool;
use ice_sandbox::SEARCH_PATH;

use crate::fault::Fault;

/// The built-in tools and models, made when they are first needed and once only: their schemas take time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toolbox(Arc<OnceLock<Registry>>);

impl Toolbox {
    /// Every tool and model.
    ///
    /// # Errors
    /// [`Fault`] if two of them have the same name.
    pub(crate) fn registry(&self) -> Result<&Registry, Fault> {
        match self.0.get() {
            Some(registry) => Ok(registry),
            None => {
                let made = make()?;
                Ok(self.0.get_or_init(|| made))
            }
        }
    }
}

fn make() -> Result<Registry, Fault> {
    let mut registry = Registry::default();
    let clash = |error| Fault::new(ErrorCode::RegistryConflict, format!("{error}"));
    let own = std::env::current_exe();
    for tool in ice_tools::all() {
        let tool: Arc<dyn Tool> = match &own {
            Ok(own) if tool.spec().reaches_outside() => Arc::new(IsolatedTool::new(tool, own)),
            Ok(_) | Err(_) => tool,
        };
        registry.tools.register(tool).map_err(clash)?;
    }
    let providers: [Arc<dyn LlmProvider>; 1] = [Arc::new(Echo)];
    for provider in providers {
        registry.providers.register(provider).map_err(clash)?;
    }
    registry.interpreters = Some(interpreters());
    Ok(registry)
}

/// The interpreters of the machine that a cage shows.
fn interpreters() -> Vec<InterpreterSpec> {
    let is_there = |program: &&(_, &str)| {
        SEARCH_PATH.split(':').any(|folder| Path::new(folder).join(program.1).is_file())
    };
    let programs = [(CodeLanguage::Python, "python3"), (CodeLanguage::Javascript, "node")];
    let found = programs.iter().filter(is_there);
    found.map(|(language, _)| InterpreterSpec { engine: CodeEngine::Process, language: *language }).collect()
}

/// The kinds of node that can be executed.
pub(crate) const fn kinds() -> &'static [KindName] {
    ice_orchestrator::executable_kinds()
}
