//! Whether what a node names is there: tools, models, agents, blueprints, an executor of its kind.

use std::collections::{HashMap, VecDeque};

use semver::VersionReq;

use super::names::is_template;
use super::walk::Checker;
use crate::blueprint::{AgentLimits, CodeEngine, CodeNode, LlmConfig, MonitorNode, Node, NodeBase, NodeKind};
use crate::diagnostic::{Finding, Trail, did_you_mean};
use crate::error::ErrorCode;
use crate::registry::{AgentDefinition, InterpreterSpec};

/// The provider of models if nothing says which.
const DEFAULT_PROVIDER: &str = "openai";

/// Where a node names its provider or model.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Node(&'static str),
    /// In `llm_config`.
    Config(&'static str),
}

impl Checker<'_> {
    /// Checks the names a node uses against the catalog.
    pub(super) fn known(&self, node: &Node, at: &Trail<'_>) {
        let kind = node.kind.name();
        if !self.catalog.catalog.executes(kind) {
            let message = format!("nodes of the kind `{kind}` cannot run here: nothing executes them");
            self.report.add(&at.key("type"), Finding::warning(ErrorCode::NodeKindUnavailable, message));
        }
        match &node.kind {
            NodeKind::Tool(tool) => self.tool(&tool.tool_name, &at.key("tool_name")),
            NodeKind::Llm(llm) => {
                let config = &llm.llm_config;
                let model = config.model.as_deref().unwrap_or(&llm.model);
                let stated = config.provider.as_deref().or(node.base.provider.as_deref());
                let provider_at = if config.provider.is_some() {
                    Place::Config("provider")
                } else {
                    Place::Node("provider")
                };
                let model_at =
                    if config.model.is_some() { Place::Config("model") } else { Place::Node("model") };
                self.model((stated, provider_at), (model, model_at), at);
                self.fallbacks(config, stated, at);
            }
            NodeKind::Agent(agent) => {
                let found = self.agent(&agent.names(), agent.constraint().as_ref(), &at.key("package"));
                for (index, tool) in agent.tools.iter().flatten().enumerate() {
                    self.tool(&tool.name, &at.key("tools").index(index).key("name"));
                }
                let settings = agent.settings(&node.base, found);
                if let Some(found) = found {
                    self.works(found, agent.tools.is_none(), &settings, &at.key("package"));
                    self.lets_work(found, &agent.limits, &settings, at);
                }
                let own = agent.llm_config.as_ref();
                let place = |name, in_config: bool, in_node: bool| match (in_config, in_node) {
                    (true, _) => Place::Config(name),
                    (false, true) => Place::Node(name),
                    (false, false) => Place::Node("package"),
                };
                let has = |part: fn(&LlmConfig) -> bool| own.is_some_and(part);
                let in_config = has(|config| config.provider.is_some());
                let provider_at = place("provider", in_config, node.base.provider.is_some());
                let model_at = place("model", has(|config| config.model.is_some()), agent.model.is_some());
                let known = found.is_some() || settings.provider.is_some();
                if let Some(model) = settings.model.as_deref().filter(|_| known) {
                    self.model((settings.provider.as_deref(), provider_at), (model, model_at), at);
                    self.fallbacks(&settings, settings.provider.as_deref(), at);
                }
            }
            NodeKind::Recursive(recursive) => {
                if let Some(package) = &recursive.agent_package {
                    self.agent(std::slice::from_ref(package), None, &at.key("agent_package"));
                }
                if let Some(blueprint) = &recursive.workflow_ref {
                    self.sub_blueprint(blueprint, &at.key("workflow_ref"));
                }
            }
            NodeKind::Workflow(workflow) => {
                self.sub_blueprint(&workflow.workflow_ref, &at.key("workflow_ref"));
                self.exposed(workflow, at);
            }
            NodeKind::Swarm(swarm) => {
                for (index, agent) in swarm.agents.iter().enumerate() {
                    let agents = at.key("agents");
                    let member = agents.index(index);
                    let at = member.key("package");
                    let found = self.agent(std::slice::from_ref(&agent.package), None, &at);
                    let settings = agent.settings(&node.base, found);
                    if let Some(found) = found {
                        self.works(found, true, &settings, &at);
                        self.lets_work(found, &AgentLimits::default(), &settings, &member);
                    }
                    if let (Some(_), Some(model)) = (found, settings.model.as_deref()) {
                        let place = Place::Node("package");
                        self.model((settings.provider.as_deref(), place), (model, place), &member);
                    }
                }
            }
            NodeKind::Code(code) => self.code(code, &node.base, at),
            NodeKind::Monitor(monitor) => self.alert_channels(monitor, at),
            NodeKind::Condition(_) | NodeKind::Loop(_) | NodeKind::Parallel(_) | NodeKind::Human(_) => {}
        }
    }

    fn tool(&self, name: &str, at: &Trail<'_>) {
        if name.trim().is_empty() || self.catalog.tool(name).is_some() {
            return;
        }
        let names = self.catalog.catalog.tools.iter().map(|tool| tool.name.as_str());
        self.absent(ErrorCode::UnknownTool, format!("there is no tool `{name}`"), name, names, at);
    }

    /// Source needs an interpreter. One that is missing is a warning: the run may take place elsewhere.
    fn interpreter(&self, code: &CodeNode, base: &NodeBase, at: &Trail<'_>) {
        let named = base.name.as_deref().filter(|_| code.code.is_none() && code.module.is_none());
        let registered = named.and_then(|name| self.catalog.catalog.code(name)?.language);
        let wanted = InterpreterSpec { engine: code.engine, language: registered.unwrap_or(code.language) };
        let Some(known) = &self.catalog.catalog.interpreters else { return };
        if code.module.is_some() || known.contains(&wanted) {
            return;
        }
        let language = wanted.language.as_str();
        let (message, advice) = match wanted.engine {
            CodeEngine::Process => (
                format!("this machine has no interpreter of {language}"),
                "install it for the whole system, or set `engine: wasm`",
            ),
            CodeEngine::Wasm => (
                format!("no interpreter of {language} for WebAssembly is installed"),
                "install it, or set `engine: process`",
            ),
        };
        let finding = Finding::warning(ErrorCode::InterpreterMissing, message).advise(advice.to_owned());
        self.report.add(&at.key("language"), finding);
    }

    /// Code that a node names must be registered, as what the node takes it for.
    fn code(&self, code: &CodeNode, base: &NodeBase, at: &Trail<'_>) {
        self.interpreter(code, base, at);
        let (field, name, is_module) = match (&code.code, &code.module, &base.name) {
            (None, Some(module), _) if !code.names_a_file() => ("module", module, true),
            (None, None, Some(name)) => ("name", name, false),
            (Some(_), _, _) | (None, Some(_), _) | (None, None, None) => return,
        };
        if name.trim().is_empty() {
            return;
        }
        let at = at.key(field);
        let known = &self.catalog.catalog.code;
        match self.catalog.catalog.code(name) {
            None => {
                let names = known.iter().filter(|known| known.language.is_none() == is_module);
                let names = names.map(|known| known.name.as_str());
                let message = format!("no code is registered as `{name}`");
                self.absent(ErrorCode::UnknownCode, message, name, names, &at);
            }
            Some(found) if found.language.is_none() != is_module => {
                let what = if is_module { "source in a language" } else { "WebAssembly" };
                let other = if is_module { "name" } else { "module" };
                let message = format!("`{name}` is registered as {what}");
                let finding = Finding::error(ErrorCode::UnknownCode, message);
                self.report.add(&at, finding.advise(format!("name it with `{other}`")));
            }
            Some(_) => {}
        }
    }

    /// The agent of the first of these names that there is.
    fn agent(
        &self,
        names: &[String],
        constraint: Option<&VersionReq>,
        at: &Trail<'_>,
    ) -> Option<&AgentDefinition> {
        let name = names.iter().find(|name| self.catalog.agent(name).is_some());
        let Some(name) = name else {
            let name = names.last().filter(|name| !name.trim().is_empty())?;
            let known = self.catalog.catalog.agents.iter().map(|agent| agent.name.as_str());
            self.absent(ErrorCode::UnknownAgent, format!("there is no agent `{name}`"), name, known, at);
            return None;
        };
        let found = self.catalog.catalog.agent(name, constraint);
        if found.is_none() {
            let wanted = constraint.map(ToString::to_string).unwrap_or_default();
            let message = format!("no version of the agent `{name}` meets `{wanted}`");
            self.report.add(at, Finding::error(ErrorCode::UnknownAgent, message));
        }
        found
    }

    /// An agent needs a model, and the tools of its own that it is to use.
    pub(super) fn works(
        &self,
        agent: &AgentDefinition,
        uses_own: bool,
        settings: &LlmConfig,
        at: &Trail<'_>,
    ) {
        if settings.model.as_deref().is_none_or(|model| model.trim().is_empty()) {
            let message = format!("neither the node nor the agent `{}` names a model", agent.name);
            let finding = Finding::error(ErrorCode::UnknownModel, message);
            self.report.add(at, finding.advise("set `model`".to_owned()));
        }
        for tool in agent.tools.iter().filter(|_| uses_own) {
            if self.catalog.tool(tool).is_none() {
                let message =
                    format!("the agent `{}` uses the tool `{tool}`, which there is not", agent.name);
                let known = self.catalog.catalog.tools.iter().map(|tool| tool.name.as_str());
                self.absent(ErrorCode::UnknownTool, message, tool, known, at);
            }
        }
    }

    fn sub_blueprint(&self, name: &str, at: &Trail<'_>) {
        if name.trim().is_empty() {
            return;
        }
        if self.catalog.blueprint(name).is_some() {
            self.runs_itself(name, at);
            return;
        }
        let names = self.catalog.catalog.blueprints.iter().map(|blueprint| blueprint.name.as_str());
        self.absent(ErrorCode::UnknownBlueprint, format!("there is no blueprint `{name}`"), name, names, at);
    }

    /// Alerts that nobody takes on are not sent.
    fn alert_channels(&self, monitor: &MonitorNode, at: &Trail<'_>) {
        let Some(known) = &self.catalog.catalog.alert_channels else { return };
        let list = at.key("alert_channels");
        for (index, channel) in monitor.alert_channels.iter().enumerate() {
            if !known.contains(channel) {
                let channel = channel.as_str();
                let message =
                    format!("nobody takes on alerts of the channel `{channel}`: they are logged, not sent");
                let finding = Finding::warning(ErrorCode::RuleViolation, message);
                let advice = "register who does, or remove the channel".to_owned();
                self.report.add(&list.index(index), finding.advise(advice));
            }
        }
    }

    /// A blueprint must not run itself, not even through others.
    fn runs_itself(&self, name: &str, at: &Trail<'_>) {
        if self.sound_refs.borrow().contains(name) {
            return;
        }
        let mut before: HashMap<&str, &str> = HashMap::new();
        let mut queue: VecDeque<&str> =
            self.catalog.blueprint(name).map(|spec| spec.name.as_str()).into_iter().collect();
        while let Some(here) = queue.pop_front() {
            let Some(spec) = self.catalog.blueprint(here) else { continue };
            if self.own.is(spec) {
                let way = std::iter::successors(Some(here), |name| before.get(name).copied());
                let mut way: Vec<&str> = way.take(self.catalog.catalog.blueprints.len() + 1).collect();
                way.reverse();
                let message = format!("the blueprint would run itself: {} → {}", here, way.join(" → "));
                let finding = Finding::error(ErrorCode::CyclicToolComposition, message);
                self.report.add(at, finding.advise("repeat with a loop or a recursive node".to_owned()));
                return;
            }
            for next in &spec.workflow_refs {
                if next != name && !before.contains_key(next.as_str()) {
                    before.insert(next, here);
                    queue.push_back(next);
                }
            }
        }
        self.sound_refs.borrow_mut().extend(before.into_keys().chain([name]).map(str::to_owned));
    }

    /// What a workflow node shows of a sub-run must be a node of it.
    fn exposed(&self, workflow: &crate::blueprint::WorkflowNode, at: &Trail<'_>) {
        let Some(spec) = self.catalog.blueprint(&workflow.workflow_ref) else { return };
        for (public, path) in &workflow.exposed_outputs {
            let Some(first) = path.segments().first() else { continue };
            if spec.nodes.iter().any(|id| id.as_str() == &**first) {
                continue;
            }
            let message = format!("the blueprint `{}` has no node `{first}`", workflow.workflow_ref);
            let names = spec.nodes.iter().map(|id| id.as_str());
            let list = at.key("exposed_outputs");
            self.absent(ErrorCode::UnknownNode, message, first, names, &list.key(public));
        }
    }

    /// The provider, if one is stated, and the model, each with its place.
    pub(super) fn model(
        &self,
        (stated, provider_at): (Option<&str>, Place),
        (model, model_at): (&str, Place),
        at: &Trail<'_>,
    ) {
        let provider = stated.unwrap_or(DEFAULT_PROVIDER);
        let config_at = at.key("llm_config");
        let trail = |place: Place| match place {
            Place::Node(name) => at.key(name),
            Place::Config(name) => config_at.key(name),
        };
        let Some(spec) = self.catalog.provider(provider) else {
            let message = if stated.is_some() {
                format!("there is no provider of models `{provider}`")
            } else {
                format!("no provider is named, and the default, `{provider}`, is not there")
            };
            let names = self.catalog.catalog.providers.iter().map(|spec| spec.name.as_str());
            self.absent(ErrorCode::UnknownModel, message, provider, names, &trail(provider_at));
            return;
        };
        if !model.trim().is_empty() && !is_template(model) && !spec.offers(model) {
            let message = format!("the provider `{provider}` has no model `{model}`");
            let names = spec.models.iter().flatten().map(String::as_str);
            self.absent(ErrorCode::UnknownModel, message, model, names, &trail(model_at));
        }
    }

    /// The models that are asked if the first one fails.
    fn fallbacks(&self, settings: &LlmConfig, stated: Option<&str>, at: &Trail<'_>) {
        for fallback in &settings.fallback_models {
            let place = Place::Config("fallback_models");
            let provider = fallback.provider.as_deref().or(stated);
            self.model((provider, place), (&fallback.model, place), at);
        }
    }

    /// Reports a name that is not there, with the nearest one, or with all if there are few.
    pub(super) fn absent<'n>(
        &self,
        code: ErrorCode,
        message: String,
        name: &str,
        names: impl Iterator<Item = &'n str> + Clone,
        at: &Trail<'_>,
    ) {
        let advice = self.report.has_room().then(|| {
            did_you_mean(name, names.clone()).or_else(|| {
                let few: Vec<String> = names.clone().take(9).map(|name| format!("`{name}`")).collect();
                (1..9).contains(&few.len()).then(|| format!("there are {}", few.join(", ")))
            })
        });
        self.report.add(at, Finding::error(code, message).advise(advice.flatten()));
    }
}
