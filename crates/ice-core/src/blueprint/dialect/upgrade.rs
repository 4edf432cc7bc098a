//! Moving nodes from the flat list of the first dialect to where they are named.

use std::collections::HashMap;

use crate::blueprint::read::{DecodedNode, DecodedScope, IdList};
use crate::blueprint::{NodeKind, When};
use crate::diagnostic::{Finding, Place, Report, Step, did_you_mean};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::path::NodePath;

/// Where a node belongs: the container, its scope, and the place in the list there.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Owner {
    container: usize,
    scope: usize,
}

/// Upgrades a scope and those nested in it.
pub(crate) fn upgrade(scope: &mut DecodedScope, report: &Report) {
    for node in &mut scope.nodes {
        for nested in &mut node.scopes {
            upgrade(nested, report);
        }
    }
    if scope.nodes.iter().all(|node| node.scopes.iter().all(|nested| nested.listed.is_none())) {
        return;
    }
    let mut listing = Listing::of(scope, report);
    listing.mark_branches(scope);
    listing.find_owners(scope);
    listing.cut_circles(scope);
    listing.check_branches(scope);
    let owners = listing.owners;
    cut_implied_dependencies(scope, &owners);
    nest(scope, &owners);
}

struct Listing<'r> {
    report: &'r Report,
    index: HashMap<NodeId, usize>,
    owners: Vec<Option<Owner>>,
}

impl<'r> Listing<'r> {
    fn of(scope: &DecodedScope, report: &'r Report) -> Self {
        let mut index = HashMap::new();
        for (at, decoded) in scope.nodes.iter().enumerate() {
            index.entry(decoded.node.id.clone()).or_insert(at);
        }
        Self { report, index, owners: vec![None; scope.nodes.len()] }
    }

    fn add(&self, node: &DecodedNode, list: &IdList, at: usize, finding: Finding) {
        let field = list.field.iter().cloned().chain([Step::Index(at)]);
        let text: Vec<String> = field.clone().map(|step| step.to_string()).collect();
        let steps = node.origin.iter().cloned().chain(field).collect();
        let place = Place { steps, ..Place::default() };
        self.report.add_at(place, Some(NodePath::root(&node.node.id)), Some(text.join(".")), finding);
    }

    /// The nodes a list names; what is wrong with a name is reported.
    fn resolve(&self, scope: &DecodedScope, at: usize, list: &IdList) -> Vec<(usize, usize)> {
        let Some(container) = scope.nodes.get(at) else { return Vec::new() };
        let mut found = Vec::new();
        for (place, id) in &list.ids {
            match self.index.get(id) {
                Some(&node) if node == at => {
                    let message = format!("`{id}` lists itself");
                    self.add(container, list, *place, Finding::error(ErrorCode::RuleViolation, message));
                }
                Some(&node) => found.push((*place, node)),
                None if scope.ghosts.iter().any(|ghost| ghost == id.as_str()) => {}
                None => {
                    let names = self
                        .index
                        .keys()
                        .map(NodeId::as_str)
                        .filter(|name| *name != container.node.id.as_str());
                    let finding = Finding::error(ErrorCode::UnknownNode, format!("there is no node `{id}`"));
                    self.add(container, list, *place, finding.advise(did_you_mean(id.as_str(), names)));
                }
            }
        }
        found
    }

    /// Marks the nodes that stand in branches of conditions.
    fn mark_branches(&self, scope: &mut DecodedScope) {
        for at in 0..scope.nodes.len() {
            for (list, branch) in branch_lists(scope, at) {
                for (place, node) in self.resolve(scope, at, &list) {
                    let condition = scope.nodes.get(at).map(|decoded| decoded.node.id.clone());
                    let (Some(condition), Some(listed)) = (condition, scope.nodes.get_mut(node)) else {
                        continue;
                    };
                    if let Some(other) = &listed.node.when {
                        let message = format!(
                            "`{}` is in a branch of `{}` already; a node can be in one branch",
                            listed.node.id, other.condition
                        );
                        let finding = Finding::error(ErrorCode::DuplicateId, message);
                        if let Some(container) = scope.nodes.get(at) {
                            self.add(container, &list, place, finding);
                        }
                    } else {
                        listed.node.when = Some(When { condition, branch });
                    }
                }
            }
        }
    }

    /// Finds out which nodes move into which bodies.
    fn find_owners(&mut self, scope: &DecodedScope) {
        for (container, decoded) in scope.nodes.iter().enumerate() {
            if matches!(decoded.node.kind, NodeKind::Condition(_)) {
                continue;
            }
            for (number, nested) in decoded.scopes.iter().enumerate() {
                let Some(list) = &nested.listed else { continue };
                for (place, node) in self.resolve(scope, container, list) {
                    let owner = Owner { container, scope: number };
                    let earlier = self.owners.get(node).copied().flatten();
                    if let Some(earlier) = earlier.and_then(|owner| scope.nodes.get(owner.container)) {
                        let id = list.ids.iter().find(|(at, _)| *at == place).map(|(_, id)| id.as_str());
                        let message = format!(
                            "`{}` is listed by `{}` already; a node can be in one body or branch",
                            id.unwrap_or_default(),
                            earlier.node.id
                        );
                        self.add(decoded, list, place, Finding::error(ErrorCode::DuplicateId, message));
                    } else if let Some(slot) = self.owners.get_mut(node) {
                        *slot = Some(owner);
                    }
                }
            }
        }
    }

