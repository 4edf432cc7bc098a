//! The exchanges of sessions as episodes of the table: what nodes that are aware of memory are told.

use std::time::Duration;

use crate::id::RunId;
use crate::path::NodePath;
use crate::value::{Map, Value};

use super::{
    Detail, Entry, Episode, Exchange, Filter, Kind, Memory, MemoryError, MemoryKey, Provenance, Query, Scope,
    Session, Write,
};

/// The type of the episodes.
const TYPE: &str = "exchange";
/// The most exchanges of a session; the oldest make room.
pub const MAX_EXCHANGES: usize = 100;
/// So many more are removed with one write: writers at once may have left some.
const SPARE: usize = 10;

impl Scope {
    /// The scope that holds the exchanges of sessions: `sessions`.
    #[must_use]
    pub fn of_sessions() -> Self {
        Self::fixed("sessions")
    }
}

impl Session {
    /// By what its exchanges are found: names are no tags, for they may be empty, or long.
    fn tag(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.workflow, &self.name] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hash = hasher.finalize().to_hex();
        format!("session:{}", hash.get(..32).unwrap_or_default())
    }

    /// The name, if an entry can be said to be about whoever it names.
    fn subject(&self) -> Option<String> {
        let name = self.name.trim();
        let fits = !name.is_empty() && self.name.len() <= super::MAX_WORD_BYTES;
        (fits && !self.name.chars().any(char::is_control)).then(|| self.name.clone())
    }
}

/// The last exchanges of a session.
fn last(session: &Session, last: usize) -> Query {
    let filter = Filter { types: vec![TYPE.to_owned()], tags: vec![session.tag()], ..Filter::default() };
    Query::of(Scope::of_sessions(), Kind::Episodic).filter(filter).limit(last)
}

/// A key of any length as one of memory's.
fn short(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().to_string()
}

impl Memory {
    /// Adds an exchange to a session: an episode in the scope of sessions, about whoever the session is named after. The same
    /// key adds nothing a second time. The tenant is that of the memory.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn add_exchange(
        &self,
        session: &Session,
        exchange: &Exchange,
        (run, node): (RunId, &NodePath),
        key: &str,
    ) -> Result<Entry, MemoryError> {
        let content = Value::from_serialize(exchange)
            .map_err(|error| MemoryError::invalid("the exchange", error.to_string()))?;
        let episode =
            Episode { episode_type: TYPE.to_owned(), outcome: "success".to_owned(), ..Episode::default() };
        let mut metadata = Map::default();
        metadata.insert("workflow".into(), Value::from(session.workflow.as_str()));
        if let Some(name) = session.subject() {
            metadata.insert("session".into(), Value::from(name));
        }
        let key = short(key);
        let name = MemoryKey::new(&format!("exchange:{key}"))
            .map_err(|error| MemoryError::invalid("the key of the exchange", error.to_string()))?;
        let write = Write {
            scope: Scope::of_sessions(),
            key: Some(name),
            content,
            metadata,
            tags: vec![session.tag()],
            subjects: session.subject().into_iter().collect(),
            source: Provenance {
                run: Some(run),
                node: Some(node.clone()),
                source: "session".to_owned(),
                idempotency: Some(format!("exchange:{key}")),
                ..Provenance::default()
            },
            // They last: a session has room for so many, and no more.
            ttl: Some(Duration::MAX),
            ..Write::new(Value::Null, Detail::Episodic(episode))
        };
        let entry = self.remember(write).await?;
        let kept = self.list(&last(session, MAX_EXCHANGES + SPARE)).await?.entries;
        let oldest: Vec<_> = kept.iter().skip(MAX_EXCHANGES).map(|entry| entry.id).collect();
        if !oldest.is_empty() {
            self.discard(oldest).await?;
        }
        Ok(entry)
    }

    /// The last exchanges of a session, at most so many and at most [`MAX_EXCHANGES`], the oldest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn exchanges(&self, session: &Session, last: usize) -> Result<Vec<Exchange>, MemoryError> {
        let page = self.list(&self::last(session, last.min(MAX_EXCHANGES))).await?;
        let read = |entry: Entry| {
            let exchange = entry.content.to::<Exchange>();
            exchange.map_err(|error| MemoryError::corrupt(format!("the exchange {}: {error}", entry.id)))
        };
        page.entries.into_iter().rev().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryOptions, Selector};
    use crate::time::{IdSource, SystemIds};

    #[tokio::test]
    async fn the_last_exchanges_of_a_session_are_recalled_once_each_and_go_with_their_run_or_person() {
        let memory = Memory::open(MemoryOptions::in_memory()).await.unwrap();
        let session = |name: &str| Session {
            tenant: "local".parse().unwrap(),
            workflow: "w".to_owned(),
            name: name.to_owned(),
        };
        let exchange = |number: u32| Exchange { asked: format!("q{number}"), said: format!("a{number}") };
        let node: NodePath = "n".parse().unwrap();
        let runs = [1, 2].map(|_| RunId::from(SystemIds.uuid()));
        let long = "k".repeat(1_000);
        for (number, run, key) in [(1, 0, "1"), (2, 0, "2"), (2, 0, "2"), (3, 1, &*long)] {
            let place = (runs[run], &node);
            memory.add_exchange(&session("ada"), &exchange(number), place, key).await.unwrap();
        }
        memory.add_exchange(&session("\n"), &exchange(9), (runs[0], &node), "9").await.unwrap();
        let recall = async |name: &str| memory.exchanges(&session(name), 2).await.unwrap();
        assert_eq!(recall("ada").await, [exchange(2), exchange(3)]);
        assert_eq!(recall("\n").await, [exchange(9)]);
        assert_eq!(recall("").await, []);
        for number in 0..MAX_EXCHANGES as u32 + 3 {
            let place = (runs[0], &node);
            memory
                .add_exchange(&session("much"), &exchange(number), place, &format!("m{number}"))
                .await
                .unwrap();
        }
        let kept = memory.exchanges(&session("much"), usize::MAX).await.unwrap();
        assert_eq!((kept.len(), kept.first()), (MAX_EXCHANGES, Some(&exchange(3))));
        memory.take_back(runs[1]).await.unwrap();
        assert_eq!(recall("ada").await, [exchange(1), exchange(2)]);
        memory.erase(&Selector::Person("ada".to_owned())).await.unwrap();
        assert_eq!(recall("ada").await, []);
    }
}
