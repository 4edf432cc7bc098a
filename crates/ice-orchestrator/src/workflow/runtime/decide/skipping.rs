//! Which nodes do not run.

use ice_core::id::NodeId;
use ice_core::value::Value;

use super::Decider;
use crate::journal::{FailurePolicy, SkipReason};
use crate::workflow::model::PlanNode;
use crate::workflow::runtime::frame::{Frame, Outcome};

impl Decider<'_> {
    /// Why a node does not run, if it does not.
    pub(super) fn skips(&self, frame: &Frame, node: &PlanNode) -> Option<SkipReason> {
        let around = |id: &NodeId| self.state.outcome_around(frame, id);
        let here = node.when.map(|(condition, branch)| (frame.outcome(condition), branch));
        let further = || node.around.when.as_ref().map(|(condition, branch)| (around(condition), *branch));
        if let Some((condition, branch)) = here.or_else(further) {
            match condition {
                Some(Outcome::Succeeded(value)) => {
                    if value.get("result").and_then(Value::as_bool) != Some(branch) {
                        return Some(SkipReason::BranchNotTaken);
                    }
                }
                Some(Outcome::Skipped(reason)) => return Some(*reason),
                Some(Outcome::Failed | Outcome::Cancelled) | None => {
                    return Some(SkipReason::DependencyFailed);
                }
            }
        }
        if node.dependencies.is_empty() && node.around.dependencies.is_empty() {
            return None;
        }
        let always = self.state.manifest.options.failure_policy == FailurePolicy::Always;
        let mut all_skipped = true;
        let here = node.dependencies.iter().map(|dependency| frame.outcome(*dependency));
        for dependency in here.chain(node.around.dependencies.iter().map(around)) {
            match dependency {
                Some(
                    Outcome::Failed | Outcome::Cancelled | Outcome::Skipped(SkipReason::DependencyFailed),
                ) if !always => {
                    return Some(SkipReason::DependencyFailed);
                }
                Some(Outcome::Skipped(_)) => {}
                Some(Outcome::Succeeded(_) | Outcome::Failed | Outcome::Cancelled) | None => {
                    all_skipped = false
                }
            }
        }
        all_skipped.then_some(SkipReason::BranchNotTaken)
    }
}
