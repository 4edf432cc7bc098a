//! Sessions that are remembered as long as their process lives.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use indexmap::IndexMap;

use super::{Exchange, Session, SessionError, SessionMemory};

/// The most exchanges of a session; the oldest are forgotten.
const MAX_EXCHANGES: usize = 100;
/// The most sessions; the one that was added to least recently is forgotten.
const MAX_SESSIONS: usize = 10_000;
/// The most bytes of all exchanges together; beyond it sessions are forgotten as beyond their number.
const MAX_BYTES: usize = 64 << 20;

/// Remembers sessions in memory: 100 exchanges each, 10,000 sessions, 64 MiB.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// Last is what was added to most recently.
    sessions: IndexMap<Session, VecDeque<(String, Exchange)>>,
    bytes: usize,
}

impl All {
    fn push(&mut self, session: &Session, key: &str, exchange: &Exchange) {
        let mut exchanges = self.sessions.shift_remove(session).unwrap_or_default();
        if !exchanges.iter().any(|(known, _)| known == key) {
            let entry = (key.to_owned(), exchange.clone());
            self.bytes += bytes(session, &entry);
            exchanges.push_back(entry);
        }
        if exchanges.len() > MAX_EXCHANGES
            && let Some(oldest) = exchanges.pop_front()
        {
            self.bytes -= bytes(session, &oldest);
        }
        self.sessions.insert(session.clone(), exchanges);
        while self.sessions.len() > MAX_SESSIONS || (self.bytes > MAX_BYTES && self.sessions.len() > 1) {
            let Some((session, exchanges)) = self.sessions.shift_remove_index(0) else { break };
            self.bytes -= exchanges.iter().map(|entry| bytes(&session, entry)).sum::<usize>();
        }
    }
}

/// What an exchange takes, the name of its session included.
fn bytes(session: &Session, (key, exchange): &(String, Exchange)) -> usize {
    session.workflow.len() + session.name.len() + key.len() + exchange.asked.len() + exchange.said.len()
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionMemory for Sessions {
    async fn recall(&self, session: &Session, last: usize) -> Result<Vec<Exchange>, SessionError> {
        let all = self.all();
        let known = all.sessions.get(session).into_iter().flatten();
        let mut found: Vec<Exchange> = known.rev().take(last).map(|(_, exchange)| exchange.clone()).collect();
        found.reverse();
        Ok(found)
    }

    async fn append(&self, session: &Session, exchange: &Exchange, key: &str) -> Result<(), SessionError> {
        self.all().push(session, key, exchange);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> Session {
        Session { tenant: "local".parse().unwrap(), workflow: "w".to_owned(), name: name.to_owned() }
    }

    fn exchange(number: usize) -> Exchange {
        Exchange { asked: format!("q{number}"), said: format!("a{number}") }
    }

    #[tokio::test]
    async fn the_last_exchanges_of_a_session_are_recalled_and_each_is_kept_once() {
        let memory = Sessions::default();
        for number in [1, 2, 2, 3] {
            memory.append(&session("a"), &exchange(number), &format!("key {number}")).await.unwrap();
        }
        memory.append(&session("b"), &exchange(9), "key 9").await.unwrap();
        assert_eq!(memory.recall(&session("a"), 2).await.unwrap(), [exchange(2), exchange(3)]);
        assert_eq!(memory.recall(&session("a"), 9).await.unwrap().len(), 3);
        let other = Session { tenant: "other".parse().unwrap(), ..session("a") };
        assert_eq!(memory.recall(&other, 9).await.unwrap(), []);
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let memory = Sessions::default();
        for number in 0..MAX_EXCHANGES + 3 {
            memory.append(&session("a"), &exchange(number), &number.to_string()).await.unwrap();
        }
        let kept = memory.recall(&session("a"), usize::MAX).await.unwrap();
        assert_eq!((kept.len(), kept[0].clone()), (MAX_EXCHANGES, exchange(3)));
        for number in 0..MAX_SESSIONS {
            memory.append(&session(&number.to_string()), &exchange(0), "k").await.unwrap();
        }
        assert_eq!(memory.recall(&session("a"), 1).await.unwrap(), []);
        assert_eq!(memory.recall(&session("0"), 1).await.unwrap().len(), 1);
        let large = Exchange { asked: "x".repeat(MAX_BYTES / 2), said: String::new() };
        for name in ["x", "y", "z"] {
            memory.append(&session(name), &large, "k").await.unwrap();
        }
        assert_eq!(memory.recall(&session("y"), 1).await.unwrap(), []);
        assert_eq!(memory.recall(&session("z"), 1).await.unwrap(), [large]);
    }
}
