//! Agents, compiled: what one is told, what it may call, and how far it goes by itself.

use std::sync::Arc;

use ice_core::llm::{Request, Usage, Usd};
use ice_core::quantity::least;
use ice_core::schema::Validator;
use ice_core::template::Template;
use ice_core::tools::{Effect, Tool};
use ice_core::value::Value;

/// An agent, whoever lets it work.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) name: Arc<str>,
    pub(crate) provider: Arc<str>,
    pub(crate) system_prompt: Option<Template>,
    /// Everything of its requests that does not depend on the run.
    pub(crate) request: Request,
    pub(crate) tools: Vec<AgentTool>,
    pub(crate) agents: Vec<SubAgent>,
    /// Whether it may ask a person.
    pub(crate) asks: bool,
    pub(crate) bounds: AgentBounds,
    /// Whether its model is told that results of tools are data.
    pub(crate) marks_data: bool,
}

impl Agent {
    /// Whether its model has something to call.
    pub(crate) const fn has_calls(&self) -> bool {
        self.asks || !self.tools.is_empty() || !self.agents.is_empty()
    }

    /// The most that one of its calls may do to the world.
    pub(crate) fn effect(&self) -> Effect {
        let tools = self.tools.iter().map(|tool| tool.tool.spec().effect);
        let agents = self.agents.iter().map(|agent| agent.effect);
        // Nobody is asked twice at a time. Asking a model costs, and is repeated after a crash.
        let least = if self.asks { Effect::Irreversible } else { Effect::Idempotent };
        tools.chain(agents).fold(least, Ord::max)
    }
}

/// A tool that an agent may call.
#[derive(Clone, Debug)]
pub(crate) struct AgentTool {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) name: Arc<str>,
    /// What the model may set, if that is said besides what the tool takes.
    pub(crate) offered: Option<Validator>,
    /// The tool's schemas; absent where they accept everything.
    pub(crate) input: Option<Validator>,
    pub(crate) output: Option<Validator>,
}

impl AgentTool {
    /// The effect of a call with this input.
    pub(crate) fn effect(&self, input: &Value) -> Effect {
        self.tool.effect(input).min(self.tool.spec().effect)
    }
}

/// An agent that another one may let work.
#[derive(Clone, Debug)]
pub(crate) struct SubAgent {
    pub(crate) agent: Arc<Agent>,
    /// What it is told of itself, if it is.
    pub(crate) system: Option<Arc<str>>,
    /// The most that its work may do to the world.
    pub(crate) effect: Effect,
}

/// How far an agent goes by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgentBounds {
    pub(crate) rounds: u32,
    pub(crate) tool_calls: Option<u64>,
    pub(crate) tokens: Option<u64>,
    pub(crate) cost: Option<Usd>,
    /// How often the same call is made.
    pub(crate) repeats: Option<u32>,
    /// Bytes of a result that the model is shown.
    pub(crate) result_bytes: Option<usize>,
}

impl AgentBounds {
    /// Whether agents that it lets work may take something away from one another.
    pub(crate) const fn are_shared(&self) -> bool {
        self.tool_calls.is_some() || self.tokens.is_some() || self.cost.is_some()
    }

    /// What is left for an agent with bounds of its own.
    pub(crate) fn left_for(&self, spent: &AgentSpent, own: Self) -> Self {
        Self {
            tool_calls: least(
                self.tool_calls.map(|most| most.saturating_sub(spent.tool_calls)),
                own.tool_calls,
            ),
            tokens: least(self.tokens.map(|most| most.saturating_sub(spent.usage.total())), own.tokens),
            cost: least(self.cost.map(|most| most.minus(spent.usage.cost)), own.cost),
            ..own
        }
    }
}

/// What an agent has spent so far, with what agents have that it let work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AgentSpent {
    pub(crate) tool_calls: u64,
    pub(crate) usage: Usage,
}

impl std::ops::AddAssign for AgentSpent {
    fn add_assign(&mut self, more: Self) {
        self.tool_calls = self.tool_calls.saturating_add(more.tool_calls);
        self.usage += more.usage;
    }
}
