//! The agents that an agent may let work, compiled: its model sees each as a tool with a task.

use std::sync::Arc;

use ice_core::blueprint::{AgentLimits, LlmConfig};
use ice_core::llm::ToolDefinition;
use ice_core::path::NodePath;
use ice_core::registry::AgentDefinition;
use ice_core::template::{Limits, Template};
use ice_core::value::{Map, Value};

use super::agents::Crew;
use super::kinds::template;
use super::{CompileError, Compiler, Parts};
use crate::workflow::model::SubAgent;

/// The agents around one that is compiled, and how many there are below the node.
pub(super) struct Nest {
    /// The names, outermost first.
    chain: Vec<String>,
    /// How many may still be let work.
    left: usize,
}

impl Nest {
    pub(super) fn of(found: &AgentDefinition) -> Self {
        Self { chain: vec![found.name.clone()], left: AgentDefinition::MAX_BELOW }
    }

    fn refused(&self, name: &str) -> CompileError {
        CompileError::Agents { chain: format!("{} → {name}", self.chain.join(" → ")) }
    }
}

impl Compiler<'_> {
    /// The agents that an agent names, each with all it needs to work, at most `depth` deep.
    pub(super) fn sub_agents(
        &mut self,
        found: &AgentDefinition,
        settings: &LlmConfig,
        (nest, depth): (&mut Nest, u32),
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Vec<(ToolDefinition, SubAgent)>, CompileError> {
        let mut agents = Vec::with_capacity(found.agents.len());
        for name in &found.agents {
            if nest.chain.contains(name) || depth == 0 || nest.left == 0 {
                return Err(nest.refused(name));
            }
            nest.left -= 1;
            let other = self.named_agent(std::slice::from_ref(name), None, path, parts)?;
            let settings = other.settings_below(settings);
            let tools = self.tools_of_agent(&other.tools, path, parts)?;
            let further = (depth - 1).min(other.limits.depth.unwrap_or(AgentLimits::DEPTH));
            nest.chain.push(name.clone());
            let below = self.sub_agents(&other, &settings, (nest, further), path, parts)?;
            nest.chain.pop();
            let crew = Crew { tools, agents: below };
            let agent = self.made(&other, &settings, crew, None, other.limits, path, parts)?;
            let system = agent.system_prompt.as_ref().map(|prompt| told(prompt, path)).transpose()?;
            let definition = ToolDefinition {
                name: name.clone(),
                description: description(&other),
                input_schema: schema(),
            };
            let effect = agent.effect();
            agents.push((definition, SubAgent { agent: Arc::new(agent), system, effect }));
        }
        Ok(agents)
    }
}

/// What an agent is told of itself that nobody has given settings.
fn told(prompt: &Template, path: &NodePath) -> Result<Arc<str>, CompileError> {
    let scope: Map = [(Arc::from("config"), Value::empty_map())].into_iter().collect();
    let told = prompt.render(&scope, &Limits::default()).map_err(template(path, "package"))?;
    Ok(told.as_str().map_or_else(|| Arc::from(told.to_string()), Arc::from))
}

fn description(agent: &AgentDefinition) -> String {
    let said = agent.description.clone();
    said.unwrap_or_else(|| format!("Lets the agent `{}` work on a task, and gives its answer.", agent.name))
}

/// What such a call takes.
fn schema() -> Value {
    let task = [("type", "string"), ("description", "What is to be done, with all that is needed for it.")];
    let task = Value::map(task.map(|(name, text)| (name, Value::from(text))));
    Value::map([
        ("type", Value::from("object")),
        ("properties", Value::map([("task", task)])),
        ("required", Value::list([Value::from("task")])),
        ("additionalProperties", Value::Bool(false)),
    ])
}
