//! All kinds behind one door: keys lead to their kind, and one answer comes from all.

use std::collections::BTreeMap;

use super::working::key_of;
use super::{
    AsOf, Entry, Episode, EpisodicMemory, Fact, Kind, Memory, MemoryError, MemorySearch, ProceduralMemory,
    Procedure, Scope, Selector, SemanticMemory, Usage, WorkingMemory, Write, episode_of, fact_of,
    procedure_of,
};
use crate::value::{Map, Value};

/// All kinds of memory of a scope.
///
/// A key that begins with `work:`, `episode:`, `fact:` or `procedure:` leads to its kind, any other to working memory. The
/// prefix is part of the key.
///
/// ```
/// use ice_core::memory::{Fact, Memory, MemoryOptions, Scope, UnifiedMemory};
/// use ice_core::value::Map;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = UnifiedMemory::new(Memory::open(MemoryOptions::in_memory()).await?, Scope::default());
/// memory.store("fact:sky", "The sky is blue.", Map::default()).await?;
/// memory.store("note", "Look up.", Map::default()).await?;
/// assert!(memory.retrieve("fact:sky").await?.is_some());
/// assert_eq!(memory.search("blue", 10, &[]).await?.len(), 1);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UnifiedMemory {
    memory: Memory,
    scope: Scope,
}

impl UnifiedMemory {
    /// The memory of a scope.
    #[must_use]
    pub const fn new(memory: Memory, scope: Scope) -> Self {
        Self { memory, scope }
    }

    /// Working memory.
    #[must_use]
    pub fn working(&self) -> WorkingMemory {
        WorkingMemory::new(self.memory.clone(), self.scope.clone())
    }

    /// Episodic memory.
    #[must_use]
    pub fn episodic(&self) -> EpisodicMemory {
        EpisodicMemory::new(self.memory.clone(), self.scope.clone())
    }

    /// Semantic memory.
    #[must_use]
    pub fn semantic(&self) -> SemanticMemory {
        SemanticMemory::new(self.memory.clone(), self.scope.clone())
    }

    /// Procedural memory.
    #[must_use]
    pub fn procedural(&self) -> ProceduralMemory {
        ProceduralMemory::new(self.memory.clone(), self.scope.clone())
    }

    /// Remembers something under a key, in the kind to which the key leads; what it is, is told by the metadata.
    ///
    /// # Errors
    /// [`MemoryError::Disabled`] if the kind is switched off, or as [`Memory::remember`].
    pub async fn store(
        &self,
        key: &str,
        content: impl Into<Value>,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        self.remember(Kind::of_key(key), Some(key), content, metadata).await
    }

    /// Remembers something in a kind, under a key or without one; what it is, is told by the metadata.
    ///
    /// # Errors
    /// As [`UnifiedMemory::store`].
    pub async fn remember(
        &self,
        kind: Kind,
        key: Option<&str>,
        content: impl Into<Value>,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        let write = write_of(kind, content.into(), metadata)?.scope(self.scope.clone());
        let write = match key {
            Some(key) => write.key(key_of(key)?),
            None => write,
        };
        self.memory.remember(write).await
    }

