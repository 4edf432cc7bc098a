//! Sessions that are kept in the table: as durable as its store.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{
    Entry, Episode, Exchange, Filter, Kind, Memory, MemoryError, MemoryOptions, Provenance, Query, Scope,
    Session, SessionError, SessionMemory, Write,
};
use crate::id::Tenant;
use crate::value::{BlobHash, Value};

/// The most exchanges of a session; the oldest make room.
pub const MAX_EXCHANGES: usize = 100;
/// The scope of exchanges.
const SCOPE: &str = "sessions";
/// The type of the episodes that they are.
const TYPE: &str = "exchange";

/// Remembers sessions as episodes of the scope `sessions`: 100 exchanges each. The session's name counts as the person whom
/// they are about, so that forgetting a person forgets their sessions, too.
#[derive(Debug)]
pub struct RememberedSessions {
    options: MemoryOptions,
    open: Mutex<BTreeMap<Tenant, Memory>>,
}

impl RememberedSessions {
    /// Sessions in memories that are opened like this, one for each tenant when it is first asked for.
    #[must_use]
    pub fn new(options: MemoryOptions) -> Self {
        Self { options, open: Mutex::new(BTreeMap::new()) }
    }

    async fn memory(&self, tenant: &Tenant) -> Result<Memory, MemoryError> {
        let mut open = self.open.lock().await;
        if let Some(memory) = open.get(tenant) {
            return Ok(memory.clone());
        }
        let memory = Memory::open(self.options.clone().tenant(tenant.clone())).await?;
        open.insert(tenant.clone(), memory.clone());
        Ok(memory)
    }

    async fn last(memory: &Memory, session: &Session, last: usize) -> Result<Vec<Entry>, MemoryError> {
        let filter = Filter { tags: vec![tag(session)], ..Filter::default() };
        Ok(memory.list(&Query::of(scope()?, Kind::Episodic).filter(filter).limit(last)).await?.entries)
    }

    async fn write(&self, session: &Session, exchange: &Exchange, key: &str) -> Result<(), MemoryError> {
        let memory = self.memory(&session.tenant).await?;
        let content = Value::map([
            ("asked", Value::from(exchange.asked.as_str())),
            ("said", Value::from(exchange.said.as_str())),
        ]);
        let episode =
            Episode { episode_type: TYPE.to_owned(), outcome: "said".to_owned(), ..Episode::default() };
        let key = BlobHash::of(format!("{}\n{key}", tag(session)).as_bytes()).to_string();
        let source =
            Provenance { source: "session".to_owned(), idempotency: Some(key), ..Provenance::default() };
        let mut write = Write::episode(content, episode).scope(scope()?).tags([tag(session)]).source(source);
        write.ttl = Some(Duration::MAX);
        if super::write::word("the name of a session", &session.name).is_ok() {
            write.subjects.push(session.name.clone());
        }
        memory.remember(write).await?;
        let kept = Self::last(&memory, session, MAX_EXCHANGES + 10).await?;
        let oldest: Vec<_> = kept.iter().skip(MAX_EXCHANGES).map(|entry| entry.id).collect();
        memory.discard(oldest).await?;
        Ok(())
    }
}

fn scope() -> Result<Scope, MemoryError> {
    Scope::new(SCOPE).map_err(|error| MemoryError::invalid("the scope", error.to_string()))
}

/// What all exchanges of a session have in common.
fn tag(session: &Session) -> String {
    let name = format!("{}:{}{}", session.workflow.len(), session.workflow, session.name);
    BlobHash::of(name.as_bytes()).to_string()
}

fn exchange(entry: &Entry) -> Exchange {
    let text = |field: &str| entry.content.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    Exchange { asked: text("asked"), said: text("said") }
}

#[async_trait]
impl SessionMemory for RememberedSessions {
    async fn recall(&self, session: &Session, last: usize) -> Result<Vec<Exchange>, SessionError> {
        let found = async {
            let memory = self.memory(&session.tenant).await?;
            Self::last(&memory, session, last.min(MAX_EXCHANGES)).await
        };
        let found = found.await.map_err(|error: MemoryError| SessionError(error.to_string()))?;
        Ok(found.iter().rev().map(exchange).collect())
    }

    async fn append(&self, session: &Session, exchange: &Exchange, key: &str) -> Result<(), SessionError> {
        self.write(session, exchange, key).await.map_err(|error| SessionError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::memory::Selector;
    use crate::store::{MemoryBlobs, MemoryStore, Store};

    fn session(name: &str) -> Session {
        Session { tenant: Tenant::default(), workflow: "w".to_owned(), name: name.to_owned() }
    }

    fn said(number: usize) -> Exchange {
        Exchange { asked: format!("q{number}"), said: format!("a{number}") }
    }

    #[tokio::test]
    async fn sessions_outlive_their_memory_and_keep_a_hundred_exchanges() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let config = super::super::UnifiedMemoryConfig::ephemeral();
        let options = MemoryOptions::new(store, Arc::new(MemoryBlobs::new())).config(config);
        let sessions = RememberedSessions::new(options.clone());
        for number in 0..MAX_EXCHANGES + 3 {
            for _ in 0..2 {
                sessions.append(&session("Ada"), &said(number), &number.to_string()).await.unwrap();
            }
        }
        sessions.append(&session("Bob"), &said(7), "1").await.unwrap();
        drop(sessions);
        let sessions = RememberedSessions::new(options.clone());
        let kept = sessions.recall(&session("Ada"), usize::MAX).await.unwrap();
        assert_eq!((kept.len(), &kept[0], &kept[99]), (MAX_EXCHANGES, &said(3), &said(102)));
        assert_eq!(sessions.recall(&session("Ada"), 2).await.unwrap(), [said(101), said(102)]);
        let other = Session { tenant: "other".parse().unwrap(), ..session("Ada") };
        assert_eq!(sessions.recall(&other, 5).await.unwrap(), []);
        let memory = Memory::open(options).await.unwrap();
        assert_eq!(memory.erase(&Selector::Person("ada".to_owned())).await.unwrap(), 100);
        assert_eq!(sessions.recall(&session("Ada"), 5).await.unwrap(), []);
        assert_eq!(sessions.recall(&session("Bob"), 5).await.unwrap(), [said(7)]);
    }
}
