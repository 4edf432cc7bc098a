//! Where the time of a run went: the chain of nodes that it really waited for.

use std::collections::HashMap;

use ice_core::path::NodePath;
use ice_core::time::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::{NodeReport, RunDocument};
use crate::workflow::Plan;
use crate::workflow::model::{NodeIndex, ScopeIndex};

/// The chain of top-level nodes that a run waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredPath {
    /// The nodes, the first one first.
    pub steps: Vec<MeasuredStep>,
    /// From the start of the run to the end of the last of them, in milliseconds.
    pub total_ms: u64,
}

/// A node that the run waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredStep {
    /// The node.
    pub node: NodePath,
    /// From the end of the one before it, or the start of the run, to its own start, in milliseconds: it waited for room, or
    /// nobody drove the run.
    pub waited_ms: u64,
    /// From its start to its end, in milliseconds, with the waits between attempts.
    pub took_ms: u64,
}

/// The chain of nodes that ended last: backwards from the one with which the run ended, each time to the one it waited for
/// that was done last. Nodes that have not ended are not among them.
#[must_use]
pub fn measured(plan: &Plan, document: &RunDocument) -> MeasuredPath {
    let nothing = MeasuredPath { steps: Vec::new(), total_ms: 0 };
    let Some(scope) = plan.scope(ScopeIndex(0)) else { return nothing };
    let reports: HashMap<&str, &NodeReport> =
        document.nodes.iter().map(|report| (report.node.as_str(), report)).collect();
    let span = |index: NodeIndex| -> Option<(Moment, Moment)> {
        let report = reports.get(scope.node(index)?.id.as_str())?;
        let ended = report.ended_at?;
        // A node that was skipped took no time.
        Some((report.started_at.unwrap_or(ended), ended))
    };
    let last = |candidates: &mut dyn Iterator<Item = NodeIndex>| {
        let ended = candidates.filter_map(|index| Some((span(index)?.1, index)));
        ended.max_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1))).map(|(_, index)| index)
    };
    let count = NodeIndex::try_from(scope.nodes.len()).unwrap_or(NodeIndex::MAX);
    let (mut chain, mut at) = (Vec::new(), last(&mut (0..count)));
    while let Some(index) = at {
        chain.push(index);
        let waits = scope.node(index).map(|node| node.dependencies.as_slice()).unwrap_or_default();
        at = last(&mut waits.iter().copied());
    }
    let mut before = document.started_at;
    let mut steps = Vec::with_capacity(chain.len());
    for index in chain.into_iter().rev() {
        let (Some((started, ended)), Some(node)) = (span(index), scope.node(index)) else { continue };
        let millis = |from: Moment, to: Moment| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
        let (waited_ms, took_ms) = (millis(before, started), millis(started.max(before), ended));
        steps.push(MeasuredStep { node: NodePath::root(&node.id), waited_ms, took_ms });
        before = ended;
    }
    let total_ms = u64::try_from(before.since(document.started_at).as_millis()).unwrap_or(u64::MAX);
    MeasuredPath { steps, total_ms }
}
