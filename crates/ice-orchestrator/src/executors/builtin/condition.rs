//! `condition`: chooses one of two paths.

use std::sync::Arc;

use ice_core::value::Value;

use super::{Begin, template_failure};
use crate::executors::{Env, NewFrame, Slot};
use crate::journal::{Failure, Opening};
use crate::workflow::model::{ConditionPlan, Plan, ScopeIndex};

pub(crate) fn begin(plan: &ConditionPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let result =
        plan.expression.test(env, &env.limits).map_err(|error| template_failure("expression", &error))?;
    Ok(Begin::Container(Opening::Condition { result }))
}

fn chosen(plan: &ConditionPlan, opening: &Opening) -> Option<(bool, ScopeIndex)> {
    match opening {
        Opening::Condition { result: true } => Some((true, plan.on_true?)),
        Opening::Condition { result: false } => Some((false, plan.on_false?)),
        Opening::Loop { .. } | Opening::Parallel | Opening::Workflow { .. } | Opening::Recursive => None,
    }
}

pub(crate) fn slots(plan: &ConditionPlan, opening: &Opening) -> usize {
    usize::from(chosen(plan, opening).is_some())
}

pub(crate) fn frame(plan: &Arc<Plan>, work: &ConditionPlan, opening: &Opening) -> Option<NewFrame> {
    let (branch, scope) = chosen(work, opening)?;
    Some(NewFrame {
        plan: Arc::clone(plan),
        scope,
        suffix: format!(".{branch}"),
        bindings: vec![(Arc::from("condition_result"), Value::from(branch))],
        inputs: None,
    })
}

/// The nodes of both paths stand in `branch_outputs`: null for those of the path that was not taken.
pub(crate) fn output(plan: &ConditionPlan, opening: &Opening, slots: &[Slot]) -> Value {
    let result = matches!(opening, Opening::Condition { result: true });
    let taken = match slots.first() {
        Some(Slot::Ended(outputs)) => outputs.clone(),
        Some(Slot::Empty | Slot::Open(_) | Slot::Failed(_)) | None => Value::empty_map(),
    };
    let is_missing = |id: &&Arc<str>| taken.get(id).is_none();
    let outputs = if plan.ids.iter().any(|id| is_missing(&id)) {
        let skipped = plan.ids.iter().filter(is_missing).map(|id| (Arc::clone(id), Value::Null));
        let mut outputs = taken.as_map().cloned().unwrap_or_default();
        outputs.extend(skipped);
        Value::from(outputs)
    } else {
        taken
    };
    Value::map([
        ("result", Value::from(result)),
        ("branch", Value::from(if result { "true" } else { "false" })),
        ("branch_outputs", outputs),
    ])
}
