//! Reading nodes: the fields of all kinds, the dispatch by kind, and nested scopes.

use super::fields::{Context, Fields, read_id};
use super::wording::wrong_type;
use crate::blueprint::{KindName, Node, NodeBase, NodeKind, SchemaVersion, When, nodes};
use crate::diagnostic::{Finding, Step, Trail, did_you_mean};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::value::Value;

/// A node with where it stands and, apart from it, what is nested in it.
#[derive(Debug)]
pub(crate) struct DecodedNode {
    pub(crate) node: Node,
    /// The way to it from the document.
    pub(crate) origin: Vec<Step>,
    /// The nested scopes, in the order of [`NodeKind::scopes`].
    pub(crate) scopes: Vec<DecodedScope>,
}

/// A list of nodes, given in place or (in the first dialect) by their ids.
#[derive(Debug, Default)]
pub(crate) struct DecodedScope {
    pub(crate) nodes: Vec<DecodedNode>,
    /// The ids or names of nodes that could not be read.
    pub(crate) ghosts: Vec<String>,
    /// The ids that stand for the nodes.
    pub(crate) listed: Option<IdList>,
}

/// The ids of nodes in a list of the first dialect.
#[derive(Clone, Debug)]
pub(crate) struct IdList {
    /// The way to the list from the node that has it.
    pub(crate) field: Vec<Step>,
    /// The ids and their places in the list.
    pub(crate) ids: Vec<(usize, NodeId)>,
}

/// Reads a list of nodes. `scope` is its name in paths, none at the top.
pub(super) fn read_nodes(
    list: &[Value],
    trail: &Trail<'_>,
    scope: Option<&'static str>,
    context: &Context<'_>,
) -> DecodedScope {
    let mut read = DecodedScope::default();
    for (index, value) in list.iter().enumerate() {
        match read_node(value, index, &trail.index(index), scope, context) {
            Ok(node) => {
                // Whoever names it is told nothing further.
                let raw_id = value.get("id").and_then(Value::as_str).filter(|_| node.node.id.is_unnamed());
                read.ghosts.extend(raw_id.map(str::to_owned));
                read.nodes.push(node);
            }
            Err(ghost) => {
                read.ghosts.extend(ghost);
                // That the list is empty now is no problem of its own.
                context.report.tell_elsewhere(trail.place().steps);
            }
        }
    }
    read
}

/// Reads a node, or tells the id of one that cannot be read. One whose id alone is wrong or missing is called by its
/// index in the list.
fn read_node(
    value: &Value,
    index: usize,
    trail: &Trail<'_>,
    scope: Option<&'static str>,
    context: &Context<'_>,
) -> Result<DecodedNode, Option<String>> {
    let raw_id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    let valid = raw_id.as_deref().and_then(|id| NodeId::new(id).ok());
    let id = valid.unwrap_or_else(|| NodeId::unnamed(index));
    let trail = &trail.node_here(&id, scope);

    let mut fields = Fields::of(value, trail, context);
    fields.require("id");
    fields.require("type");
    let _ = fields.node_id("id");
    let kind = read_kind_name(&mut fields);
    if value.as_map().is_none() {
        return Err(raw_id);
    }
    let base = NodeBase::read(&mut fields);
    let when = read_when(&mut fields);
    let Some(kind) = kind else {
        fields.give_up();
        return Err(raw_id);
    };
    let kind = read_kind(kind, &mut fields);
    let scopes = fields.finish();
    let origin = trail.place().steps;
    Ok(DecodedNode { node: Node { id, kind, base, when }, origin, scopes })
}

fn read_kind_name(fields: &mut Fields<'_>) -> Option<KindName> {
    let name = fields.text("type")?;
    let kind = KindName::parse(&name);
    if kind.is_none() {
        let renamed = match name.as_str() {
            "ai" => Some("llm"),
            "prebuilt" => Some("agent"),
            "subdag" => Some("workflow"),
            "skill" => Some("tool"),
            _ => None,
        };
        let advice = renamed
            .map(|new| format!("`{name}` was the name of `{new}` in earlier versions: write `type: {new}`"))
            .or_else(|| did_you_mean(&name, KindName::ALL.iter().map(|kind| kind.as_str())))
            .unwrap_or_else(|| {
                let all: Vec<&str> = KindName::ALL.iter().map(|kind| kind.as_str()).collect();
                format!("the kinds are {}", all.join(", "))
            });
        let finding = Finding::error(ErrorCode::UnknownKind, format!("there is no kind of node `{name}`"));
        fields.add("type", finding.advise(advice));
    }
    kind
}

