//! `recursive`: repeats a blueprint, with the nodes that lead to it, until a condition holds.

use std::sync::Arc;

use ice_core::template::Scope;
use ice_core::value::{Map, Value};

use super::template_failure;
use crate::executors::{Env, Names, NewFrame, Slot};
use crate::journal::Failure;
use crate::workflow::model::{Plan, RecursivePlan};

/// An iteration under way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Iteration {
    /// From 1.
    pub(crate) number: u32,
    /// What it sees of the one before.
    context: Value,
}

/// What comes after an iteration.
pub(crate) enum Next {
    /// Nothing: this is the output.
    Done(Value),
    /// The iteration of this number.
    Iterate(u32),
}

/// What an iteration has come to.
struct Ended<'p> {
    plan: &'p RecursivePlan,
    number: u32,
    result: Value,
    /// Node id to output, of those that are run again.
    outputs: Value,
}

impl<'p> Ended<'p> {
    /// Reads the one frame of an iteration; what was not run again in it is found around.
    fn read(plan: &'p RecursivePlan, iteration: &Iteration, slots: &[Slot], around: &dyn Names) -> Self {
        let given = match slots.first() {
            Some(Slot::Ended(outputs)) => outputs.clone(),
            Some(Slot::Empty | Slot::Open(_) | Slot::Failed(_)) | None => Value::empty_map(),
        };
        let output = |id: &Arc<str>| {
            let output = given.get(id).cloned().or_else(|| around.node_value(id));
            (Arc::clone(id), output.unwrap_or_default())
        };
        Self {
            plan,
            number: iteration.number,
            result: given.get(&plan.id).cloned().unwrap_or_default(),
            outputs: Value::from(plan.repeats.iter().map(output).collect::<Map>()),
        }
    }

    fn context(&self, number: u32) -> Value {
        context(self.plan, number, self.result.clone(), self.outputs.clone())
    }

    /// The node's output, should this be the last iteration.
    fn output(&self, converged: bool, reason: Value) -> Value {
        output(converged, reason, self.number, self.context(self.number), self.result.clone())
    }
}

/// What is carried from one iteration to the next.
fn context(plan: &RecursivePlan, number: u32, result: Value, outputs: Value) -> Value {
    Value::map([
        ("iteration", Value::from(number)),
        ("node_id", Value::String(Arc::clone(&plan.id))),
        ("result", result),
        ("outputs", outputs),
    ])
}

fn output(converged: bool, reason: Value, iterations: u32, final_context: Value, result: Value) -> Value {
    Value::map([
        ("converged", Value::from(converged)),
        ("reason", reason),
        ("iterations", Value::from(iterations)),
        ("final_context", final_context),
        ("result", result),
    ])
}

/// The names that iterations bind, as they are before there was one.
pub(crate) fn before(id: &Arc<str>, key: &str) -> Vec<(Arc<str>, Value)> {
    let context = Value::map([
        ("iteration", Value::from(1)),
        ("node_id", Value::String(Arc::clone(id))),
        ("result", Value::Null),
        ("outputs", Value::Null),
    ]);
    vec![(Arc::clone(id), Value::Null), (Arc::from(key), context)]
}

/// The first iteration.
pub(crate) fn first(plan: &RecursivePlan) -> Iteration {
    Iteration { number: 1, context: context(plan, 1, Value::Null, Value::Null) }
}

/// The iteration after one whose frame has ended.
pub(crate) fn following(
    plan: &RecursivePlan,
    iteration: &Iteration,
    slots: &[Slot],
    around: &dyn Names,
) -> Iteration {
    let number = iteration.number.saturating_add(1);
    if !plan.preserve {
        return Iteration { number, context: context(plan, number, Value::Null, Value::Null) };
    }
    Iteration { number, context: Ended::read(plan, iteration, slots, around).context(number) }
}

pub(crate) fn frame(plan: &Arc<Plan>, work: &RecursivePlan, iteration: &Iteration) -> NewFrame {
    let Iteration { number, context } = iteration;
    let before = number.saturating_sub(1);
    // The node's own output, as it would be had it ended with the iteration before.
    let so_far = if before == 0 || !work.preserve {
        Value::Null
    } else {
        let result = context.get("result").cloned().unwrap_or_default();
        output(false, Value::Null, before, context.clone(), result)
    };
    NewFrame {
        plan: Arc::clone(plan),
        scope: if before == 0 { work.first } else { work.again },
        suffix: format!("[{before}]"),
        bindings: vec![(Arc::clone(&work.id), so_far), (Arc::clone(&work.key), context.clone())],
        inputs: None,
    }
}

/// Whether the iteration that has ended was the last one.
pub(crate) fn next(
    plan: &RecursivePlan,
    iteration: &Iteration,
    slots: &[Slot],
    env: &Env<'_>,
) -> Result<Next, Failure> {
    let ended = Ended::read(plan, iteration, slots, env.names);
    if let Some(condition) = &plan.condition {
        let seen = Seen { ended: &ended, env };
        let holds = condition
            .test(&seen, &env.limits)
            .map_err(|error| template_failure("convergence_condition", &error))?;
        if holds {
            return Ok(Next::Done(ended.output(true, Value::from("condition_met"))));
        }
    }
    if iteration.number >= plan.max_iterations {
        return Ok(Next::Done(ended.output(false, Value::from("max_iterations_reached"))));
    }
    Ok(Next::Iterate(iteration.number.saturating_add(1)))
}

/// What the condition sees: the context, the output so far, the fields of the result, the nodes that are run again, and what
/// the node itself sees.
struct Seen<'s, 'e> {
    ended: &'s Ended<'s>,
    env: &'s Env<'e>,
}

impl Scope for Seen<'_, '_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        let Ended { plan, result, outputs, number } = self.ended;
        if name == &*plan.key {
            return Some(self.ended.context(*number));
        }
        if name == &*plan.id {
            return Some(self.ended.output(false, Value::Null));
        }
        let field = result.as_map().and_then(|fields| fields.get(name)).or_else(|| outputs.get(name));
        field.cloned().or_else(|| self.env.lookup(name))
    }

    fn lookup_node(&self, id: &str) -> Option<Value> {
        if id == &*self.ended.plan.id {
            return Some(self.ended.output(false, Value::Null));
        }
        self.ended.outputs.get(id).cloned().or_else(|| self.env.lookup_node(id))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names = vec![Arc::clone(&self.ended.plan.key), Arc::clone(&self.ended.plan.id)];
        names.extend(self.ended.result.as_map().into_iter().flat_map(|fields| fields.keys().cloned()));
        names.extend(self.env.names());
        names
    }
}