    /// What a key stands for; nothing if its kind is switched off. Counts as use in working memory.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn retrieve(&self, key: &str) -> Result<Option<Entry>, MemoryError> {
        let kind = Kind::of_key(key);
        if !self.memory.config().enables(kind) {
            return Ok(None);
        }
        match kind {
            Kind::Working => self.memory.take_up(&self.scope, &key_of(key)?).await,
            Kind::Episodic | Kind::Semantic | Kind::Procedural => {
                self.memory.get_as_of(&self.scope, kind, &key_of(key)?, AsOf::NOW).await
            }
        }
    }

    /// Forgets a key; says whether there was something.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn delete(&self, key: &str) -> Result<bool, MemoryError> {
        let selector =
            Selector::Key { scope: self.scope.clone(), kind: Kind::of_key(key), key: key_of(key)? };
        Ok(self.memory.forget(&selector).await? > 0)
    }

    /// Forgets all of each kind that is switched on; says how much it was.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn clear_all(&self) -> Result<BTreeMap<Kind, u64>, MemoryError> {
        let mut counts = BTreeMap::new();
        for kind in self.kinds(&[]) {
            let selector = Selector::Like { scope: self.scope.clone(), kind, filter: Box::default() };
            counts.insert(kind, self.memory.forget(&selector).await?);
        }
        Ok(counts)
    }

    /// What fits a text best, of some kinds or of all, the best first: one answer, in which no kind takes the place of another. The
    /// newest if there is no word in the text.
    ///
    /// # Errors
    /// As [`Memory::recall`].
    pub async fn search(&self, text: &str, limit: usize, kinds: &[Kind]) -> Result<Vec<Entry>, MemoryError> {
        let search = MemorySearch {
            limit,
            kinds: self.kinds(kinds),
            ..MemorySearch::new(text, vec![self.scope.clone()])
        };
        Ok(self.memory.search(&search).await?.into_iter().map(|hit| hit.entry).collect())
    }

    /// Remembers a fact, under a key that follows from it: the same fact is remembered once.
    ///
    /// # Errors
    /// As [`UnifiedMemory::store`].
    pub async fn remember_fact(&self, content: impl Into<Value>, fact: Fact) -> Result<Entry, MemoryError> {
        let content = content.into();
        let hash = crate::value::BlobHash::of(content.to_string().as_bytes()).to_string();
        let key = key_of(&format!("fact:{}", hash.get(..32).unwrap_or_default()))?;
        self.memory.remember(Write::fact(content, fact).scope(self.scope.clone()).key(key)).await
    }

    /// Remembers what happened, under a key of its own.
    ///
    /// # Errors
    /// As [`UnifiedMemory::store`].
    pub async fn remember_episode(
        &self,
        content: impl Into<Value>,
        episode: Episode,
    ) -> Result<Entry, MemoryError> {
        self.memory.remember(Write::episode(content, episode).scope(self.scope.clone())).await
    }

    /// Remembers how something is done, under a key that follows from its name: what was known of it is superseded.
    ///
    /// # Errors
    /// As [`UnifiedMemory::store`].
    pub async fn remember_procedure(&self, procedure: Procedure) -> Result<Entry, MemoryError> {
        let name: String = procedure.name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
        self.procedural().store(&format!("procedure:{name}"), procedure).await
    }

    /// How much is remembered of each kind that is switched on.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn usage(&self) -> Result<BTreeMap<Kind, Usage>, MemoryError> {
        let known = self.memory.usage_of(&self.scope).await?;
        let of = |kind: Kind| known.get(&(self.scope.clone(), kind)).copied().unwrap_or_default();
        Ok(self.kinds(&[]).into_iter().map(|kind| (kind, of(kind))).collect())
    }

    /// The kinds that are switched on, of those that are wanted, or of all if none is.
    fn kinds(&self, wanted: &[Kind]) -> Vec<Kind> {
        let config = self.memory.config();
        let is_wanted = |kind: &Kind| config.enables(*kind) && (wanted.is_empty() || wanted.contains(kind));
        Kind::ALL.into_iter().filter(is_wanted).collect()
    }
}

