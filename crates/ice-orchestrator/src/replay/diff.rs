//! What came out differently in two runs.

use ice_core::id::RunId;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::value::Value;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Difference;
use super::difference;
use crate::journal::{NodeReport, RunDocument, RunStatus};
use crate::workflow::runtime::NodeStatus;

/// The most fields that are listed.
const MAX_FIELDS: usize = 1_000;

/// Two runs beside one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDiff {
    /// The runs.
    pub runs: Pair<RunSide>,
    /// The nodes whose status or attempts differ, or that only one of the runs came to.
    pub nodes: Vec<NodeDiff>,
    /// The inputs that differ.
    pub inputs: Vec<Difference>,
    /// The fields of the output that differ, the first 1,000.
    pub output: Vec<Difference>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSide {
    /// The run.
    #[schemars(with = "String")]
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// From its start to its end, or to its newest record, in milliseconds.
    pub duration_ms: u64,
    /// Tokens spent.
    pub usage: Usage,
}

/// The same of both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair<T> {
    /// Of the first.
    pub before: T,
    /// Of the second.
    pub after: T,
}

/// A node that fared differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeDiff {
    /// The node.
    pub node: NodePath,
    /// Where it stood; nothing in a run that did not come to it.
    pub status: Pair<Option<NodeStatus>>,
    /// How many attempts it took.
    pub attempts: Pair<u32>,
}

impl RunDiff {
    /// Whether both came out the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let same = self.runs.before.status == self.runs.after.status;
        same && self.nodes.is_empty() && self.inputs.is_empty() && self.output.is_empty()
    }
}

/// Compares two runs.
#[must_use]
pub fn diff(before: &RunDocument, after: &RunDocument) -> RunDiff {
    let side = |run: &RunDocument| RunSide {
        id: run.id,
        status: run.status,
        duration_ms: run.duration_ms,
        usage: run.usage,
    };
    RunDiff {
        runs: Pair { before: side(before), after: side(after) },
        nodes: nodes(before, after),
        inputs: fields(&before.inputs, &after.inputs),
        output: fields(&before.output, &after.output),
    }
}

fn nodes(before: &RunDocument, after: &RunDocument) -> Vec<NodeDiff> {
    let mut all: IndexMap<&NodePath, [Option<&NodeReport>; 2]> = IndexMap::new();
    for report in &before.nodes {
        all.entry(&report.node).or_default()[0] = Some(report);
    }
    for report in &after.nodes {
        all.entry(&report.node).or_default()[1] = Some(report);
    }
    let differs = |[one, other]: &[Option<&NodeReport>; 2]| {
        let fared = |report: &Option<&NodeReport>| report.map(|report| (report.status, report.attempts));
        fared(one) != fared(other)
    };
    all.into_iter()
        .filter(|(_, reports)| differs(reports))
        .map(|(node, [one, other])| NodeDiff {
            node: node.clone(),
            status: Pair {
                before: one.map(|report| report.status),
                after: other.map(|report| report.status),
            },
            attempts: Pair {
                before: one.map_or(0, |report| report.attempts),
                after: other.map_or(0, |report| report.attempts),
            },
        })
        .collect()
}

fn fields(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    if let (Ok(before), Ok(after)) = (serde_json::to_value(before), serde_json::to_value(after)) {
        difference::all("", &before, &after, MAX_FIELDS, &mut found);
    }
    found
}
