//! The walk over a blueprint: every scope, every node, every rule.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::catalog::Index;
use super::cycles;
use super::frame::{Frame, Name};
use super::output::Outputs;
use super::recursion::{self, Circle};
use super::schemas::Schemas;
use super::variables;
use super::{Checked, CheckedNode, CheckedScope};
use crate::blueprint::{Blueprint, KindName, Node, NodeKind, RESERVED, Rules};
use crate::diagnostic::{Diagnostics, Finding, Report, Trail, did_you_mean};
use crate::error::ErrorCode;
use crate::id::{BlueprintId, NodeId};
use crate::registry::{BlueprintSpec, Catalog};
use crate::value::Value;

/// The deepest nesting of scopes.
pub const MAX_NESTING: usize = 32;

/// The longest circle that is shown whole, its first node counted twice.
const MAX_SHOWN: usize = 10;

/// Checks a blueprint against what there is to build it from.
///
/// ```
/// use std::sync::Arc;
///
/// use ice_core::blueprint::{Blueprint, KindName};
/// use ice_core::check::check;
/// use ice_core::registry::{Catalog, ProviderSpec};
///
/// let text = r#"{"blueprint_id": "ask", "nodes": [
///     {"id": "b", "type": "llm", "provider": "echo", "model": "any", "prompt": "{{ a.text }}"},
///     {"id": "a", "type": "llm", "provider": "echo", "model": "any", "prompt": "{{ inputs.question }}"}]}"#;
/// let blueprint: Arc<Blueprint> = Arc::new(serde_json::from_str(text)?);
/// let catalog = Catalog {
///     providers: vec![ProviderSpec { name: "echo".to_owned(), models: None }],
///     kinds: KindName::ALL.to_vec(),
///     ..Catalog::default()
/// };
/// let checked = check(&blueprint, &catalog)?;
/// // `b` reads `a`, the second node, and so depends on it.
/// assert_eq!(checked.scope().nodes[0].dependencies, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Everything that is wrong with it, and what is doubtful. They have no positions: a text's
/// [`Reading`](crate::blueprint::Reading) adds them.
pub fn check(blueprint: &Arc<Blueprint>, catalog: &Catalog) -> Result<Checked, Diagnostics> {
    let (scope, found) = check_draft(blueprint, catalog, &Given::default());
    if found.has_errors() { Err(found) } else { Ok(Checked::new(Arc::clone(blueprint), scope, found)) }
}

/// What is known of a blueprint that could not be read whole.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The ids of nodes that are there but could not be read.
    pub(crate) ghosts: HashSet<String>,
    /// What the blueprint is called in the catalog, should it be there; else it is known by its id.
    pub(crate) name: Option<String>,
}

/// Checks what there is of a blueprint.
pub(crate) fn check_draft(
    blueprint: &Blueprint,
    catalog: &Catalog,
    given: &Given,
) -> (CheckedScope, Diagnostics) {
    let report = Report::default();
    let index = Index::of(catalog);
    let name = given.name.as_deref().filter(|name| index.blueprint(name).is_some());
    let mut checker = Checker {
        own: name.map_or(Own::Id(&blueprint.blueprint_id), Own::Name),
        catalog: index,
        report: &report,
        given,
        sound_refs: RefCell::default(),
        inputs: Value::Null,
        schemas: Schemas::default(),
        outputs: Outputs::default(),
    };
    checker.blueprint(blueprint);
    let scope = checker.scope(&Frame::top(&blueprint.nodes, &Trail::START));
    (scope, report.finish())
}

/// How a blueprint is told from others. Two that say the same have the same id, if none is written in them.
pub(super) enum Own<'c> {
    Name(&'c str),
    Id(&'c BlueprintId),
}

impl Own<'_> {
    pub(super) fn is(&self, spec: &BlueprintSpec) -> bool {
        match self {
            Self::Name(name) => spec.name == *name,
            Self::Id(id) => spec.blueprint_id == **id,
        }
    }
}

