//! Semantic memory of a scope.

use crate::memory::episodic::{number, text, texts};
use crate::memory::working::key_of;
use crate::memory::{
    AsOf, Detail, Entry, Fact, Filter, Kind, MAX_PAGE, Memory, MemoryError, MemoryKey, Query, Relationship,
    Scope, Selector, Write,
};
use crate::value::{Map, Value};

/// The most facts that are merged into one.
const MAX_MERGED: usize = 100;

/// Semantic memory of a scope. What is stored again supersedes: what was known before stays readable by "as of".
///
/// ```
/// use ice_core::memory::{Fact, Memory, MemoryOptions, Relationship, Scope, SemanticMemory};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = Memory::open(MemoryOptions::in_memory()).await?;
/// let semantic = SemanticMemory::new(memory, Scope::default());
/// let sells = Relationship { relation: "sells".to_owned(), target: "bicycles".to_owned(), strength: 0.9 };
/// let fact = Fact { entities: vec!["Ada".to_owned()], relationships: vec![sells], ..Fact::default() };
/// semantic.learn("Ada sells bicycles.", fact).await?;
/// let related = semantic.find_related("Ada", None, 10).await?;
/// assert_eq!((related[0].entity.as_str(), related[0].strength), ("bicycles", 0.9));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SemanticMemory {
    pub(super) memory: Memory,
    pub(super) scope: Scope,
}

impl SemanticMemory {
    /// The semantic memory of a scope.
    #[must_use]
    pub const fn new(memory: Memory, scope: Scope) -> Self {
        Self { memory, scope }
    }

    /// Remembers a fact under a key of its own.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn learn(&self, content: impl Into<Value>, fact: Fact) -> Result<Entry, MemoryError> {
        self.memory.remember(Write::fact(content, fact).scope(self.scope.clone())).await
    }

    /// Remembers a fact under a key; what it is, is told by the metadata: [`fact_of`].
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn store(
        &self,
        key: &str,
        content: impl Into<Value>,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        let (fact, source, tags, metadata) = fact_of(metadata)?;
        let mut write = Write::fact(content, fact).scope(self.scope.clone()).key(key_of(key)?).tags(tags);
        write.metadata = metadata;
        if let Some(source) = source {
            write.source.source = source;
        }
        self.memory.remember(write).await
    }

    /// What a key stands for, now or as of some moment.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn retrieve(&self, key: &str, as_of: AsOf) -> Result<Option<Entry>, MemoryError> {
        self.memory.get_as_of(&self.scope, Kind::Semantic, &key_of(key)?, as_of).await
    }

    /// Forgets a key; says whether there was something.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn delete(&self, key: &str) -> Result<bool, MemoryError> {
        let selector = Selector::Key { scope: self.scope.clone(), kind: Kind::Semantic, key: key_of(key)? };
        Ok(self.memory.forget(&selector).await? > 0)
    }

    /// Facts like this, the last learned first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list(&self, filter: Filter, limit: usize) -> Result<Vec<Entry>, MemoryError> {
        let query = Query::of(self.scope.clone(), Kind::Semantic).filter(filter).limit(limit);
        Ok(self.memory.list(&query).await?.entries)
    }

    /// The things of a domain, sorted: those that the last [`MAX_PAGE`] facts of it are about.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn entities_by_domain(&self, domain: &str) -> Result<Vec<String>, MemoryError> {
        let facts = self.domain_knowledge(domain, None).await?;
        let entities = facts.iter().filter_map(fact).flat_map(|fact| fact.entities.iter().cloned());
        let sorted: std::collections::BTreeSet<String> = entities.collect();
        Ok(sorted.into_iter().collect())
    }

    /// The facts about a thing in a domain, the last learned first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn facts_for_entity_in_domain(
        &self,
        domain: &str,
        entity: &str,
    ) -> Result<Vec<Entry>, MemoryError> {
        let (domain, entities) = (Some(domain.to_owned()), vec![entity.to_owned()]);
        self.list(Filter { domain, entities, ..Filter::default() }, MAX_PAGE).await
    }

    /// All relationships of a type: who, to whom and how strong, the strongest first, then by name.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn relationships_by_type(
        &self,
        relation: &str,
    ) -> Result<Vec<(String, Relationship)>, MemoryError> {
        let filter = Filter { relation: Some(relation.to_owned()), ..Filter::default() };
        let facts = self.list(filter, MAX_PAGE).await?;
        let mut found = Vec::new();
        for fact in facts.iter().filter_map(fact) {
            for relationship in fact.relationships.iter().filter(|known| known.relation == relation) {
                found.extend(fact.entities.iter().map(|entity| (entity.clone(), relationship.clone())));
            }
        }
        found.sort_by(|one, other| {
            other
                .1
                .strength
                .total_cmp(&one.1.strength)
                .then_with(|| (&one.0, &one.1.target).cmp(&(&other.0, &other.1.target)))
        });
        Ok(found)
    }

    /// The facts of a domain, of one type or any, the last learned first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn domain_knowledge(
        &self,
        domain: &str,
        fact_type: Option<&str>,
    ) -> Result<Vec<Entry>, MemoryError> {
        let types = fact_type.map(str::to_owned).into_iter().collect();
        self.list(Filter { domain: Some(domain.to_owned()), types, ..Filter::default() }, MAX_PAGE).await
    }

    /// The domains of facts, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list_domains(&self) -> Result<Vec<String>, MemoryError> {
        self.memory.domains(&self.scope, Kind::Semantic).await
    }

    /// The types of relationships, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list_relationship_types(&self) -> Result<Vec<String>, MemoryError> {
        self.memory.relations(&self.scope).await
    }

    /// Puts one fact in the place of several, by one commit. Its content holds what was merged: `merged_from`, `facts` and
    /// `merged_at`. It is about all they were about, as sure as the least sure of them, and of their domain and type if
    /// they have one in common (else `general`). Those that are merged stay readable by "as of".
    ///
    /// # Errors
    /// [`MemoryError::NotFound`] if a key stands for nothing, [`MemoryError::Invalid`] for fewer than 2 or more than 100
    /// keys, or as [`Memory::remember`].
    pub async fn merge_facts(&self, keys: &[MemoryKey], new_key: MemoryKey) -> Result<Entry, MemoryError> {
        if !(2..=MAX_MERGED).contains(&keys.len()) {
            let problem = format!("there are {}, and 2 to {MAX_MERGED} can be merged", keys.len());
            return Err(MemoryError::invalid("the keys of facts", problem));
        }
        let mut merged = Vec::new();
        for key in keys {
            let found = self.memory.get(&self.scope, Kind::Semantic, key).await?;
            merged.push(found.ok_or_else(|| MemoryError::NotFound {
                kind: Kind::Semantic,
                scope: self.scope.clone(),
                key: key.to_string(),
            })?);
        }
        let content = Value::map([
            ("merged_from", Value::list(keys.iter().map(|key| Value::from(key.as_str())))),
            ("facts", Value::list(merged.iter().map(|entry| entry.content.clone()))),
            ("merged_at", Value::from(self.memory.now().to_string())),
        ]);
        let facts: Vec<&Fact> = merged.iter().filter_map(fact).collect();
        let common = |name: fn(&Fact) -> &String| {
            let first = facts.first().map(|fact| name(fact).clone());
            first
                .filter(|first| facts.iter().all(|fact| name(fact) == first))
                .unwrap_or_else(|| "general".to_owned())
        };
        let mut relationships: Vec<Relationship> = Vec::new();
        for relationship in facts.iter().flat_map(|fact| &fact.relationships) {
            if !relationships.contains(relationship) {
                relationships.push(relationship.clone());
            }
        }
        let fact = Fact {
            fact_type: common(|fact| &fact.fact_type),
            domain: common(|fact| &fact.domain),
            entities: facts.iter().flat_map(|fact| fact.entities.iter().cloned()).collect(),
            relationships,
            confidence: facts.iter().map(|fact| fact.confidence).fold(1.0, f64::min),
            valid: super::super::Validity::default(),
        };
        let mut write = Write::fact(content, fact).scope(self.scope.clone()).key(new_key);
        write.tags = merged.iter().flat_map(|entry| entry.tags.iter().cloned()).collect();
        write.subjects = merged.iter().flat_map(|entry| entry.subjects.iter().cloned()).collect();
        write.importance = merged.iter().map(|entry| entry.importance).fold(0.0, f64::max);
        write.source.source = "merge".to_owned();
        self.memory.replace(merged.iter().map(|entry| entry.id).collect(), write).await
    }
}

