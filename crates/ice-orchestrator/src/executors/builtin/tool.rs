//! `tool`: calls a tool.

use std::sync::Arc;

use ice_core::error::ErrorCode;

use super::{Begin, template_failure};
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent, list};
use crate::workflow::model::ToolPlan;

pub(crate) fn begin(plan: &ToolPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let input = plan.args.render(env, &env.limits).map_err(|error| template_failure("tool_args", &error))?;
    if let Some(validator) = &plan.declared {
        validator.validate(&input).map_err(|violations| {
            let message = format!("`tool_args` do not fit the node's `input_schema`: {}", list(&violations));
            Failure::new(ErrorCode::InputInvalid, message).about_violations("tool_args", &violations)
        })?;
    }
    if let Some(validator) = &plan.input {
        validator.validate(&input).map_err(|violations| {
            let message =
                format!("the input of the tool `{}` does not fit: {}", plan.name, list(&violations));
            Failure::new(ErrorCode::ToolInputInvalid, message).about_violations("tool_args", &violations)
        })?;
    }
    let effect = plan.tool.effect(&input).min(plan.tool.spec().effect);
    Ok(Begin::Leaf { intent: Intent::Tool { tool: Arc::clone(&plan.name), input }, effect })
}

pub(crate) async fn run(plan: &ToolPlan, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    checked(plan, ctx.own_step(intent).await?)
}

/// What a call gave, if it is what the tool says it gives.
pub(crate) fn checked(plan: &ToolPlan, completion: Completion) -> Result<Completion, Failure> {
    if let Some(validator) = &plan.output {
        validator.validate(&completion.value).map_err(|violations| {
            let message =
                format!("the output of the tool `{}` does not fit: {}", plan.name, list(&violations));
            let failure = Failure::new(ErrorCode::ToolOutputInvalid, message).about("tool_name");
            Failure { unknown_outcome: true, ..failure }
        })?;
    }
    Ok(completion)
}
