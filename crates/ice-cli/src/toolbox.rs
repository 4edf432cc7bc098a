//! What the `ice` command has: tools, models, and the kinds of node it executes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ice_core::blueprint::{AlertChannel, CodeEngine, CodeLanguage, KindName};
use ice_core::error::ErrorCode;
use ice_core::llm::scripted::ReadAlong;
use ice_core::llm::{Echo, LlmProvider};
use ice_core::registry::{InterpreterSpec, Registry, RegistryError};
use ice_core::tools::{Tool, ToolSpec};
use ice_orchestrator::process::{CommandTool, IsolatedTool};
use ice_sandbox::SEARCH_PATH;

use crate::agents;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::manifests::{self, Installed, Manifests};
use crate::models::Models;
use crate::screen::Screen;
use crate::webhook::Webhook;

/// The tools and models, made when they are first needed and once only: their schemas take time.
#[derive(Clone, Debug)]
pub(crate) struct Toolbox(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    /// The folders of manifests that the command line names.
    named: Vec<PathBuf>,
    /// The folders of agents that the command line names.
    agents: Vec<PathBuf>,
    environment: Environment,
    screen: Screen,
    built_in: OnceLock<Registry>,
    all: OnceLock<Stock>,
}

/// Everything there is, and where it comes from.
#[derive(Debug)]
struct Stock {
    registry: Registry,
    manifests: Manifests,
}

impl Toolbox {
    /// A toolbox with the manifests and the agents of these folders and of those that the environment names.
    pub(crate) fn new(
        named: &[PathBuf],
        agents: &[PathBuf],
        environment: &Environment,
        screen: Screen,
    ) -> Self {
        let (named, agents, environment) = (named.to_vec(), agents.to_vec(), environment.clone());
        let (built_in, all) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Shelf { named, agents, environment, screen, built_in, all }))
    }

    /// The folders of agents, absolute, without links and each once.
    ///
    /// # Errors
    /// [`Fault`] if a folder that was named is none.
    pub(crate) fn agents(&self) -> Result<Vec<PathBuf>, Fault> {
        agents::folders(&self.0.agents, &self.0.environment)
    }

    /// What the command read from its environment.
    #[cfg(feature = "wasm")]
    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Every tool and model.
    ///
    /// # Errors
    /// [`Fault`] if a manifest has problems, which are drawn on standard error, or a folder of manifests is none.
    pub(crate) fn registry(&self) -> Result<&Registry, Fault> {
        self.stock().map(|stock| &stock.registry)
    }

    /// The tools and models that need no files: enough for who only looks at runs.
    ///
    /// # Errors
    /// [`Fault`] if two of them have the same name.
    pub(crate) fn built_in(&self) -> Result<&Registry, Fault> {
        match self.0.built_in.get() {
            Some(registry) => Ok(registry),
            None => {
                let made = built_in(&self.0.environment)?;
                Ok(self.0.built_in.get_or_init(|| made))
            }
        }
    }

    /// The manifests that there are, broken ones as well.
    ///
    /// # Errors
    /// [`Fault`] if a folder of manifests is none.
    pub(crate) fn manifests(&self) -> Result<Manifests, Fault> {
        let taken: BTreeSet<&str> =
            self.built_in()?.tools.list().map(|tool| tool.spec().name.as_str()).collect();
        manifests::read(manifests::folders(&self.0.named, &self.0.environment)?, &taken)
    }

    /// The folders of manifests, for another `ice` that is to have the same tools.
    ///
    /// # Errors
    /// As [`Self::registry`].
    pub(crate) fn folders(&self) -> Result<&[PathBuf], Fault> {
        self.stock().map(|stock| stock.manifests.folders.as_slice())
    }

    /// The manifest of a tool, unless it is built in.
    ///
    /// # Errors
    /// As [`Self::registry`].
    pub(crate) fn manifest(&self, spec: &ToolSpec) -> Result<Option<&Installed>, Fault> {
        let mut installed = self.stock()?.manifests.installed.iter();
        let is_it = |one: &&Installed| one.manifest.name == spec.name && one.manifest.version == spec.version;
        Ok(installed.find(is_it))
    }

    fn stock(&self) -> Result<&Stock, Fault> {
        if let Some(stock) = self.0.all.get() {
            return Ok(stock);
        }
        let manifests = self.manifests()?;
        if let Some(fault) = manifests.fault() {
            manifests.tell(&self.0.screen);
            return Err(fault);
        }
        let mut registry = self.built_in()?.clone();
        for provider in Models::read(&self.0.environment)?.guarded() {
            registry.providers.register(provider).map_err(|error| clash(&error))?;
        }
        for installed in &manifests.installed {
            let tool: Arc<dyn Tool> = Arc::new(CommandTool::new(installed.manifest.clone()));
            registry.tools.register(tool).map_err(|error| clash(&error))?;
        }
        Ok(self.0.all.get_or_init(|| Stock { registry, manifests }))
    }
}

fn built_in(environment: &Environment) -> Result<Registry, Fault> {
    let mut registry = Registry::default();
    // A path that no cage can be given: then nothing is run, rather than run without one.
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    for tool in ice_tools::all() {
        let tool: Arc<dyn Tool> =
            if tool.spec().reaches_outside() { Arc::new(IsolatedTool::new(tool, &own)) } else { tool };
        registry.tools.register(tool).map_err(|error| clash(&error))?;
    }
    if let Some(url) = &environment.alert_webhook
        && let Some(fetch) = registry.tools.get("http_fetch", None).cloned()
    {
        registry.alerts.register(AlertChannel::Webhook, Arc::new(Webhook::new(url.clone(), fetch)));
    }
    let providers: [Arc<dyn LlmProvider>; 2] = [Arc::new(Echo), Arc::new(ReadAlong)];
    for provider in providers {
        registry.providers.register(provider).map_err(|error| clash(&error))?;
    }
    registry.interpreters = Some(interpreters(environment));
    Ok(registry)
}

/// The interpreters: those of the machine that a cage shows, and those for WebAssembly.
#[cfg_attr(
    not(feature = "wasm"),
    expect(unused_variables, reason = "only WebAssembly has a folder of its own")
)]
fn interpreters(environment: &Environment) -> Vec<InterpreterSpec> {
    let is_there = |program: &&(_, &str)| {
        SEARCH_PATH.split(':').any(|folder| Path::new(folder).join(program.1).is_file())
    };
    let programs = [(CodeLanguage::Python, "python3"), (CodeLanguage::Javascript, "node")];
    let found = programs.iter().filter(is_there);
    let found =
        found.map(|(language, _)| InterpreterSpec { engine: CodeEngine::Process, language: *language });
    #[cfg(feature = "wasm")]
    let found = found.chain(crate::webassembly::interpreters(environment));
    found.collect()
}

fn clash(error: &RegistryError) -> Fault {
    Fault::new(ErrorCode::RegistryConflict, error.to_string())
}

/// The kinds of node that can be executed.
pub(crate) const fn kinds() -> &'static [KindName] {
    ice_orchestrator::executable_kinds()
}
