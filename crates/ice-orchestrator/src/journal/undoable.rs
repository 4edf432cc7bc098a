//! What a run has done that can be undone: where sagas begin.

use std::collections::VecDeque;

use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Decision, Intent};

/// The most of them that are listed.
const MAX: usize = 10_000;

/// An effect that a compensating call can undo, and that nothing has undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Undoable {
    /// The node or step that had it.
    pub node: NodePath,
    /// The tool that was called.
    pub tool: String,
    /// The number of the record with what it was called with.
    pub record: u64,
    /// When it ended, or was given up.
    pub at: Moment,
    /// Whether it may not have happened: its outcome is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
}

/// A call of a compensable tool that has not ended.
#[derive(Clone, Debug)]
struct Open {
    /// The node, if it is a step of one.
    of: Option<NodePath>,
    tool: String,
    record: u64,
}

/// Folds records into a list of [`Undoable`].
#[derive(Clone, Debug, Default)]
pub(super) struct Undoables {
    open: IndexMap<NodePath, Open>,
    done: VecDeque<Undoable>,
}

impl Undoables {
    /// All so far, the newest first: the order in which they are to be undone.
    pub(super) fn newest_first(&self) -> Vec<Undoable> {
        self.done.iter().rev().cloned().collect()
    }

    /// Folds the record of a number in.
    pub(super) fn push(&mut self, record: u64, at: Moment, body: &Body) {
        match body {
            Body::Started {
                node, intent: Intent::Tool { tool, .. }, effect: Effect::Compensable, ..
            } => {
                self.open.insert(node.clone(), Open { of: None, tool: tool.to_string(), record });
            }
            Body::Step {
                step, node, intent: Intent::Tool { tool, .. }, effect: Effect::Compensable, ..
            } => {
                let open = Open { of: Some(node.clone()), tool: tool.to_string(), record };
                self.open.insert(step.clone(), open);
            }
            _ if self.open.is_empty() => {}
            Body::Succeeded { node, .. } => self.end(node, at, Some(false)),
            Body::Receipt { step, result: Ok(_), .. } => self.end(step, at, Some(false)),
            Body::Receipt { step, result: Err(failure), .. } => {
                self.end(step, at, failure.unknown_outcome.then_some(true));
            }
            Body::Failed { node, failure, .. } => {
                self.end(node, at, failure.unknown_outcome.then_some(true));
                self.give_up(at, |open| open.of.as_ref() == Some(node));
            }
            Body::Cancelled { node, in_doubt, winding_down: false } => {
                self.end(node, at, in_doubt.then_some(true));
                self.give_up(at, |open| open.of.as_ref() == Some(node));
            }
            // It ended after nobody wanted it any more: whether well is not said.
            Body::Discarded { node, .. } => self.end(node, at, Some(true)),
            // Whoever says that it is to be made again says that it was not.
            Body::Settled { node, decision: Decision::Repeat, .. } => self.end(node, at, None),
            Body::Settled { node, decision: Decision::Fail, .. } => self.end(node, at, Some(true)),
            Body::Ended { .. } => self.give_up(at, |_| true),
            Body::Manifest(_)
            | Body::Started { .. }
            | Body::Step { .. }
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Asked { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Closed { .. }
            | Body::Cancelling { .. }
            | Body::Cancelled { winding_down: true, .. }
            | Body::Unresponsive { .. }
            | Body::InDoubt { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
            | Body::Exceeded { .. }
            | Body::Funded { .. }
            | Body::Migrated(_)
            | Body::Parked { .. }
            | Body::Resumed { .. } => {}
        }
    }

    /// A call has ended: it happened, may have (`uncertain`), or, without either, has not.
    fn end(&mut self, node: &NodePath, at: Moment, uncertain: Option<bool>) {
        let Some(open) = self.open.shift_remove(node) else { return };
        if let Some(uncertain) = uncertain {
            if self.done.len() == MAX {
                self.done.pop_front();
            }
            let Open { tool, record, .. } = open;
            self.done.push_back(Undoable { node: node.clone(), tool, record, at, uncertain });
        }
    }

    fn give_up(&mut self, at: Moment, which: impl Fn(&Open) -> bool) {
        let given_up = self.open.iter().filter(|(_, open)| which(open));
        let given_up: Vec<NodePath> = given_up.map(|(node, _)| node.clone()).collect();
        for node in given_up {
            self.end(&node, at, Some(true));
        }
    }
}
