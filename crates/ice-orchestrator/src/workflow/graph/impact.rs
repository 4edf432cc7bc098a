//! What a node has an impact on.

use std::collections::BTreeSet;
use std::sync::Arc;

use ice_core::path::NodePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dag;
use crate::workflow::model::{NodeIndex, Plan, Scope, ScopeIndex, Work};

/// What waits for a node, or reads what it gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Impact {
    /// The node.
    pub node: NodePath,
    /// Those that wait for it or read it themselves, in file order.
    pub direct: Vec<NodePath>,
    /// All that do, through others or not: the containers around it, what waits for those, and what a recursive node runs
    /// again. In file order, the innermost scope first.
    pub all: Vec<NodePath>,
    /// The share of the nodes beside it and further out that this is, 0 to 1.
    pub share: f64,
}

/// What a node has an impact on; nothing if the plan has no node of this path. Nodes are told by their static paths:
/// `each.body.clean`, `cond.true.x`, `par.branches[1].x`, `wf.run.x`; indices of iterations are passed over.
#[must_use]
pub fn impact(plan: &Arc<Plan>, path: &NodePath) -> Option<Impact> {
    let levels = levels(plan, path)?;
    let (mut direct, mut all, mut beside) = (Vec::new(), Vec::new(), 0_usize);
    for (depth, level) in levels.iter().rev().enumerate() {
        let scope = level.plan.scope(level.scope)?;
        let dag = Dag::of(scope);
        let own: BTreeSet<NodeIndex> = readers(scope, &dag, level.node).collect();
        let name = |index: &NodeIndex| Some(level.path(&scope.node(*index)?.id));
        if depth == 0 {
            direct.extend(own.iter().filter_map(name));
        }
        let mut reached = own.clone();
        let mut open: Vec<NodeIndex> = own.into_iter().collect();
        while let Some(index) = open.pop() {
            open.extend(readers(scope, &dag, index).filter(|next| reached.insert(*next)));
        }
        reached.remove(&level.node);
        all.extend(reached.iter().filter_map(name));
        // What contains it waits for it, and so counts among those beside it further out.
        if depth > 0 {
            let container = level.path(&scope.node(level.node)?.id);
            if direct.is_empty() && depth == 1 {
                direct.push(container.clone());
            }
            let at = all.len() - reached.len();
            all.insert(at, container);
        }
        beside += scope.nodes.len() - usize::from(depth == 0);
    }
    let share = if beside == 0 { 0.0 } else { all.len() as f64 / beside as f64 };
    Some(Impact { node: path.clone(), direct, all, share })
}

/// Those that wait for a node, and those that read it with the next iteration of a recursive node.
fn readers<'d>(scope: &'d Scope, dag: &'d Dag, index: NodeIndex) -> impl Iterator<Item = NodeIndex> + 'd {
    let again = scope
        .nodes
        .iter()
        .zip(0_u32..)
        .filter(move |(node, _)| node.before.iter().any(|(recursive, ..)| *recursive == index as usize));
    dag.dependents_of(index).iter().copied().chain(again.map(|(_, reader)| reader))
}

/// A scope on the way to a node, and where the way leads on.
struct Level {
    plan: Arc<Plan>,
    scope: ScopeIndex,
    node: NodeIndex,
    prefix: Option<String>,
}

impl Level {
    fn path(&self, id: &ice_core::id::NodeId) -> NodePath {
        let root = NodePath::root(id);
        match &self.prefix {
            Some(prefix) => format!("{prefix}.{id}").parse().unwrap_or(root),
            None => root,
        }
    }
}

/// The scopes from the top to a node.
fn levels(plan: &Arc<Plan>, path: &NodePath) -> Option<Vec<Level>> {
    let (mut plan, mut scope, mut prefix) = (Arc::clone(plan), ScopeIndex(0), None);
    let mut levels = Vec::new();
    let mut segments = path.as_str().split('.');
    while let Some(segment) = segments.next() {
        let (id, _) = name_and_index(segment);
        let nodes = plan.scope(scope)?;
        let node = *nodes.by_id.get(id)?;
        let work = nodes.node(node)?.work.clone();
        let here = Level { plan: Arc::clone(&plan), scope, node, prefix: prefix.clone() };
        let container = here.path(&nodes.node(node)?.id);
        levels.push(here);
        // `loop[3].body.x` and `rec[2].x` are read without their indices.
        let recursive_body = matches!(work, Work::Recursive(_));
        let inner = if recursive_body { segments.clone().next() } else { segments.next() };
        let Some(inner) = inner else { break };
        let (name, index) = name_and_index(inner);
        let label;
        match (&work, name) {
            (Work::Condition(condition), "true") => (scope, label) = (condition.on_true?, inner.to_owned()),
            (Work::Condition(condition), "false") => (scope, label) = (condition.on_false?, inner.to_owned()),
            (Work::Loop(each), "body") => (scope, label) = (each.body, "body".to_owned()),
            (Work::Parallel(parallel), "branches") => {
                (scope, label) = (*parallel.branches.get(index?)?, inner.to_owned());
            }
            (Work::Workflow(workflow), "run") => {
                plan = Arc::clone(&workflow.plan);
                (scope, label) = (ScopeIndex(0), "run".to_owned());
            }
            _ => return None,
        }
        prefix = Some(format!("{container}.{label}"));
    }
    Some(levels)
}

fn name_and_index(segment: &str) -> (&str, Option<usize>) {
    match segment.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']').and_then(|index| index.parse().ok())),
        None => (segment, None),
    }
}
