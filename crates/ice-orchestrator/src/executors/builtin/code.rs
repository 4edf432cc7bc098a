//! `code`: runs a piece of code in a cage or a WebAssembly sandbox.

use std::sync::Arc;

use ice_core::template::Scope;
use ice_core::tools::{Capability, Effect};
use ice_core::value::{Map, Value};

use super::Begin;
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::model::CodePlan;

pub(crate) fn begin(plan: &CodePlan, env: &Env<'_>) -> Begin {
    let mut request = plan.request.clone();
    request.insert(Arc::from("inputs"), Value::from(seen(&plan.dependencies, env)));
    // What can touch nothing may differ from one time to the next, but does no harm when it is repeated.
    let effect = plan.capabilities.iter().map(|capability| match capability {
        Capability::ReadFiles | Capability::Nondeterminism | Capability::Memory => Effect::Idempotent,
        Capability::WriteFiles | Capability::Network => Effect::Irreversible,
    });
    let effect = effect.max().unwrap_or(Effect::Idempotent);
    Begin::Leaf { intent: Intent::Code { request: Value::from(request) }, effect }
}

/// The names that a node sees as data, later ones before earlier ones: the inputs of the blueprint, the outputs of the node's
/// dependencies by their id, its input mappings, and the variables of loops and branches around it.
pub(super) fn seen(dependencies: &[Arc<str>], env: &Env<'_>) -> Map {
    let chosen =
        |name: &str| env.selection.is_none_or(|names| names.iter().any(|selected| &**selected == name));
    let mut seen: Map = env.inputs.as_map().cloned().unwrap_or_default();
    for id in dependencies {
        if let Some(value) = env.lookup_node(id) {
            seen.insert(Arc::clone(id), value);
        }
    }
    for (name, value) in &env.mapped {
        seen.insert(Arc::clone(name), value.clone());
    }
    seen.retain(|name, _| chosen(name));
    for (name, value) in env.names.bindings() {
        seen.insert(name, value);
    }
    seen
}

pub(crate) async fn run(ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    ctx.own_step(intent).await
}
