//! The calls of tools that a model asks for: what may be called is, and whatever comes of it is told to the model.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::Part;
use ice_core::path::NodePath;
use ice_core::schema::Validator;
use ice_core::value::Value;

use crate::executors::StepContext;
use crate::journal::{Failure, Intent, list};
use crate::workflow::model::{Agent, AgentTool};

/// The most calls of one round; a model is told that further ones were not made.
const MAX_CALLS: usize = 64;
/// The deepest nesting of arguments: what they become a part of has a limit of its own.
const MAX_DEPTH: u8 = 64;

/// A call that a model asks for.
pub(super) struct Call<'p> {
    id: &'p str,
    tool: &'p str,
    arguments: &'p Value,
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
    pub(super) fn entry(&self, round: u32, gave: &Result<Value, String>) -> Value {
        let gave = match gave {
            Ok(output) => ("output", output.clone()),
            Err(error) => ("error", Value::from(error.as_str())),
        };
        let (tool, input) = (Value::from(self.tool), self.arguments.clone());
        Value::map([("round", Value::from(round)), ("tool", tool), ("input", input), gave])
    }

    /// The part of a message that answers it.
    pub(super) fn result(&self, gave: Result<Value, String>) -> Value {
        let (content, is_error) = match gave {
            Ok(output) => (output, false),
            Err(error) => (Value::from(error), true),
        };
        Value::map([
            ("type", Value::from("tool_result")),
            ("call_id", Value::from(self.id)),
            ("content", content),
            ("is_error", Value::from(is_error)),
        ])
    }
}

/// Makes a call, the `at`-th of its round. Gives what the tool gave, or what the model is told instead.
///
/// # Errors
/// That the attempt was cancelled, or that a budget does not allow the call. Whatever else goes wrong is the model's to mend.
pub(super) async fn make(
    agent: &Agent,
    ctx: &StepContext,
    address: &NodePath,
    at: usize,
    call: &Call<'_>,
) -> Result<Result<Value, String>, Failure> {
    let tool = match admit(agent, at, call) {
        Ok(tool) => tool,
        Err(why) => return Ok(Err(why)),
    };
    let input = call.arguments.clone();
    let effect = tool.tool.effect(&input).min(tool.tool.spec().effect);
    let intent = Intent::Tool { tool: Arc::clone(&tool.name), input };
    match ctx.step(address, intent, effect).await {
        Ok(output) => Ok(match violations(tool.output.as_ref(), &output) {
            None => Ok(output),
            Some(what) => Err(format!("what the tool gave does not fit its own schema: {what}")),
        }),
        // The agent is not to work on without what it may not do.
        Err(failure) if failure.wanted.is_some() || failure.code == ErrorCode::RunCancelled => Err(failure),
        Err(failure) => Ok(Err(told(&failure, effect.is_repeatable()))),
    }
}

/// The tool of a call, if the call may be made.
fn admit<'a>(agent: &'a Agent, at: usize, call: &Call<'_>) -> Result<&'a AgentTool, String> {
    if at >= MAX_CALLS {
        return Err(format!("this call was not made: {MAX_CALLS} are the most of one answer"));
    }
    let Some(tool) = agent.tools.iter().find(|tool| &*tool.name == call.tool) else {
        let names: Vec<String> = agent.tools.iter().map(|tool| format!("`{}`", tool.name)).collect();
        let known = if names.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are {}", names.join(", "))
        };
        return Err(format!("there is no tool `{}` here: {known}", call.tool));
    };
    if call.arguments.is_deeper_than(MAX_DEPTH) {
        return Err(format!("the arguments nest deeper than {MAX_DEPTH} levels"));
    }
    for validator in [&tool.offered, &tool.input] {
        if let Some(what) = violations(validator.as_ref(), call.arguments) {
            return Err(format!("the arguments do not fit the tool: {what}"));
        }
    }
    Ok(tool)
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
