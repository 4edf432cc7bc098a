//! What a recursive node repeats: scopes of their own with the nodes that are run again, and one that runs its blueprint.

use std::sync::Arc;

use ice_core::blueprint::{AgentNode, NodeBase, RecursiveNode, RetryPolicy};
use ice_core::check::CheckedNode;
use ice_core::path::NodePath;
use ice_core::schema::normalize;
use ice_core::template::Expression;
use ice_core::value::Value;
use indexmap::IndexMap;

use super::kinds::template;
use super::{CompileError, Compiler, Parts};
use crate::executors::builtin::recursive;
use crate::workflow::graph_utils::dependents;
use crate::workflow::model::{
    Around, NodeIndex, PlanNode, RecursivePlan, Scope, ScopeIndex, Work, WorkflowPlan,
};

impl Compiler<'_> {
    /// The scopes of the iterations are filled in by [`repeats`] once the nodes around are compiled.
    pub(super) fn recursive(
        &mut self,
        kind: &RecursiveNode,
        base: &NodeBase,
        id: Arc<str>,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<RecursivePlan, CompileError> {
        let condition = kind.convergence_condition.as_deref().map(Expression::compile).transpose();
        let condition = condition.map_err(template(path, "convergence_condition"))?;
        let key: Arc<str> = Arc::from(kind.context_key.as_str());
        let run = match &kind.workflow_ref {
            Some(name) => {
                let plan = self.sub_blueprint(name, path, parts)?;
                let context = takes(&plan.blueprint.input_schema, &key).then(|| Arc::clone(&key));
                Work::Workflow(WorkflowPlan { plan, exposed: Vec::new(), overrides: None, context })
            }
            None => {
                let package = kind.agent_package.as_deref().unwrap_or_default();
                // What the node declares is what comes of all iterations.
                let base = NodeBase { output_schema: Value::Null, ..base.clone() };
                let mut plan = self.agent(&AgentNode::named(package), &base, path, parts)?;
                plan.dependencies.push(Arc::clone(&key));
                Work::Agent(plan)
            }
        };
        let mut scope = || {
            parts.scopes.push(Scope::default());
            ScopeIndex(u32::try_from(parts.scopes.len() - 1).unwrap_or(u32::MAX))
        };
        Ok(RecursivePlan {
            id,
            condition,
            max_iterations: kind.max_iterations,
            preserve: kind.preserve_context,
            key,
            first: scope(),
            again: scope(),
            repeats: Vec::new(),
            run: Box::new(run),
        })
    }
}

/// Whether a blueprint with this schema can be given an input of this name: not if it names its inputs, and allows no others.
fn takes(schema: &Value, name: &str) -> bool {
    let schema = normalize(schema).unwrap_or_default();
    schema.get("additionalProperties") != Some(&Value::Bool(false))
        || schema.get("properties").is_some_and(|known| known.get(name).is_some())
        || schema.get("patternProperties").is_some()
}

/// Fills in what the recursive nodes among `nodes` repeat, and what the nodes that they run again see before they do.
pub(super) fn repeats(nodes: &mut [PlanNode], checked: &[CheckedNode], scopes: &mut [Scope]) {
    let is_recursive = |(_, node): &(usize, &PlanNode)| matches!(node.work, Work::Recursive(_));
    let owners: Vec<usize> = nodes.iter().enumerate().filter(is_recursive).map(|(at, _)| at).collect();
    let repeats = |at: usize| checked.get(at).map(|node| node.repeats.as_slice()).unwrap_or_default();
    for owner in &owners {
        let ids = repeats(*owner).iter().filter_map(|at| nodes.get(*at)).map(|node| node.id.shared());
        let ids = ids.collect();
        let Some(PlanNode { work: Work::Recursive(plan), .. }) = nodes.get_mut(*owner) else { continue };
        plan.repeats = ids;
        let before = recursive::before(&plan.id, &plan.key);
        for at in repeats(*owner) {
            if let Some(node) = nodes.get_mut(*at) {
                node.before
                    .extend(before.iter().map(|(name, value)| (*owner, Arc::clone(name), value.clone())));
            }
        }
    }
    for owner in owners {
        let Some(node) = nodes.get(owner) else { continue };
        let Work::Recursive(plan) = &node.work else { continue };
        let (first, again) = (plan.first, plan.again);
        // What is bound further out is found there, through the node itself.
        let is_bound = |other: usize| other == owner || repeats(other).binary_search(&owner).is_ok();
        let mut repeated: Vec<PlanNode> =
            repeats(owner).iter().filter_map(|at| nodes.get(*at)).cloned().collect();
        repeated.push(last(node, plan));
        let within = |at: NodeIndex| {
            let found = repeats(owner).binary_search(&(at as usize)).ok();
            found.and_then(|found| u32::try_from(found).ok())
        };
        for node in &mut repeated {
            node.before.retain(|(owner, ..)| !is_bound(*owner));
            move_in(node, nodes, &within);
        }
        for (index, nodes) in [(first, vec![last_alone(node, plan)]), (again, repeated)] {
            if let Some(slot) = scopes.get_mut(index.0 as usize) {
                *slot = scope(nodes);
            }
        }
    }
}

/// The node of an iteration that runs what is repeated. It has the id of the recursive node.
fn last(node: &PlanNode, plan: &RecursivePlan) -> PlanNode {
    let work = (*plan.run).clone();
    PlanNode {
        kind: work.kind(),
        work,
        retry: RetryPolicy { max_attempts: 1, ..node.retry.clone() },
        timeout: None,
        output_validator: None,
        output_mappings: Vec::new(),
        output_selection: None,
        before: Vec::new(),
        ..node.clone()
    }
}

/// The same for the first iteration: what it waits for has been run.
fn last_alone(node: &PlanNode, plan: &RecursivePlan) -> PlanNode {
    PlanNode { dependencies: Vec::new(), dependents: Vec::new(), when: None, ..last(node, plan) }
}

/// Tells what a node waits for within its new scope from what it waited for around it.
fn move_in(node: &mut PlanNode, around: &[PlanNode], within: &dyn Fn(NodeIndex) -> Option<NodeIndex>) {
    let id = |at: NodeIndex| around.get(at as usize).map(|node| node.id.clone());
    let (inside, outside): (Vec<NodeIndex>, Vec<NodeIndex>) =
        node.dependencies.iter().partition(|at| within(**at).is_some());
    let when = node.when.take();
    node.around = Around {
        dependencies: outside.into_iter().filter_map(id).collect(),
        when: when.filter(|(at, _)| within(*at).is_none()).and_then(|(at, branch)| Some((id(at)?, branch))),
    };
    node.when = when.and_then(|(at, branch)| Some((within(at)?, branch)));
    node.dependencies = inside.into_iter().filter_map(within).collect();
}

fn scope(mut nodes: Vec<PlanNode>) -> Scope {
    let waits: Vec<Vec<NodeIndex>> = nodes.iter().map(|node| node.dependencies.clone()).collect();
    for (node, dependents) in nodes.iter_mut().zip(dependents(&waits)) {
        node.dependents = dependents;
    }
    let by_id: IndexMap<_, _, ahash::RandomState> =
        nodes.iter().zip(0..).map(|(node, at)| (node.id.clone(), at)).collect();
    Scope { nodes, by_id }
}
