//! The graph of a blueprint: its nodes and edges per scope, nested as the blueprint is. What pictures are
//! made from.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::describe::describe;
use crate::blueprint::{Blueprint, InputMapping, KindName, Node, NodeKind};
use crate::path::NodePath;

/// The deepest nesting that is drawn; what lies deeper is left out of the graph.
pub const MAX_DRAWN_DEPTH: usize = 16;

/// The resolved dependencies of one scope, node by node in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeLinks {
    /// One entry per node of the scope.
    pub nodes: Vec<NodeLinks>,
}

/// The resolved dependencies of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeLinks {
    /// The positions of the nodes of the same scope that must be done first.
    pub dependencies: Vec<usize>,
    /// The nested scopes, in the order of [`NodeKind::scopes`].
    pub scopes: Vec<ScopeLinks>,
}

/// The nodes and edges of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Graph {
    /// The nodes, in file order.
    pub nodes: Vec<GraphNode>,
    /// The edges between them, sorted, without duplicates.
    pub edges: Vec<Edge>,
}

/// A node of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphNode {
    /// Its address: static, except that branches of a parallel node keep their index (`par.branches[1].x`),
    /// since two branches may use the same id.
    pub path: NodePath,
    /// Its kind.
    pub kind: KindName,
    /// Its id.
    pub title: String,
    /// Its display name, else what it does in a few words, for example the name of its tool; one line of at
    /// most 36 characters, which may be empty.
    pub detail: String,
    /// The nested scopes; empty ones are left out.
    pub scopes: Vec<GraphScope>,
}

/// A nested scope of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphScope {
    /// What it is called: `true`, `false`, `body`, `branch 1`.
    pub label: String,
    /// What is in it.
    pub graph: Graph,
}

/// An edge: `to` waits for `from`, except for [`EdgeKind::Repeat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// The position of the node it leaves.
    pub from: usize,
    /// The position of the node it enters.
    pub to: usize,
    /// What it means.
    pub kind: EdgeKind,
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// A condition's result must be true, too.
    WhenTrue,
    /// A condition's result must be false, too.
    WhenFalse,
    /// The node is done first.
    Dependency,
    /// A recursive node runs the other one again. The only edge that may close a circle.
    Repeat,
}

impl EdgeKind {
    /// What stands beside the edge; nothing for a plain dependency.
    #[must_use]
    pub const fn label(self) -> Option<&'static str> {
        match self {
            Self::WhenTrue => Some("true"),
            Self::WhenFalse => Some("false"),
            Self::Dependency => None,
            Self::Repeat => Some("repeat"),
        }
    }
}

impl Graph {
    /// The graph of a blueprint with the edges it states itself: `dependencies`, `when`, `input_mappings`
    /// and `recursive_sources`. Names that are not in scope are passed over.
    #[must_use]
    pub fn of(blueprint: &Blueprint) -> Self {
        scope(&blueprint.nodes, None, "", 0)
    }

    /// The graph of a blueprint with resolved dependencies, which hold those that templates imply.
    #[must_use]
    pub fn resolved(blueprint: &Blueprint, links: &ScopeLinks) -> Self {
        scope(&blueprint.nodes, Some(links), "", 0)
    }

    /// The number of nodes, nested ones included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        let nested =
            |node: &GraphNode| node.scopes.iter().map(|scope| scope.graph.node_count()).sum::<usize>();
        self.nodes.len() + self.nodes.iter().map(nested).sum::<usize>()
    }
}

fn scope(nodes: &[Node], links: Option<&ScopeLinks>, prefix: &str, depth: usize) -> Graph {
    let drawn = nodes.iter().enumerate().map(|(at, node)| {
        let links = links.and_then(|links| links.nodes.get(at));
        let path: Arc<str> = Arc::from(format!("{prefix}{}", node.id));
        GraphNode {
            kind: node.kind.name(),
            title: node.id.to_string(),
            detail: describe(node),
            scopes: scopes(node, links, &path, depth + 1),
            path: NodePath::from_valid(path),
        }
    });
    Graph { nodes: drawn.collect(), edges: edges(nodes, links) }
}

fn scopes(node: &Node, links: Option<&NodeLinks>, path: &str, depth: usize) -> Vec<GraphScope> {
    if depth > MAX_DRAWN_DEPTH {
        return Vec::new();
    }
    let parallel = matches!(node.kind, NodeKind::Parallel(_));
    let nested = node.kind.scopes().into_iter().enumerate().filter(|(_, (_, nodes))| !nodes.is_empty());
    nested
        .map(|(at, (name, nodes))| {
            let (label, prefix) = if parallel {
                (format!("branch {}", at + 1), format!("{path}.{name}[{at}]."))
            } else {
                (name.to_owned(), format!("{path}.{name}."))
            };
            let links = links.and_then(|links| links.scopes.get(at));
            GraphScope { label, graph: scope(nodes, links, &prefix, depth) }
        })
        .collect()
}

fn edges(nodes: &[Node], links: Option<&ScopeLinks>) -> Vec<Edge> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        places.entry(node.id.as_str()).or_insert(at);
    }
    let place = |id: &str| places.get(id).copied();
    let mut edges = Vec::new();
    for (to, node) in nodes.iter().enumerate() {
        if let Some(when) = &node.when {
            let kind = if when.branch { EdgeKind::WhenTrue } else { EdgeKind::WhenFalse };
            edges.extend(place(when.condition.as_str()).map(|from| Edge { from, to, kind }));
        }
        let dependency = |from| Edge { from, to, kind: EdgeKind::Dependency };
        match links.and_then(|links| links.nodes.get(to)) {
            Some(links) => edges.extend(links.dependencies.iter().copied().map(dependency)),
            None => edges.extend(stated(node).filter_map(place).map(dependency)),
        }
        if let NodeKind::Recursive(recursive) = &node.kind {
            let sources = recursive.recursive_sources.iter().filter_map(|id| place(id.as_str()));
            edges.extend(sources.map(|source| Edge { from: to, to: source, kind: EdgeKind::Repeat }));
        }
    }
    edges.retain(|edge| edge.from != edge.to && edge.from < nodes.len());
    edges.sort_unstable();
    // One forward edge per pair: the branch of a condition says more than the dependency it implies.
    let mut seen = HashSet::with_capacity(edges.len());
    edges.retain(|edge| seen.insert((edge.from, edge.to, edge.kind == EdgeKind::Repeat)));
    edges
}

fn stated(node: &Node) -> impl Iterator<Item = &str> {
    let mapped = node.base.input_mappings.values().filter_map(|mapping| match mapping {
        InputMapping::Source { source_node_id, .. } => Some(source_node_id.as_str()),
        InputMapping::Literal(_) => None,
    });
    node.base.dependencies.iter().map(|id| id.as_str()).chain(mapped)
}