fn read_kind(kind: KindName, fields: &mut Fields<'_>) -> NodeKind {
    match kind {
        KindName::Tool => NodeKind::Tool(nodes::ToolNode::read(fields)),
        KindName::Llm => NodeKind::Llm(nodes::LlmNode::read(fields)),
        KindName::Agent => NodeKind::Agent(nodes::AgentNode::read(fields)),
        KindName::Condition => NodeKind::Condition(nodes::ConditionNode::read(fields)),
        KindName::Loop => NodeKind::Loop(nodes::LoopNode::read(fields)),
        KindName::Parallel => NodeKind::Parallel(nodes::ParallelNode::read(fields)),
        KindName::Recursive => NodeKind::Recursive(nodes::RecursiveNode::read(fields)),
        KindName::Workflow => NodeKind::Workflow(nodes::WorkflowNode::read(fields)),
        KindName::Code => NodeKind::Code(nodes::CodeNode::read(fields)),
        KindName::Human => NodeKind::Human(nodes::HumanNode::read(fields)),
        KindName::Monitor => NodeKind::Monitor(nodes::MonitorNode::read(fields)),
        KindName::Swarm => NodeKind::Swarm(nodes::SwarmNode::read(fields)),
    }
}

/// The internal field of upgraded nodes, which a written blueprint has as well.
fn read_when(fields: &mut Fields<'_>) -> Option<When> {
    fields.below("when", |when| {
        when.require("condition");
        when.require("branch");
        Some(When { condition: when.node_id("condition")?, branch: when.flag("branch", true) })
    })?
}

/// A field with nodes, and the field of the first dialect that named them by their ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeField {
    /// The field.
    pub(crate) name: &'static str,
    /// The name of the scope in paths.
    pub(crate) scope: &'static str,
    /// The field of the first dialect.
    pub(crate) legacy: &'static str,
    /// Whether one of the two must be there.
    pub(crate) required: bool,
}

impl Fields<'_> {
    /// A nested scope.
    pub(crate) fn nodes(&mut self, field: ScopeField) {
        let ScopeField { name, scope, legacy, required } = field;
        let mut read = DecodedScope::default();
        if self.has(legacy) {
            read.listed = self.id_list(field);
        } else if required {
            self.require(name);
        }
        if let Some(list) = self.list(name) {
            let at = self.trail().key(name);
            let nested = read_nodes(list, &at, Some(scope), self.context());
            (read.nodes, read.ghosts) = (nested.nodes, nested.ghosts);
        }
        self.scopes.push(read);
    }

    fn id_list(&mut self, field: ScopeField) -> Option<IdList> {
        let ScopeField { name, legacy, .. } = field;
        match self.dialect() {
            SchemaVersion::V1_2 => {
                let _ = self.any(legacy);
                let message = format!("`{legacy}` belongs to schema version 1.1.0");
                let advice =
                    format!("put the nodes themselves into `{name}`, or set `schema_version: \"1.1.0\"`");
                self.add(legacy, Finding::error(ErrorCode::UnknownField, message).on_key().advise(advice));
                None
            }
            SchemaVersion::V1_1 => {
                if self.has(name) {
                    let message = format!("`{legacy}` and `{name}` exclude each other");
                    self.add(legacy, Finding::error(ErrorCode::RuleViolation, message).on_key());
                }
                let list = self.list(legacy)?;
                let at = self.trail().key(legacy);
                let ids = list.iter().enumerate();
                let context = self.context();
                let ids =
                    ids.filter_map(|(index, id)| Some((index, read_id(id, &at.index(index), context)?)));
                Some(IdList { field: vec![Step::Key(legacy.into())], ids: ids.collect() })
            }
        }
    }

    /// The branches of a parallel node: lists of nodes, or (in the first dialect) lists of ids.
    pub(crate) fn branches(&mut self, name: &'static str) {
        self.require(name);
        let Some(list) = self.list(name) else { return };
        let (at, context) = (self.trail().key(name), self.context());
        for (index, branch) in list.iter().enumerate() {
            let at = at.index(index);
            let Some(items) = branch.as_list() else {
                context.report.add(&at, wrong_type("a list of nodes", branch));
                // It keeps its place, so that the branches after it keep theirs.
                self.scopes.push(DecodedScope::default());
                continue;
            };
            let by_id = context.dialect == SchemaVersion::V1_1
                && items.first().is_some_and(|item| item.as_str().is_some());
            let scope = if by_id {
                let ids = items.iter().enumerate();
                let ids = ids.filter_map(|(item, id)| Some((item, read_id(id, &at.index(item), context)?)));
                let field = vec![Step::Key(name.into()), Step::Index(index)];
                DecodedScope { listed: Some(IdList { field, ids: ids.collect() }), ..DecodedScope::default() }
            } else {
                read_nodes(items, &at, Some("branches"), context)
            };
            self.scopes.push(scope);
        }
    }
}
