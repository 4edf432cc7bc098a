//! The graph that facts and their relationships make.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::facade::{SemanticMemory, fact};
use crate::memory::{Entry, Filter, MAX_PAGE, MemoryError, MemoryKey};

/// The deepest walk.
pub const MAX_DEPTH: usize = 8;
/// The most facts that a node shows.
const FACTS: usize = 5;
/// The most characters of a fact that a node shows.
const SHOWN: usize = 100;
/// The most nodes of a graph.
const MAX_NODES: usize = 1_000;

/// What is related to a thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Related {
    /// The other thing.
    pub entity: String,
    /// How it is related.
    #[serde(rename = "type")]
    pub relation: String,
    /// How strong, from 0 to 1.
    pub strength: f64,
    /// Whether the relationship leads from the other thing to the one that was asked for.
    pub is_incoming: bool,
    /// The fact that says so.
    pub fact: MemoryKey,
}

/// A thing, and some of what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// What it is called.
    pub entity: String,
    /// How many steps it is from the root.
    pub depth: usize,
    /// The last facts about it, at most 5, each cut at 100 characters.
    pub facts: Vec<String>,
}

/// A relationship between two things.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// Which is related.
    pub source: String,
    /// To which.
    pub target: String,
    /// How.
    #[serde(rename = "type")]
    pub relation: String,
    /// How strong, from 0 to 1: the strongest of the facts that say so.
    pub strength: f64,
}

/// Things around a root and their relationships.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Graph {
    /// The nearest first, then by name.
    pub nodes: Vec<Node>,
    /// Sorted by source, target and type. Both ends are nodes.
    pub edges: Vec<Edge>,
}

impl SemanticMemory {
    /// What facts relate to a thing, in both directions, by one type of relationship or any: the strongest first, then by
    /// name. Of the same relationship the strongest is given.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn find_related(
        &self,
        entity: &str,
        relation: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Related>, MemoryError> {
        let relation = relation.map(str::to_owned);
        let about =
            Filter { entities: vec![entity.to_owned()], relation: relation.clone(), ..Filter::default() };
        let towards =
            Filter { target: Some(entity.to_owned()), relation: relation.clone(), ..Filter::default() };
        let mut found = Vec::new();
        for entry in self.list(about, MAX_PAGE).await? {
            found.extend(related(&entry, entity, false));
        }
        for entry in self.list(towards, MAX_PAGE).await? {
            found.extend(related(&entry, entity, true));
        }
        found.retain(|found| relation.as_ref().is_none_or(|relation| found.relation == *relation));
        found.sort_by(|one, other| {
            let name =
                |related: &Related| (related.entity.clone(), related.relation.clone(), related.is_incoming);
            other.strength.total_cmp(&one.strength).then_with(|| name(one).cmp(&name(other)))
        });
        let mut seen = BTreeSet::new();
        found.retain(|found| seen.insert((found.entity.clone(), found.relation.clone(), found.is_incoming)));
        found.truncate(limit);
        Ok(found)
    }

    /// The things within some steps of a root, in both directions, at most 1,000, with the relationships between them.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] for more than [`MAX_DEPTH`] steps, or as [`Memory::get`](crate::memory::Memory::get).
    pub async fn knowledge_graph(&self, root: &str, max_depth: usize) -> Result<Graph, MemoryError> {
        if max_depth > MAX_DEPTH {
            let problem = format!("it is {max_depth}, at most {MAX_DEPTH} are walked");
            return Err(MemoryError::invalid("the depth of the walk", problem));
        }
        let mut depths = BTreeMap::from([(root.to_owned(), 0)]);
        let mut edges = BTreeMap::<(String, String, String), f64>::new();
        let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
        let mut nodes = Vec::new();
        while let Some((entity, depth)) = waiting.pop_front() {
            let about = Filter { entities: vec![entity.clone()], ..Filter::default() };
            let facts = self.list(about, FACTS).await?;
            let facts = facts.iter().map(|entry| entry.text().chars().take(SHOWN).collect()).collect();
            if depth < max_depth {
                for found in self.find_related(&entity, None, MAX_PAGE).await? {
                    if !depths.contains_key(&found.entity) {
                        if depths.len() >= MAX_NODES {
                            continue;
                        }
                        depths.insert(found.entity.clone(), depth + 1);
                        waiting.push_back((found.entity.clone(), depth + 1));
                    }
                    let (source, target) = if found.is_incoming {
                        (found.entity, entity.clone())
                    } else {
                        (entity.clone(), found.entity)
                    };
                    let strength = edges.entry((source, target, found.relation)).or_default();
                    *strength = strength.max(found.strength);
                }
            }
            nodes.push(Node { entity, depth, facts });
        }
        nodes.sort_by(|one, other| (one.depth, &one.entity).cmp(&(other.depth, &other.entity)));
        let edge = |((source, target, relation), strength)| Edge { source, target, relation, strength };
        Ok(Graph { nodes, edges: edges.into_iter().map(edge).collect() })
    }
}

/// What a fact relates to a thing: its targets, or the things it is about.
fn related(entry: &Entry, entity: &str, is_incoming: bool) -> Vec<Related> {
    let Some(fact) = fact(entry) else { return Vec::new() };
    let mut found = Vec::new();
    for relationship in &fact.relationships {
        let others: Vec<&String> = match is_incoming {
            true if relationship.target == entity => fact.entities.iter().collect(),
            true => Vec::new(),
            false => vec![&relationship.target],
        };
        found.extend(others.into_iter().filter(|other| *other != entity).map(|other| Related {
            entity: other.clone(),
            relation: relationship.relation.clone(),
            strength: relationship.strength,
            is_incoming,
            fact: entry.key.clone(),
        }));
    }
    found
}