    /// The owners of a node from the nearest to the outermost; ends where a circle closes.
    fn chain(&self, node: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut here = node;
        while let Some(owner) = self.owners.get(here).copied().flatten() {
            if chain.contains(&owner.container) {
                break;
            }
            chain.push(owner.container);
            here = owner.container;
        }
        chain
    }

    /// Reports and cuts bodies that contain each other.
    fn cut_circles(&mut self, scope: &DecodedScope) {
        for (at, decoded) in scope.nodes.iter().enumerate() {
            if self.chain(at).contains(&at) {
                let message = format!("`{}` is listed within its own body", decoded.node.id);
                let place = Place { steps: decoded.origin.clone(), ..Place::default() };
                let finding = Finding::error(ErrorCode::RuleViolation, message);
                self.report.add_at(place, Some(NodePath::root(&decoded.node.id)), None, finding);
                if let Some(slot) = self.owners.get_mut(at) {
                    *slot = None;
                }
            }
        }
    }

    /// A node and the condition it is a branch of must be in the same body.
    fn check_branches(&self, scope: &DecodedScope) {
        for (at, decoded) in scope.nodes.iter().enumerate() {
            for (list, _) in branch_lists(scope, at) {
                for (place, node) in self.resolve_quietly(&list) {
                    let (own, other) =
                        (self.owners.get(at).copied().flatten(), self.owners.get(node).copied().flatten());
                    if own != other && node != at {
                        let message =
                            format!("`{}` and its branch must be in the same body", decoded.node.id);
                        let advice = "list both in one body or branch, or neither".to_owned();
                        let finding = Finding::error(ErrorCode::RuleViolation, message).advise(advice);
                        self.add(decoded, &list, place, finding);
                    }
                }
            }
        }
    }

    fn resolve_quietly(&self, list: &IdList) -> Vec<(usize, usize)> {
        list.ids.iter().filter_map(|(place, id)| Some((*place, *self.index.get(id)?))).collect()
    }
}

/// The lists of a condition with the result they stand for.
fn branch_lists(scope: &DecodedScope, at: usize) -> Vec<(IdList, bool)> {
    let Some(decoded) = scope.nodes.get(at) else { return Vec::new() };
    if !matches!(decoded.node.kind, NodeKind::Condition(_)) {
        return Vec::new();
    }
    let lists = decoded.scopes.iter().zip([true, false]);
    lists.filter_map(|(nested, branch)| Some((nested.listed.clone()?, branch))).collect()
}

/// A node in a body need not depend on what the body belongs to.
fn cut_implied_dependencies(scope: &mut DecodedScope, owners: &[Option<Owner>]) {
    let ids: Vec<NodeId> = scope.nodes.iter().map(|decoded| decoded.node.id.clone()).collect();
    for (at, decoded) in scope.nodes.iter_mut().enumerate() {
        let mut here = owners.get(at).copied().flatten();
        while let Some(owner) = here {
            if let Some(container) = ids.get(owner.container) {
                decoded.node.base.dependencies.retain(|id| id != container);
            }
            here = owners.get(owner.container).copied().flatten();
        }
    }
}

/// Moves the nodes to their owners, in the order in which they are listed.
fn nest(scope: &mut DecodedScope, owners: &[Option<Owner>]) {
    let index: HashMap<NodeId, usize> =
        scope.nodes.iter().enumerate().rev().map(|(at, decoded)| (decoded.node.id.clone(), at)).collect();
    let mut slots: Vec<Option<DecodedNode>> = scope.nodes.drain(..).map(Some).collect();
    let top = (0..slots.len()).filter(|at| owners.get(*at).copied().flatten().is_none());
    scope.nodes = top.filter_map(|at| take(at, &mut slots, owners, &index)).collect();
}

fn take(
    at: usize,
    slots: &mut [Option<DecodedNode>],
    owners: &[Option<Owner>],
    index: &HashMap<NodeId, usize>,
) -> Option<DecodedNode> {
    let mut decoded = slots.get_mut(at)?.take()?;
    for (scope, nested) in decoded.scopes.iter_mut().enumerate() {
        let Some(list) = nested.listed.take() else { continue };
        for (_, id) in &list.ids {
            let Some(&child) = index.get(id) else { continue };
            if owners.get(child).copied().flatten() == Some(Owner { container: at, scope }) {
                nested.nodes.extend(take(child, slots, owners, index));
            }
        }
    }
    Some(decoded)
}
