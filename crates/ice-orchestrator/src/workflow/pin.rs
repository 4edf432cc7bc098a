//! Making the plan of a run again from what the run is bound to.

use std::sync::Arc;

use ice_core::blueprint::Blueprint;
use ice_core::blueprint::CodeLanguage;
use ice_core::check::check;
use ice_core::error::ErrorCode;
use ice_core::llm::LlmProvider;
use ice_core::registry::{
    AgentDefinition, CodeBody, Collection, NamedBlueprint, RegisteredCode, Registry, RegistryError,
};
use ice_core::tools::Tool;

use super::absent::{AbsentProvider, AbsentTool};
use super::{Plan, compile_locked};
use crate::executors::builtin;
use crate::journal::{Failure, PinnedAgent, PinnedModel, PinnedPlan};

/// How the message of a mismatch begins.
pub(crate) const CHANGED: &str = "what the run is bound to has changed: ";

/// Compiles a pinned plan with what is registered now.
///
/// # Errors
/// `PIN_MISMATCH` with the differences, if something the run is bound to is gone or has changed.
pub(crate) fn compile_pinned(pinned: &PinnedPlan, registry: &Registry) -> Result<Arc<Plan>, Failure> {
    let gone = models_gone(pinned, registry);
    if !gone.is_empty() {
        return Err(mismatch(gone.join("; ")));
    }
    let plan = compile_with(pinned, registry)?;
    let differences = differences(pinned, &plan.pinned);
    if differences.is_empty() { Ok(plan) } else { Err(mismatch(differences.join("; "))) }
}

/// Compiles a pinned plan for whoever only folds a journal over it: tools, models and code that it is bound to may be others
/// here, or missing.
///
/// # Errors
/// `PIN_MISMATCH` if what it is cannot be compiled all the same.
pub(crate) fn compile_to_read(pinned: &PinnedPlan, registry: &Registry) -> Result<Arc<Plan>, Failure> {
    let mut registry = registry.clone();
    registry.agents = Collection::default();
    stand_in(pinned, &mut registry)?;
    compile_with(pinned, &registry)
}

/// Puts something in the place of every tool, provider and piece of code that a plan is bound to.
fn stand_in(pinned: &PinnedPlan, registry: &mut Registry) -> Result<(), Failure> {
    let conflict = |error: RegistryError| mismatch(error.to_string());
    for tool in &pinned.tools {
        registry.tools.remove(&tool.name, None);
        let tool: Arc<dyn Tool> = Arc::new(AbsentTool::new(tool));
        registry.tools.register(tool).map_err(conflict)?;
    }
    for PinnedModel { provider, .. } in &pinned.models {
        registry.providers.remove(provider, None);
        let provider: Arc<dyn LlmProvider> = Arc::new(AbsentProvider(provider.clone()));
        registry.providers.register(provider).map_err(conflict)?;
    }
    for code in &pinned.code {
        if registry.code.contains(&code.name, None) {
            continue;
        }
        let (name, body) = (Arc::from(code.name.as_str()), CodeBody::Source(CodeLanguage::Python, "".into()));
        let absent = RegisteredCode { name, version: semver::Version::new(0, 0, 0), body };
        registry.code.register(Arc::new(absent)).map_err(conflict)?;
    }
    pinned.workflows.iter().try_for_each(|workflow| stand_in(&workflow.plan, registry))
}

fn blueprint(pinned: &PinnedPlan) -> Result<Arc<Blueprint>, Failure> {
    pinned.blueprint.to().map(Arc::new).map_err(|error| {
        Failure::new(ErrorCode::JournalCorrupt, format!("the pinned blueprint cannot be read: {error}"))
    })
}

/// Compiles a pinned plan with its own agents and sub-blueprints, and the tools and providers of a registry.
fn compile_with(pinned: &PinnedPlan, registered: &Registry) -> Result<Arc<Plan>, Failure> {
    let mut registry = registered.clone();
    registry.blueprints = Collection::default();
    registry.agents = Collection::default();
    let mut open: Vec<&PinnedPlan> = vec![pinned];
    while let Some(plan) = open.pop() {
        for agent in &plan.agents {
            registry
                .agents
                .register(pinned_agent(agent, registered)?)
                .map_err(|error| mismatch(error.to_string()))?;
        }
        for workflow in &plan.workflows {
            let named = NamedBlueprint {
                name: Arc::from(workflow.name.as_str()),
                blueprint: blueprint(&workflow.plan)?,
            };
            registry.blueprints.register(named).map_err(|error| mismatch(error.to_string()))?;
            open.push(&workflow.plan);
        }
    }
    let catalog = registry.catalog(builtin::KINDS);
    let checked = check(&blueprint(pinned)?, &catalog).map_err(|found| mismatch(found.to_string()))?;
    compile_locked(&checked, pinned.lock.as_ref(), &registry).map_err(|error| mismatch(error.to_string()))
}

fn mismatch(what: String) -> Failure {
    Failure::new(ErrorCode::PinMismatch, format!("{CHANGED}{what}"))
}

/// The agent that a run is bound to. It need not be registered any more; if it is, it must be the same.
fn pinned_agent(pinned: &PinnedAgent, registered: &Registry) -> Result<Arc<AgentDefinition>, Failure> {
    let agent: AgentDefinition = pinned.definition.to().map_err(|error| {
        Failure::new(ErrorCode::JournalCorrupt, format!("a pinned agent cannot be read: {error}"))
    })?;
    let is_another = |known: &Arc<AgentDefinition>| {
        (&known.name, &known.version) == (&agent.name, &agent.version) && known.differs(&agent)
    };
    if registered.agents.list().any(is_another) {
        return Err(mismatch(format!("the agent `{}` {} is another", agent.name, agent.version)));
    }
    Ok(Arc::new(agent))
}

/// The models that are not offered any more.
fn models_gone(pinned: &PinnedPlan, registry: &Registry) -> Vec<String> {
    let mut gone = Vec::new();
    for PinnedModel { provider, model } in &pinned.models {
        match registry.providers.get(provider, None) {
            None => gone.push(format!("the provider `{provider}` is gone")),
            Some(found) if found.models().is_some_and(|models| !models.contains(model)) => {
                gone.push(format!("the provider `{provider}` does not offer the model `{model}` any more"));
            }
            Some(_) => {}
        }
    }
    gone.extend(pinned.workflows.iter().flat_map(|workflow| models_gone(&workflow.plan, registry)));
    gone
}

fn differences(before: &PinnedPlan, now: &PinnedPlan) -> Vec<String> {
    let mut found = Vec::new();
    for tool in &before.tools {
        match now.tools.iter().find(|known| known.name == tool.name) {
            None => found.push(format!("the tool `{}` is gone", tool.name)),
            Some(known) if known.major != tool.major => {
                found.push(format!(
                    "the tool `{}` is version {}, it was {}",
                    tool.name, known.major, tool.major
                ));
            }
            Some(known) if known.schemas != tool.schemas => {
                found.push(format!("the tool `{}` has other schemas", tool.name));
            }
            Some(_) => {}
        }
    }
    for code in &before.code {
        match now.code.iter().find(|known| known.name == code.name) {
            None => found.push(format!("the code `{}` is gone", code.name)),
            Some(known) if known.hash != code.hash => {
                found.push(format!("the code `{}` is another", code.name))
            }
            Some(_) => {}
        }
    }
    for (old, new) in before.workflows.iter().zip(&now.workflows) {
        found.extend(differences(&old.plan, &new.plan));
    }
    found
}
