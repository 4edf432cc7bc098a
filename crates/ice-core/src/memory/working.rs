//! What is at hand: small and short-lived; what was not used for the longest time makes room.

use super::{Entry, Filter, Kind, Memory, MemoryError, MemoryKey, Page, Query, Scope, Selector, Write};
use crate::value::{Map, Value};

/// Working memory of a scope. How much it holds and how long is set by its configuration: 1,000 entries and 300 s unless it
/// says otherwise.
///
/// ```
/// use ice_core::memory::{Memory, MemoryOptions, Scope, WorkingMemory};
/// use ice_core::value::Map;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = Memory::open(MemoryOptions::in_memory()).await?;
/// let working = WorkingMemory::new(memory, Scope::default());
/// working.store("step", "measure twice", Map::default()).await?;
/// let step = working.retrieve("step").await?.ok_or("forgotten")?;
/// assert_eq!((step.content.as_str(), step.access_count), (Some("measure twice"), 1));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WorkingMemory {
    memory: Memory,
    scope: Scope,
}

impl WorkingMemory {
    /// The working memory of a scope.
    #[must_use]
    pub const fn new(memory: Memory, scope: Scope) -> Self {
        Self { memory, scope }
    }

    /// Puts something at hand.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn store(
        &self,
        key: &str,
        content: impl Into<Value>,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        let mut write = Write::working(content).scope(self.scope.clone()).key(key_of(key)?);
        write.metadata = metadata;
        self.memory.remember(write).await
    }

    /// What is at hand under a key; counts as use.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn retrieve(&self, key: &str) -> Result<Option<Entry>, MemoryError> {
        self.memory.take_up(&self.scope, &key_of(key)?).await
    }

    /// What holds a text, in upper or lower case, with these fields of the metadata, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn search(&self, text: &str, limit: usize, metadata: Map) -> Result<Vec<Entry>, MemoryError> {
        let contains = Some(text.to_owned()).filter(|text| !text.is_empty());
        let filter = Filter { contains, metadata, ..Filter::default() };
        Ok(self.list(filter, limit).await?.entries)
    }

    /// What is like this, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list(&self, filter: Filter, limit: usize) -> Result<Page, MemoryError> {
        let query = Query::of(self.scope.clone(), Kind::Working).filter(filter).limit(limit);
        self.memory.list(&query).await
    }

    /// Forgets a key; says whether there was something.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn delete(&self, key: &str) -> Result<bool, MemoryError> {
        let selector = Selector::Key { scope: self.scope.clone(), kind: Kind::Working, key: key_of(key)? };
        Ok(self.memory.forget(&selector).await? > 0)
    }

    /// Forgets all; says how much it was.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn clear(&self) -> Result<u64, MemoryError> {
        let filter = Box::default();
        self.memory.forget(&Selector::Like { scope: self.scope.clone(), kind: Kind::Working, filter }).await
    }
}

pub(super) fn key_of(key: &str) -> Result<MemoryKey, MemoryError> {
    MemoryKey::new(key).map_err(|error| MemoryError::invalid("the key", error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::memory::{MemoryConfig, MemoryOptions, UnifiedMemoryConfig};
    use crate::time::{Moment, SystemIds, TestClock};

    async fn working(config: MemoryConfig) -> (WorkingMemory, TestClock) {
        let clock = TestClock::new(Moment::from_millis(1_000));
        let config = UnifiedMemoryConfig { working: config, ..UnifiedMemoryConfig::ephemeral() };
        let options =
            MemoryOptions::in_memory().config(config).time(Arc::new(clock.clone()), Arc::new(SystemIds));
        (WorkingMemory::new(Memory::open(options).await.unwrap(), Scope::default()), clock)
    }

    async fn keys(working: &WorkingMemory) -> Vec<String> {
        let page = working.list(Filter::default(), 100).await.unwrap();
        let mut keys: Vec<String> = page.entries.iter().map(|entry| entry.key.to_string()).collect();
        keys.sort_unstable();
        keys
    }

    #[tokio::test]
    async fn the_least_recently_used_makes_room_and_use_is_counted() {
        let config = MemoryConfig { max_entries: Some(3), ..MemoryConfig::working() };
        let (working, _) = working(config).await;
        for key in ["a", "b", "c"] {
            working.store(key, key, Map::default()).await.unwrap();
        }
        assert_eq!(working.retrieve("a").await.unwrap().unwrap().access_count, 1);
        assert_eq!(working.retrieve("a").await.unwrap().unwrap().access_count, 2);
        working.store("d", "d", Map::default()).await.unwrap();
        assert_eq!(keys(&working).await, ["a", "c", "d"]);
        assert!(working.delete("a").await.unwrap() && !working.delete("a").await.unwrap());
        assert_eq!(working.clear().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn tokens_are_bounded_too_and_what_never_fits_is_refused() {
        let config = MemoryConfig { max_tokens: Some(10), ..MemoryConfig::working() };
        let (working, _) = working(config).await;
        for key in ["a", "b", "c"] {
            working.store(key, "x".repeat(16), Map::default()).await.unwrap();
        }
        assert_eq!(keys(&working).await, ["b", "c"]);
        let error = working.store("d", "x".repeat(44), Map::default()).await.unwrap_err();
        assert!(
            matches!(error, MemoryError::Budget { what: "tokens", needed: 3, limit: 10, .. }),
            "{error:?}"
        );
        assert_eq!(keys(&working).await, ["b", "c"]);
    }

    #[tokio::test]
    async fn it_is_gone_after_its_time_and_searched_without_regard_to_case() {
        let (working, clock) = working(MemoryConfig::working()).await;
        let metadata: Map = [("colour".into(), Value::from("red"))].into_iter().collect();
        working.store("a", "A Bicycle", metadata.clone()).await.unwrap();
        working.store("b", Value::map([("what", Value::from("bicycle"))]), Map::default()).await.unwrap();
        assert_eq!(working.search("BICYCLE", 10, Map::default()).await.unwrap().len(), 2);
        assert_eq!(working.search("bicycle", 1, Map::default()).await.unwrap().len(), 1);
        assert_eq!(working.search("", 10, metadata).await.unwrap()[0].key.as_str(), "a");
        clock.advance(Duration::from_millis(299_999));
        assert!(working.retrieve("a").await.unwrap().is_some());
        clock.advance(Duration::from_millis(1));
        assert!(working.retrieve("a").await.unwrap().is_none());
        assert_eq!(keys(&working).await, [""; 0]);
    }
}