pub(super) struct Checker<'c> {
    pub(super) catalog: Index<'c>,
    pub(super) report: &'c Report,
    pub(super) given: &'c Given,
    /// The blueprints that are known not to run this one.
    pub(super) sound_refs: RefCell<HashSet<String>>,
    /// Which of the catalog's blueprints is the one that is checked.
    pub(super) own: Own<'c>,
    /// The schema of the run's inputs; null if there is none.
    pub(super) inputs: Value,
    pub(super) schemas: Schemas,
    pub(super) outputs: Outputs,
}

impl Checker<'_> {
    /// The rules of the document as a whole.
    fn blueprint(&mut self, blueprint: &Blueprint) {
        let start = Trail::START;
        if blueprint.nodes.is_empty() && self.given.ghosts.is_empty() {
            let message = "a blueprint needs at least one node";
            self.report.add(&start.key("nodes"), Finding::error(ErrorCode::RuleViolation, message));
        }
        if !blueprint.input_schema.is_null() {
            self.schema(&start.key("input_schema"), &blueprint.input_schema);
            self.inputs = crate::schema::normalize(&blueprint.input_schema).unwrap_or_default();
        }
    }

    /// A schema must be one.
    pub(super) fn schema(&mut self, at: &Trail<'_>, schema: &Value) {
        if let Err(error) = self.schemas.check(schema) {
            self.report.add(at, Finding::error(error.code(), error.to_string()));
        }
    }

    /// Checks a scope and those nested in it.
    fn scope(&mut self, frame: &Frame<'_>) -> CheckedScope {
        self.ids(frame);
        let mut checked: Vec<CheckedNode> = Vec::with_capacity(frame.nodes.len());
        for (index, node) in frame.nodes.iter().enumerate() {
            let at = frame.trail.node_at(&node.id, frame.name, (frame.number, index));
            checked.push(self.node(frame, index, node, &at));
        }
        self.cut_and_report_circles(frame, &mut checked);
        let (edges, outer) = (frame.edges.take(), frame.outer.take());
        for ((node, dependencies), outer) in checked.iter_mut().zip(edges).zip(outer) {
            node.dependencies = dependencies.into_iter().collect();
            node.outer = outer.into_iter().collect();
        }
        CheckedScope { nodes: checked }
    }

    /// Ids are unique in their scope, not reserved, and had better not hide others.
    fn ids(&self, frame: &Frame<'_>) {
        for (index, node) in frame.nodes.iter().enumerate().filter(|(_, node)| !node.id.is_unnamed()) {
            let id = node.id.as_str();
            let at = frame.trail.node_at(&node.id, frame.name, (frame.number, index));
            let add = |finding| self.report.add(&at.key("id"), finding);
            if frame.index.get(id).is_some_and(|first| *first != index) {
                let message = format!("another node of this scope has the id `{id}`");
                let advice = "rename one of them; ids are unique in their scope".to_owned();
                add(Finding::error(ErrorCode::DuplicateId, message).advise(advice));
            }
            if RESERVED.contains(&id) {
                add(Finding::error(ErrorCode::InvalidId, format!("the id `{id}` is reserved")));
            }
            if frame.outward().skip(1).any(|outer| outer.index.contains_key(id)) {
                let message = format!("`{id}` hides the node of that id in a scope around it");
                add(Finding::warning(ErrorCode::DuplicateId, message).advise("give it another id".to_owned()));
            }
            if frame.outward().any(|outer| outer.variables.contains(&id)) {
                let message = format!("`{id}` is hidden by the variable of that name");
                add(Finding::warning(ErrorCode::DuplicateId, message).advise("give it another id".to_owned()));
            }
        }
    }

    fn node(&mut self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) -> CheckedNode {
        let rules = Rules::new(at, self.report);
        node.base.rules(rules);
        node.kind.rules(&node.base, rules);
        self.known(node, at);
        self.dependencies(frame, index, node, at);
        self.mappings(frame, index, node, at);
        self.listed_names(frame, index, node, at);
        self.output_mappings(node, at);
        self.texts(frame, index, node, at);
        self.declared(node, at);
        let back = self.back(frame, index, node, at);
        let scopes = self.nested(frame, index, node, at);
        CheckedNode { back, scopes, ..CheckedNode::default() }
    }

    fn nested(&mut self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) -> Vec<CheckedScope> {
        let scopes = node.kind.scopes();
        if scopes.is_empty() {
            return Vec::new();
        }
        if frame.depth() + 1 >= MAX_NESTING {
            let message = format!("nodes are nested deeper than {MAX_NESTING} scopes");
            self.report.add(at, Finding::error(ErrorCode::BlueprintTooLarge, message));
            return Vec::new();
        }
        let variables = variables::of(&node.kind);
        self.hidden_by_variables(frame, node, &variables, at);
        let mut checked = Vec::with_capacity(scopes.len());
        for (number, (name, nodes)) in scopes.into_iter().enumerate() {
            let nested = frame.nested(index, (number, name, nodes), variables.clone(), at);
            checked.push(self.scope(&nested));
        }
        checked
    }

    /// The nodes named in `dependencies` and in `when`.
    fn dependencies(&self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) {
        let list = at.key("dependencies");
        for (position, id) in node.base.dependencies.iter().enumerate() {
            let at = list.index(position);
            let Some(found) = self.named(frame, node, id, &at) else { continue };
            if let Err(own) = frame.depend(index, found.0, found.1) {
                let finding = if own.nested {
                    let message = format!("`{}` is within `{id}` and need not depend on it", node.id);
                    Finding::warning(ErrorCode::CyclicToolComposition, message).advise("remove it".to_owned())
                } else {
                    Finding::error(ErrorCode::CyclicToolComposition, format!("`{id}` depends on itself"))
                        .advise("remove it".to_owned())
                };
                self.report.add(&at, finding);
            }
        }
        if let Some(when) = &node.when {
            let at = at.key("when");
            let at = at.key("condition");
            match frame.index.get(when.condition.as_str()).and_then(|at| Some((*at, frame.nodes.get(*at)?))) {
                Some((condition, Node { kind: NodeKind::Condition(_), .. })) if condition != index => {
                    let _ = frame.depend(index, 0, condition);
                }
                Some(_) => {
                    let message = format!("`{}` is not a condition", when.condition);
                    self.report.add(&at, Finding::error(ErrorCode::RuleViolation, message));
                }
                None => {
                    let message = format!("there is no condition `{}` in this scope", when.condition);
                    self.report.add(&at, Finding::error(ErrorCode::UnknownNode, message));
                }
            }
        }
    }

    /// The node of this id, in this scope or one around it, as levels and index.
    pub(super) fn named(
        &self,
        frame: &Frame<'_>,
        node: &Node,
        id: &NodeId,
        at: &Trail<'_>,
    ) -> Option<(usize, usize)> {
        match frame.find(id.as_str()) {
            Some(Name::Node { levels, index, .. }) => Some((levels, index)),
            Some(Name::Variable | Name::Mapping | Name::Inputs) | None => {
                if !self.given.ghosts.contains(id.as_str()) {
                    let message =
                        format!("`{}` names the node `{id}`, but there is none of that id in scope", node.id);
                    let finding = Finding::error(ErrorCode::UnknownNode, message);
                    self.report.add(at, finding.advise(self.where_is(frame, node, id.as_str())));
                }
                None
            }
        }
    }

    /// Advice on a name that is not in scope: where a node of that id stands, or a near name.
    pub(super) fn where_is(&self, frame: &Frame<'_>, node: &Node, name: &str) -> Option<String> {
        if !self.report.has_room() {
            return None;
        }
        for outer in frame.outward() {
            for container in outer.nodes {
                let inside = |(_, nodes): &(_, &[Node])| nodes.iter().any(|inner| inner.id.as_str() == name);
                if container.id != node.id && container.kind.scopes().iter().any(inside) {
                    let id = &container.id;
                    let read = match container.kind {
                        NodeKind::Condition(_) => format!("{id}.branch_outputs.{name}"),
                        NodeKind::Parallel(_) => format!("{id}.merged.{name}"),
                        NodeKind::Loop(_)
                        | NodeKind::Tool(_)
                        | NodeKind::Llm(_)
                        | NodeKind::Agent(_)
                        | NodeKind::Recursive(_)
                        | NodeKind::Workflow(_)
                        | NodeKind::Code(_)
                        | NodeKind::Human(_)
                        | NodeKind::Monitor(_)
                        | NodeKind::Swarm(_) => id.to_string(),
                    };
                    return Some(format!("`{name}` stands within `{id}`: depend on `{id}`, read `{read}`"));
                }
            }
        }
        let named = frame.outward().flat_map(|frame| frame.nodes).filter(|node| !node.id.is_unnamed());
        let ids = named.map(|node| node.id.as_str());
        did_you_mean(name, ids.filter(|id| *id != node.id.as_str()))
    }

    /// Circles through a recursive node and its sources are cut; all others are errors.
    fn cut_and_report_circles(&self, frame: &Frame<'_>, checked: &mut [CheckedNode]) {
        let backs: Vec<Vec<usize>> = checked.iter_mut().map(|node| std::mem::take(&mut node.back)).collect();
        let circles = backs.iter().enumerate().filter(|(_, sources)| !sources.is_empty());
        let circles: Vec<Circle<'_>> = circles.map(|(node, sources)| Circle { node, sources }).collect();
        let ends = recursion::cut(&mut frame.edges.borrow_mut(), &circles);
        let repeats = self.repeats(frame, &circles, &ends);
        for (node, repeats) in repeats {
            if let Some(node) = checked.get_mut(node) {
                node.repeats = repeats;
            }
        }
        for (node, back) in checked.iter_mut().zip(backs) {
            node.back = back;
        }
        self.report_circles(frame);
    }

    fn report_circles(&self, frame: &Frame<'_>) {
        let edges = frame.edges.borrow();
        let groups = cycles::circles(&edges);
        for group in &groups {
            let way = cycles::way(&edges, group);
            let ids: Vec<&str> = way
                .iter()
                .chain(way.first())
                .filter_map(|at| Some(frame.nodes.get(*at)?.id.as_str()))
                .collect();
            let shown = match ids.as_slice() {
                [start @ .., last, back] if ids.len() > MAX_SHOWN => {
                    let start = start.get(..5).unwrap_or(start).join(" → ");
                    format!("{start} → … → {last} → {back} ({} nodes)", way.len())
                }
                all => all.join(" → "),
            };
            let Some((first, node)) = way.first().and_then(|at| Some((*at, frame.nodes.get(*at)?))) else {
                continue;
            };
            let at = frame.trail.node_at(&node.id, frame.name, (frame.number, first));
            let finding = Finding::error(ErrorCode::CyclicToolComposition, format!("cycle: {shown}"));
            let is_recursive = |at: &&usize| {
                frame.nodes.get(**at).is_some_and(|node| node.kind.name() == KindName::Recursive)
            };
            let advice = match way.iter().find(is_recursive).and_then(|at| frame.nodes.get(*at)) {
                Some(node) => format!(
                    "a circle through `{}` is legal if it leads through its `recursive_sources`; name a node of it there",
                    node.id
                ),
                None => {
                    "each node needs the next one; remove one of the dependencies or references".to_owned()
                }
            };
            self.report.add(&at, finding.advise(advice));
        }
    }
}
