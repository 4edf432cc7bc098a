//! What the graph of a plan says, under worst-case times, as a document.

use ice_core::budget::Budget;
use ice_core::path::NodePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::worst::Worst;
use super::{CriticalPath, Dag, Weight, WorstTime, bottlenecks, critical_path, width};
use crate::journal::RunOptions;
use crate::workflow::model::{NodeIndex, Scope, ScopeIndex};
use crate::workflow::{Plan, estimate};

/// What the graph of the top scope says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GraphReport {
    /// How many nodes there are, nested ones not counted.
    pub nodes: usize,
    /// How many of them wait for how many others, one by one.
    pub edges: usize,
    /// The nodes by how many others must be done one after the other before them.
    pub levels: Vec<Vec<NodePath>>,
    /// The most nodes that can be under way at once.
    pub width: usize,
    /// The chain that may take longest.
    pub critical_path: Vec<NodePath>,
    /// How long it may take: time-outs, attempts and the waits between them.
    pub worst_time: WorstTime,
    /// What a run may spend at most, as [`estimate`] tells it without inputs; what is absent has no bound.
    pub worst_spend: Budget,
    /// What it pays to make faster, the most first.
    pub bottlenecks: Vec<BottleneckReport>,
}

/// A node that the whole waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BottleneckReport {
    /// The node.
    pub node: NodePath,
    /// How long it may take.
    pub worst_time: WorstTime,
    /// How much sooner the whole would be done at worst if it took no time.
    pub gain: WorstTime,
    /// Whether every path leads through it, so that nothing else is under way while it is.
    pub is_gate: bool,
}

/// Analyzes the top scope of a plan under worst-case times.
#[must_use]
pub fn analyze(plan: &Plan) -> GraphReport {
    let Some(scope) = plan.scope(ScopeIndex(0)) else { return GraphReport::default() };
    let (dag, weights) = (Dag::of(scope), Worst::default().weights(plan, ScopeIndex(0)));
    let CriticalPath { nodes, total, .. } = critical_path(&dag, &weights);
    let weight = |index: NodeIndex| weights.get(index as usize).copied().unwrap_or_else(WorstTime::zero);
    let report = |found: super::Bottleneck<WorstTime>| {
        let node = path(scope, found.node)?;
        Some(BottleneckReport {
            node,
            worst_time: weight(found.node),
            gain: found.gain,
            is_gate: found.is_gate,
        })
    };
    let most = estimate(plan, None, &RunOptions::default());
    GraphReport {
        worst_spend: Budget {
            cost_usd: most.cost_usd.most.filter(|_| !most.unpriced),
            tokens: most.tokens.most,
            model_calls: most.model_calls.most,
            tool_calls: most.tool_calls.most,
        },
        nodes: dag.len(),
        edges: dag.dependencies.iter().map(Vec::len).sum(),
        levels: dag.levels().iter().map(|level| paths(scope, level)).collect(),
        width: width(&dag),
        critical_path: paths(scope, &nodes),
        worst_time: total,
        bottlenecks: bottlenecks(&dag, &weights).into_iter().filter_map(report).collect(),
    }
}

fn path(scope: &Scope, index: NodeIndex) -> Option<NodePath> {
    Some(NodePath::root(&scope.node(index)?.id))
}

fn paths(scope: &Scope, indices: &[NodeIndex]) -> Vec<NodePath> {
    indices.iter().filter_map(|index| path(scope, *index)).collect()
}
