//! The calls that a model asks for: what may be called is, and whatever comes of it is told to the model.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::{Part, Usage};
use ice_core::path::NodePath;
use ice_core::registry::AgentDefinition;
use ice_core::schema::Validator;
use ice_core::tools::Effect;
use ice_core::value::Value;

use super::sub_agent::{self, Order};
use super::{person, shown};
use crate::executors::StepContext;
use crate::journal::{Failure, Intent, list};
use crate::workflow::model::{Agent, AgentBounds, AgentSpent, AgentTool, SubAgent};

/// The most calls of one round; a model is told that further ones were not made.
pub(super) const MAX_CALLS: usize = 64;
/// The deepest nesting of arguments: what they become a part of has a limit of its own.
const MAX_DEPTH: u8 = 64;

/// A call that a model asks for.
pub(super) struct Call<'p> {
    id: &'p str,
    pub(super) tool: &'p str,
    pub(super) arguments: &'p Value,
}

/// What came of a call: what it gave, or what the model is told instead, and what it spent.
pub(super) struct Gave {
    pub(super) result: Result<Value, String>,
    pub(super) spent: AgentSpent,
}

impl Gave {
    /// What the model is told of a call that was not made.
    pub(super) fn told(why: impl Into<String>) -> Self {
        Self { result: Err(why.into()), spent: AgentSpent::default() }
    }
}

/// What a call is of.
pub(super) enum Callee<'a> {
    /// A tool, and what it is called with.
    Tool(&'a AgentTool, Effect, Intent),
    Agent(&'a SubAgent),
    Person,
}

impl Callee<'_> {
    /// Whether it runs together with others like it: what it does can be repeated, and it takes nothing away from others.
    pub(super) fn is_together(&self, bounds: &AgentBounds) -> bool {
        match self {
            Self::Tool(_, effect, _) => effect.is_repeatable(),
            Self::Agent(agent) => agent.effect.is_repeatable() && !bounds.are_shared(),
            Self::Person => false,
        }
    }
}

impl<'p> Call<'p> {
    /// The call that a part of a message asks for, if it does.
    pub(super) fn of(part: &'p Part) -> Option<Self> {
        match part {
            Part::ToolCall { id, name, arguments } => Some(Self { id, tool: name, arguments }),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolResult { .. }
            | Part::Reasoning { .. }
            | Part::Opaque { .. } => None,
        }
    }

    /// What a history has of it.
    pub(super) fn entry(&self, round: u32, gave: &Gave) -> Value {
        let result = match &gave.result {
            Ok(output) => ("output", output.clone()),
            Err(error) => ("error", Value::from(error.as_str())),
        };
        let (tool, input) = (Value::from(self.tool), self.arguments.clone());
        Value::map([("round", Value::from(round)), ("tool", tool), ("input", input), result])
    }

    /// The part of a message that answers it, which has at most so many bytes of what it gave.
    pub(super) fn result(&self, gave: Gave, most: Option<usize>) -> Value {
        let (content, is_error) = match gave.result {
            Ok(output) => (shown::cut(&output, most), false),
            Err(error) => (shown::cut(&Value::from(error), most), true),
        };
        Value::map([
            ("type", Value::from("tool_result")),
            ("call_id", Value::from(self.id)),
            ("content", content),
            ("is_error", Value::from(is_error)),
        ])
    }

