//! What the `ice` command has: tools, models, and the kinds of node it executes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ice_core::blueprint::{AlertChannel, CodeEngine, CodeLanguage, KindName};
use ice_core::error::ErrorCode;
use ice_core::llm::scripted::ReadAlong;
use ice_core::llm::{Echo, LlmProvider};
use ice_core::registry::{InterpreterSpec, Registry, RegistryError, near_names};
use ice_core::tools::{Tool, ToolSpec};
use ice_orchestrator::process::{CommandTool, IsolatedTool};
use ice_sandbox::SEARCH_PATH;

use crate::agents;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::manifests::{self, Installed, InstalledServer, Manifests};
use crate::models::Models;
use crate::redaction::Redaction;
use crate::screen::Screen;
use crate::servers::{self, Asked, LeftOut, LockedOut, Servers};
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
    manifests: OnceLock<Manifests>,
    all: OnceLock<Stock>,
    redaction: OnceLock<Redaction>,
}

/// Everything there is.
#[derive(Debug)]
struct Stock {
    registry: Registry,
    left_out: Vec<LeftOut>,
    locked_out: Vec<LockedOut>,
    /// They are there for as long as their tools are.
    _servers: Servers,
}

/// Where a tool comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'t> {
    /// This program.
    BuiltIn,
    /// A manifest that makes a tool of a command.
    Command(&'t Installed),
    /// An MCP server.
    Server(&'t InstalledServer),
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
        let (built_in, manifests, all) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let redaction = OnceLock::new();
        Self(Arc::new(Shelf { named, agents, environment, screen, built_in, manifests, all, redaction }))
    }

    /// The folders of agents, absolute, without links and each once.
    ///
    /// # Errors
    /// [`Fault`] if a folder that was named is none.
    pub(crate) fn agents(&self) -> Result<Vec<PathBuf>, Fault> {
        agents::folders(&self.0.agents, &self.0.environment)
    }

    /// What the command read from its environment.
    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// What may be seen, kept and sent, and the secrets that are known.
    ///
    /// # Errors
    /// [`Fault`] if the file that says so cannot be used.
    pub(crate) fn redaction(&self) -> Result<&Redaction, Fault> {
        match self.0.redaction.get() {
            Some(redaction) => Ok(redaction),
            None => {
                let read = Redaction::read(&self.0.environment)?;
                Ok(self.0.redaction.get_or_init(|| read))
            }
        }
    }

    /// Every tool and model. The first time, MCP servers are started and asked what they offer.
    ///
    /// # Errors
    /// [`Fault`] if a manifest has problems, which are drawn on standard error, a folder of manifests is none, or an MCP
    /// server does not say what it offers.
    pub(crate) fn registry(&self) -> Result<&Registry, Fault> {
        let stock = self.stock()?;
        stock.locked_out.first().map_or(Ok(&stock.registry), |server| Err(server.fault()))
    }

    /// Every tool that can be had, and the MCP servers that want a login first.
    ///
    /// # Errors
    /// As [`Self::registry`], but not for these servers.
    pub(crate) fn to_be_had(&self) -> Result<(&Registry, &[LockedOut]), Fault> {
        self.stock().map(|stock| (&stock.registry, stock.locked_out.as_slice()))
    }

    /// The manifest of an MCP server.
    ///
    /// # Errors
    /// [`Fault`] if there is none, a manifest has problems, or a folder of manifests is none.
    pub(crate) fn server(&self, name: &str) -> Result<&InstalledServer, Fault> {
        let servers = &self.checked()?.servers;
        servers.iter().find(|one| one.name() == name).ok_or_else(|| {
            let near = near_names(name, servers.iter().map(InstalledServer::name));
            let help = match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name the folder of its manifest with `--tools DIR` or ICE_TOOLS".to_owned(),
            };
            Fault::usage(format!("no manifest names an MCP server `{name}`")).help(help)
        })
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
    /// [`Fault`] if a manifest has problems, or a folder of manifests is none.
    pub(crate) fn folders(&self) -> Result<&[PathBuf], Fault> {
        self.checked().map(|manifests| manifests.folders.as_slice())
    }

    /// Where a tool comes from.
    ///
    /// # Errors
    /// [`Fault`] if a manifest has problems, or a folder of manifests is none.
    pub(crate) fn source(&self, spec: &ToolSpec) -> Result<Source<'_>, Fault> {
        let manifests = self.checked()?;
        let is_it = |one: &&Installed| one.manifest.name == spec.name && one.manifest.version == spec.version;
        if let Some(installed) = manifests.installed.iter().find(is_it) {
            return Ok(Source::Command(installed));
        }
        let server = spec.name.split_once('.').map(|(server, _)| server);
        let of_server = |one: &&InstalledServer| Some(one.name()) == server;
        Ok(manifests.servers.iter().find(of_server).map_or(Source::BuiltIn, Source::Server))
    }

    /// What MCP servers offer and nobody can call.
    ///
    /// # Errors
    /// As [`Self::registry`].
    pub(crate) fn left_out(&self) -> Result<&[LeftOut], Fault> {
        self.stock().map(|stock| stock.left_out.as_slice())
    }

    /// The manifests, if none has a problem.
    fn checked(&self) -> Result<&Manifests, Fault> {
        if let Some(manifests) = self.0.manifests.get() {
            return Ok(manifests);
        }
        let manifests = self.manifests()?;
        if let Some(fault) = manifests.fault() {
            manifests.tell(&self.0.screen);
            return Err(fault);
        }
        Ok(self.0.manifests.get_or_init(|| manifests))
    }

    fn stock(&self) -> Result<&Stock, Fault> {
        if let Some(stock) = self.0.all.get() {
            return Ok(stock);
        }
        let manifests = self.checked()?;
        let mut registry = self.built_in()?.clone();
        for provider in Models::read(&self.0.environment)?.guarded() {
            registry.providers.register(provider).map_err(|error| clash(&error))?;
        }
        for installed in &manifests.installed {
            let tool: Arc<dyn Tool> = Arc::new(CommandTool::new(installed.manifest.clone()));
            registry.tools.register(tool).map_err(|error| clash(&error))?;
        }
        let of_servers: Vec<_> = manifests.servers.iter().map(|one| one.manifest.clone()).collect();
        let asked = servers::ask(&of_servers, &self.0.environment, &self.redaction()?.known)?;
        let Asked { servers, tools, left_out, locked_out } = asked;
        for tool in tools {
            registry.tools.register(tool).map_err(|error| clash(&error))?;
        }
        Ok(self.0.all.get_or_init(|| Stock { registry, left_out, locked_out, _servers: servers }))
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
