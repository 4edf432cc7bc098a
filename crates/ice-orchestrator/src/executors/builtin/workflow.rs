//! `workflow`: runs another blueprint within this run.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::template::Scope;
use ice_core::value::{Map, Value};

use super::{Begin, template_failure};
use crate::executors::{Env, NewFrame, Slot};
use crate::journal::{Failure, Opening, list};
use crate::workflow::model::{ScopeIndex, WorkflowPlan};

/// The inputs of the sub-workflow: those of this one, but for those whose names the sub-workflow refuses, then the node's
/// input mappings, then `config_overrides`; the later wins.
pub(crate) fn begin(plan: &WorkflowPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let mut inputs = env.inputs.as_map().cloned().unwrap_or_default();
    if let Some(names) = &plan.plan.input_names {
        inputs.retain(|name, _| names.contains(name));
    }
    inputs.extend(env.mapped.iter().cloned());
    if let Some(overrides) = &plan.overrides {
        let overrides = overrides
            .render(env, &env.limits)
            .map_err(|error| template_failure("config_overrides", &error))?;
        inputs.extend(
            overrides.as_map().into_iter().flatten().map(|(key, value)| (Arc::clone(key), value.clone())),
        );
    }
    if let Some((name, context)) = plan.context.as_ref().and_then(|name| Some((name, env.lookup(name)?))) {
        inputs.insert(Arc::clone(name), context);
    }
    let inputs = Value::from(inputs);
    if let Some(validator) = &plan.plan.inputs {
        validator.validate(&inputs).map_err(|violations| {
            let name = plan.plan.blueprint.name();
            let message = format!("the inputs of the blueprint `{name}` do not fit: {}", list(&violations));
            Failure::new(ErrorCode::InputInvalid, message).about("workflow_ref")
        })?;
    }
    Ok(Begin::Container(Opening::Workflow { inputs }))
}

pub(crate) fn frame(work: &WorkflowPlan, opening: &Opening) -> Option<NewFrame> {
    let Opening::Workflow { inputs } = opening else { return None };
    Some(NewFrame {
        plan: Arc::clone(&work.plan),
        scope: ScopeIndex(0),
        suffix: ".run".to_owned(),
        bindings: Vec::new(),
        inputs: Some(inputs.clone()),
    })
}

pub(crate) fn output(work: &WorkflowPlan, slots: &[Slot]) -> Result<Value, Failure> {
    let outputs = match slots.first() {
        Some(Slot::Ended(outputs)) => outputs.clone(),
        Some(Slot::Empty | Slot::Open(_) | Slot::Failed(_)) | None => Value::empty_map(),
    };
    if work.exposed.is_empty() {
        return Ok(outputs);
    }
    let mut exposed = Map::with_capacity(work.exposed.len());
    for (name, path) in &work.exposed {
        let value = path.follow(&outputs).map_err(|error| {
            let field = format!("exposed_outputs.{name}");
            Failure::new(ErrorCode::MappingFailed, format!("`{field}`: {error}")).about(field)
        })?;
        exposed.insert(Arc::clone(name), value.clone());
    }
    Ok(Value::from(exposed))
}
