//! `loop`: runs a body for every item of a list.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::template::Scope;
use ice_core::value::Value;

use super::{Begin, template_failure};
use crate::executors::{Env, NewFrame, Slot};
use crate::journal::{Failure, Opening};
use crate::workflow::model::{Items, LoopPlan, Plan};

fn find(items: &Items, env: &Env<'_>) -> Result<Value, Failure> {
    match items {
        Items::Template(template) => {
            template.render(env, &env.limits).map_err(|error| template_failure("items_source", &error))
        }
        Items::Path(root, path) => {
            let unknown = |what: String| {
                let message = format!("`items_source`: {what}");
                Failure::new(ErrorCode::UnknownReference, message).about("items_source")
            };
            let value =
                env.lookup(root).ok_or_else(|| unknown(format!("nothing named `{root}` is in scope")))?;
            path.follow(&value).cloned().map_err(|error| unknown(error.below(root).to_string()))
        }
    }
}

pub(crate) fn begin(plan: &LoopPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let items = find(&plan.items, env)?;
    let Value::List(list) = &items else {
        let message = format!("`items_source` gives {}, a loop needs an array", items.type_name());
        return Err(Failure::new(ErrorCode::LoopItemsInvalid, message).about("items_source"));
    };
    let taken = plan.max_iterations.unwrap_or(usize::MAX).min(list.len());
    let limit = env.options.max_loop_items;
    if taken > limit {
        let message = format!(
            "`items_source` has {taken} items, the limit `max_loop_items` of the run is {limit}; \
             set `max_iterations` or raise the limit"
        );
        return Err(Failure::new(ErrorCode::LimitExceeded, message).about("items_source"));
    }
    let items = if taken < list.len() { Value::list(list.iter().take(taken).cloned()) } else { items };
    Ok(Begin::Container(Opening::Loop { items }))
}

pub(crate) fn slots(plan: &LoopPlan, opening: &Opening) -> (usize, usize) {
    (items(opening).len(), plan.limit)
}

fn items(opening: &Opening) -> &[Value] {
    match opening {
        Opening::Loop { items } => items.as_list().unwrap_or_default(),
        Opening::Condition { .. } | Opening::Parallel | Opening::Workflow { .. } | Opening::Recursive => &[],
    }
}

pub(crate) fn frame(plan: &Arc<Plan>, work: &LoopPlan, opening: &Opening, index: usize) -> Option<NewFrame> {
    let item = items(opening).get(index)?;
    Some(NewFrame {
        plan: Arc::clone(plan),
        scope: work.body,
        suffix: format!("[{index}].body"),
        bindings: vec![(Arc::from("loop_index"), Value::from(index)), (Arc::clone(&work.item), item.clone())],
        inputs: None,
    })
}

pub(crate) fn output(slots: &[Slot]) -> Value {
    Value::list(slots.iter().map(|slot| match slot {
        Slot::Ended(last) => last.clone(),
        Slot::Empty | Slot::Open(_) | Slot::Failed(_) => Value::Null,
    }))
}