/// What is to be remembered of a kind, as content and metadata tell it: [`episode_of`], [`fact_of`], [`procedure_of`]. In
/// working memory all metadata are kept as they are.
///
/// # Errors
/// [`MemoryError::Invalid`] if the metadata, or the content of a procedure, have the wrong types.
pub fn write_of(kind: Kind, content: Value, metadata: Map) -> Result<Write, MemoryError> {
    let (mut write, metadata) = match kind {
        Kind::Working => (Write::working(content), metadata),
        Kind::Episodic => {
            let (episode, tags, rest) = episode_of(metadata)?;
            (Write::episode(content, episode).tags(tags), rest)
        }
        Kind::Semantic => {
            let (fact, source, tags, rest) = fact_of(metadata)?;
            let mut write = Write::fact(content, fact).tags(tags);
            if let Some(source) = source {
                write.source.source = source;
            }
            (write, rest)
        }
        Kind::Procedural => {
            let (procedure, tags, rest) = procedure_of(&content, metadata)?;
            (Write::procedure(content, procedure).tags(tags), rest)
        }
    };
    write.metadata = metadata;
    Ok(write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryOptions, UnifiedMemoryConfig};

    async fn memory(config: UnifiedMemoryConfig) -> UnifiedMemory {
        let memory = Memory::open(MemoryOptions::in_memory().config(config)).await.unwrap();
        UnifiedMemory::new(memory, Scope::default())
    }

    #[tokio::test]
    async fn keys_lead_to_their_kind_and_no_kind_starves_another() {
        let unified = memory(UnifiedMemoryConfig::ephemeral()).await;
        let named = Value::map([("name", Value::from("blue"))]);
        for number in 0..5 {
            unified.store(&format!("work:{number}"), "blue", Map::default()).await.unwrap();
        }
        unified.store("episode:1", "blue", Map::default()).await.unwrap();
        unified.store("fact:1", "blue", Map::default()).await.unwrap();
        unified.store("procedure:1", named.clone(), Map::default()).await.unwrap();
        let mut kinds: Vec<Kind> =
            unified.search("BLUE", 5, &[]).await.unwrap().iter().map(Entry::kind).collect();
        kinds.sort();
        assert_eq!(kinds, [Kind::Working, Kind::Working, Kind::Episodic, Kind::Semantic, Kind::Procedural]);
        assert_eq!(unified.search("blue", 5, &[Kind::Semantic]).await.unwrap().len(), 1);
        for key in ["work:0", "episode:1", "fact:1", "procedure:1"] {
            assert_eq!(unified.retrieve(key).await.unwrap().unwrap().kind(), Kind::of_key(key), "{key}");
        }
        assert!(unified.store("procedure:2", "no map", Map::default()).await.is_err());
        assert!(unified.delete("fact:1").await.unwrap() && !unified.delete("fact:1").await.unwrap());
        assert_eq!(unified.usage().await.unwrap()[&Kind::Working].entries, 5);
        assert_eq!(unified.clear_all().await.unwrap()[&Kind::Working], 5);
        assert_eq!(unified.usage().await.unwrap()[&Kind::Working], Usage::default());
    }

    #[tokio::test]
    async fn a_kind_that_is_switched_off_keeps_nothing() {
        let config = UnifiedMemoryConfig { enable_semantic: false, ..UnifiedMemoryConfig::ephemeral() };
        let unified = memory(config).await;
        let error = unified.store("fact:1", "x", Map::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "semantic memory is switched off: set `enable_semantic` in its configuration"
        );
        assert_eq!(unified.retrieve("fact:1").await.unwrap(), None);
        assert!(!unified.usage().await.unwrap().contains_key(&Kind::Semantic));
    }

    #[tokio::test]
    async fn the_same_fact_is_remembered_once_and_a_procedure_by_its_name() {
        let unified = memory(UnifiedMemoryConfig::ephemeral()).await;
        let first = unified.remember_fact("blue", Fact::default()).await.unwrap();
        let again = unified.remember_fact("blue", Fact { confidence: 0.5, ..Fact::default() }).await.unwrap();
        assert_eq!((again.key, again.supersedes), (first.key, Some(first.id)));
        let named = Procedure { name: "Sell  Bikes".to_owned(), ..Procedure::default() };
        assert_eq!(unified.remember_procedure(named).await.unwrap().key.as_str(), "procedure:sell_bikes");
        unified.remember_episode("rain", Episode::default()).await.unwrap();
        assert_eq!(unified.usage().await.unwrap().values().map(|usage| usage.entries).sum::<u64>(), 3);
    }
}