    /// What the call is of, if it may be made. What whoever looks at calls puts in the place of its arguments is held to the
    /// same, and has the greater effect of both.
    ///
    /// # Errors
    /// That a policy stopped it; within it, what the model is told instead.
    pub(super) fn inspected<'a>(
        &self,
        agent: &'a Agent,
        at: usize,
        ctx: &StepContext,
        address: &NodePath,
    ) -> Result<Result<Callee<'a>, String>, Failure> {
        let callee = match self.admit(agent, at) {
            Ok(Callee::Tool(tool, effect, intent)) => {
                let intent = ctx.inspect(address, intent)?;
                let effect = effect.max(tool.effect(intent.value()));
                match violations(tool.input.as_ref(), intent.value()) {
                    None => Ok(Callee::Tool(tool, effect, intent)),
                    Some(what) => Err(format!("the arguments do not fit the tool: {what}")),
                }
            }
            other => other,
        };
        Ok(callee)
    }

    /// What the call is of, if it may be made.
    fn admit<'a>(&self, agent: &'a Agent, at: usize) -> Result<Callee<'a>, String> {
        if at >= MAX_CALLS {
            return Err(format!("this call was not made: {MAX_CALLS} are the most of one answer"));
        }
        let Some(tool) = agent.tools.iter().find(|tool| &*tool.name == self.tool) else {
            if agent.asks && self.tool == AgentDefinition::ASK_PERSON {
                return person::question(self.arguments).map(|_| Callee::Person);
            }
            let found = agent.agents.iter().find(|other| &*other.agent.name == self.tool);
            let found = found.ok_or_else(|| unknown(agent, self.tool))?;
            return match sub_agent::task(self.arguments) {
                Some(_) => Ok(Callee::Agent(found)),
                None => {
                    Err("the arguments do not fit the agent: it takes a `task`, a text, and nothing else"
                        .to_owned())
                }
            };
        };
        if self.arguments.is_deeper_than(MAX_DEPTH) {
            return Err(format!("the arguments nest deeper than {MAX_DEPTH} levels"));
        }
        for validator in [&tool.offered, &tool.input] {
            if let Some(what) = violations(validator.as_ref(), self.arguments) {
                return Err(format!("the arguments do not fit the tool: {what}"));
            }
        }
        let intent = Intent::Tool { tool: Arc::clone(&tool.name), input: self.arguments.clone() };
        Ok(Callee::Tool(tool, tool.effect(self.arguments), intent))
    }

    /// Makes the call. Gives what came of it.
    ///
    /// # Errors
    /// That the attempt was cancelled, that a budget does not allow the call, or that a policy stopped it. Whatever else goes
    /// wrong is the model's to mend.
    pub(super) async fn make(
        &self,
        callee: Callee<'_>,
        ctx: &StepContext,
        address: &NodePath,
        left: AgentBounds,
    ) -> Result<Gave, Failure> {
        match callee {
            Callee::Tool(tool, effect, intent) => self.call(tool, effect, intent, ctx, address).await,
            Callee::Person => {
                let spent = AgentSpent { tool_calls: 1, usage: Usage::default() };
                match person::question(self.arguments) {
                    Ok(question) => ctx.ask(address, question).map(|said| Gave { result: Ok(said), spent }),
                    Err(why) => Ok(Gave::told(why)),
                }
            }
            Callee::Agent(agent) => {
                let task = sub_agent::task(self.arguments).unwrap_or_default();
                let mut spent = AgentSpent { tool_calls: 1, usage: Usage::default() };
                let order = Order { agent, task, bounds: left };
                let (ended, took) = sub_agent::let_work(order, ctx, address).await;
                spent += took;
                match ended {
                    Err(failure) if is_final(&failure) => Err(failure),
                    ended => Ok(Gave { result: ended.map_err(|failure| told(&failure, true)), spent }),
                }
            }
        }
    }

    async fn call(
        &self,
        tool: &AgentTool,
        effect: Effect,
        intent: Intent,
        ctx: &StepContext,
        address: &NodePath,
    ) -> Result<Gave, Failure> {
        let ctx = ctx.of_call(self.id);
        let result = match ctx.inspected_step(address, intent, effect).await {
            Ok(output) => match violations(tool.output.as_ref(), &output) {
                None => Ok(output),
                Some(what) => Err(format!("what the tool gave does not fit its own schema: {what}")),
            },
            Err(failure) if is_final(&failure) => return Err(failure),
            Err(failure) => Err(told(&failure, effect.is_repeatable())),
        };
        Ok(Gave { result, spent: AgentSpent { tool_calls: 1, usage: Usage::default() } })
    }
}

/// Whether an agent ends with it: it is not to work on without what it may not do.
pub(crate) fn is_final(failure: &Failure) -> bool {
    const ENDS: [ErrorCode; 3] =
        [ErrorCode::RunCancelled, ErrorCode::BudgetExceeded, ErrorCode::PolicyStopped];
    failure.wanted.is_some() || ENDS.contains(&failure.code)
}

fn unknown(agent: &Agent, name: &str) -> String {
    let tools = agent.tools.iter().map(|tool| &tool.name);
    let names = tools.chain(agent.agents.iter().map(|other| &other.agent.name)).map(|name| &**name);
    let names = names.chain(agent.asks.then_some(AgentDefinition::ASK_PERSON));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let known = if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    format!("there is no tool `{name}` here: {known}")
}

fn violations(validator: Option<&Validator>, value: &Value) -> Option<String> {
    validator?.validate(value).err().map(|violations| list(&violations))
}

/// What a model is told of a failure.
fn told(failure: &Failure, is_repeatable: bool) -> String {
    let open = failure.unknown_outcome && !is_repeatable;
    let doubt = if open { " (it is not known whether it had an effect)" } else { "" };
    format!("{failure}{doubt}")
}
