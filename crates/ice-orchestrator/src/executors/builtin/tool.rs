//! `tool`: calls a tool.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::schema::Validator;
use ice_core::template::ValueTemplate;
use ice_core::tools::Tool;

use super::{Begin, template_failure};
use crate::executors::{Completion, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::runtime::{Env, list};

/// A tool node, compiled.
#[derive(Debug)]
pub(crate) struct ToolPlan {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) name: Arc<str>,
    pub(crate) args: ValueTemplate,
    /// The tool's schemas; absent where they accept everything.
    pub(crate) input: Option<Validator>,
    pub(crate) output: Option<Validator>,
}

pub(crate) fn begin(plan: &ToolPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let input =
        plan.args.render(env, &env.limits).map_err(|error| template_failure("`tool_args`", &error))?;
    if let Some(validator) = &plan.input {
        validator.validate(&input).map_err(|violations| {
            let message =
                format!("the input of the tool `{}` does not fit: {}", plan.name, list(&violations));
            Failure::new(ErrorCode::ToolInputInvalid, message)
        })?;
    }
    let effect = plan.tool.effect(&input).min(plan.tool.spec().effect);
    Ok(Begin::Leaf { intent: Intent::Tool { tool: Arc::clone(&plan.name), input }, effect })
}

pub(crate) async fn run(plan: &ToolPlan, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    let completion = ctx.own_step(intent).await?;
    if let Some(validator) = &plan.output {
        validator.validate(&completion.value).map_err(|violations| {
            let message =
                format!("the output of the tool `{}` does not fit: {}", plan.name, list(&violations));
            Failure { unknown_outcome: true, ..Failure::new(ErrorCode::ToolOutputInvalid, message) }
        })?;
    }
    Ok(completion)
}
