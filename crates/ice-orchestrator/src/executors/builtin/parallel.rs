//! `parallel`: runs branches side by side.

use std::sync::Arc;

use ice_core::value::{Map, Value};

use crate::executors::{NewFrame, Slot};
use crate::workflow::model::{ParallelPlan, Plan};

pub(crate) fn frame(plan: &Arc<Plan>, work: &ParallelPlan, index: usize) -> Option<NewFrame> {
    Some(NewFrame {
        plan: Arc::clone(plan),
        scope: *work.branches.get(index)?,
        suffix: format!(".branches[{index}]"),
        bindings: vec![(Arc::from("branch_index"), Value::from(index))],
        inputs: None,
    })
}

pub(crate) fn output(work: &ParallelPlan, slots: &[Slot]) -> Value {
    let results = Value::list(slots.iter().map(|slot| match slot {
        Slot::Ended(outputs) => outputs.clone(),
        Slot::Failed(failed) => Value::map([
            ("branch_error", Value::from(failed.failure.message.as_str())),
            ("code", Value::from(failed.failure.code.name())),
            ("node", Value::from(failed.node.as_str())),
        ]),
        Slot::Empty | Slot::Open(_) => Value::Null,
    }));
    let mut entries = Map::default();
    entries.insert(Arc::from("branch_results"), results);
    if work.merge {
        entries.insert(Arc::from("merged"), merged(work, slots));
    }
    Value::from(entries)
}

/// Node id to output over all branches: a list, in branch order, where several that ended well have the id, and
/// null where none has.
fn merged(work: &ParallelPlan, slots: &[Slot]) -> Value {
    let mut found: indexmap::IndexMap<Arc<str>, Vec<Value>> =
        work.ids.iter().map(|id| (Arc::clone(id), Vec::new())).collect();
    for slot in slots {
        if let Slot::Ended(Value::Map(outputs)) = slot {
            for (id, output) in outputs.iter() {
                found.entry(Arc::clone(id)).or_default().push(output.clone());
            }
        }
    }
    Value::map(found.into_iter().map(|(id, mut outputs)| {
        let merged = if outputs.len() > 1 { Value::from(outputs) } else { outputs.pop().unwrap_or_default() };
        (id, merged)
    }))
}
