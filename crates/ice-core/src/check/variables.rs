//! The names that nodes set for what is nested in them, and what these names hide.

use super::frame::{Frame, Name};
use super::walk::Checker;
use crate::blueprint::{Node, NodeKind};
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;

/// The names that a node sets for each repetition or branch of what is nested in it.
pub(super) fn of(kind: &NodeKind) -> Vec<&str> {
    match kind {
        NodeKind::Loop(looped) => vec![&looped.item_var, "loop_index"],
        NodeKind::Parallel(_) => vec!["branch_index"],
        NodeKind::Condition(_) => vec!["condition_result"],
        NodeKind::Tool(_)
        | NodeKind::Llm(_)
        | NodeKind::Agent(_)
        | NodeKind::Recursive(_)
        | NodeKind::Workflow(_)
        | NodeKind::Code(_)
        | NodeKind::Human(_)
        | NodeKind::Monitor(_)
        | NodeKind::Swarm(_) => Vec::new(),
    }
}

impl Checker<'_> {
    /// Within a node its variables had better not hide nodes around it: who reads one there gets the other.
    pub(super) fn hidden_by_variables(
        &self,
        frame: &Frame<'_>,
        node: &Node,
        variables: &[&str],
        at: &Trail<'_>,
    ) {
        let is_node = |name: &str| matches!(frame.find(name), Some(Name::Node { .. }));
        for variable in variables.iter().copied().filter(|variable| is_node(variable)) {
            let message =
                format!("the variable `{variable}` of `{}` hides the node of that id within it", node.id);
            let finding = Finding::warning(ErrorCode::DuplicateId, message);
            let (place, advice) = match &node.kind {
                NodeKind::Loop(looped) if looped.item_var == variable => {
                    (at.key("item_var"), "give `item_var` or the node another name".to_owned())
                }
                NodeKind::Loop(_)
                | NodeKind::Parallel(_)
                | NodeKind::Condition(_)
                | NodeKind::Tool(_)
                | NodeKind::Llm(_)
                | NodeKind::Agent(_)
                | NodeKind::Recursive(_)
                | NodeKind::Workflow(_)
                | NodeKind::Code(_)
                | NodeKind::Human(_)
                | NodeKind::Monitor(_)
                | NodeKind::Swarm(_) => (*at, "give the node another id".to_owned()),
            };
            self.report.add(&place, finding.advise(advice));
        }
    }
}