/// What metadata tell of a fact: `fact_type`, `domain` (both else `general`), `entities`, `relationships` (each a map of
/// `type`, `target` and perhaps `strength`), `confidence` (else 1), `source` and `tags`. Gives the fact, its source, its
/// tags and what else there is.
///
/// # Errors
/// [`MemoryError::Invalid`] if one of these has the wrong type.
pub fn fact_of(mut metadata: Map) -> Result<(Fact, Option<String>, Vec<String>, Map), MemoryError> {
    let mut fact = Fact::default();
    for (field, to) in [("fact_type", &mut fact.fact_type), ("domain", &mut fact.domain)] {
        if let Some(text) = text(&mut metadata, field)? {
            *to = text;
        }
    }
    fact.entities = texts(&mut metadata, "entities")?;
    if let Some(confidence) = number(&mut metadata, "confidence")? {
        fact.confidence = confidence;
    }
    if let Some(relationships) = metadata.remove("relationships").filter(|value| !value.is_null()) {
        let json = relationships.to_string();
        fact.relationships = serde_json::from_str(&json)
            .map_err(|error| MemoryError::invalid("`relationships` of the metadata", error.to_string()))?;
    }
    let (source, tags) = (text(&mut metadata, "source")?, texts(&mut metadata, "tags")?);
    Ok((fact, source, tags, metadata))
}

/// The fact of an entry.
#[must_use]
pub const fn fact(entry: &Entry) -> Option<&Fact> {
    match &entry.detail {
        Detail::Semantic(fact) => Some(fact),
        Detail::Working(_) | Detail::Episodic(_) | Detail::Procedural(_) => None,
    }
}
