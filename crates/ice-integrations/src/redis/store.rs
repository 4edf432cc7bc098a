//! The store itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use bytes::Bytes;
use ice_core::store::{
    Batch, CommitError, CommitSeq, Durability, Entry, Expect, Expectation, Feed, FeedLimits, Key,
    MAX_BATCH_BYTES, MAX_VALUE_BYTES, Offers, Put, Store, StoreError, Version, Versioned, Watch,
};
use ice_core::time::{IdSource, SystemIds};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::compact;
use super::failure::Fault;
use super::follow::Follower;
use super::link::{Link, Shared};
use super::options::Options;
use super::reply::text;
use super::writer::{Ticket, Writer};

/// The largest answer to a scan, in bytes: it is one snapshot, and stands in memory whole.
const MAX_SCAN_BYTES: usize = 512 << 20;
/// The digits of a version before each value.
const VERSION_DIGITS: usize = 16;
/// How long a commit that is done waits to be seen by the watchers of this handle.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// A store in Redis. Many handles in many processes may use one store; all see each other's commits.
///
/// Dropping it ends its watches and its one task.
#[derive(Debug)]
pub struct RedisStore {
    link: Shared,
    feed: Arc<Feed>,
    reached: watch::Receiver<u64>,
    writer: Writer,
    writer_key: String,
    _tasks: JoinSet<()>,
}

impl RedisStore {
    /// Connects to the server, and makes the store there if there is none. Needs a tokio runtime, which must live as long as the
    /// store. Cancel-safe.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server cannot be reached, refuses the password, is too old, a replica, or would remove
    /// keys when its memory is full; [`StoreError::Format`] if another version has written the store; [`StoreError::Corrupt`]
    /// if it is damaged.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        let link = Arc::new(Link::new(options, true)?);
        link.ask("opening the store", |_, _| ping()).await.map_err(|fault| fault.error)?;
        let start = link.newest();
        let feed = Feed::new(CommitSeq(start), FeedLimits::default());
        let (sender, reached) = watch::channel(start);
        let follower = Follower { link: Arc::clone(&link), feed: Arc::clone(&feed), reached: sender };
        let mut tasks = JoinSet::new();
        tasks.spawn(follower.run());
        let writer_key = link.options.key(&format!("writer:{}", SystemIds.uuid()));
        Ok(Self { link, feed, reached, writer: Writer::new(), writer_key, _tasks: tasks })
    }

    /// Waits until the server says that it has lost commits; from then on the store refuses everything. Cancel-safe.
    pub async fn failed(&self) -> StoreError {
        let mut reached = self.reached.clone();
        loop {
            if let Some(lost) = self.link.lost() {
                return lost;
            }
            // It ends when the follower does, which is when commits are lost.
            if reached.changed().await.is_err() {
                return self.link.lost().unwrap_or(StoreError::Unavailable {
                    what: format!("{} is no longer followed", self.link.place),
                    source: None,
                });
            }
        }
    }

    fn lost(&self, had: &Value) -> StoreError {
        self.link.lose(&text(had))
    }

    fn garbled(&self, what: &str) -> StoreError {
        StoreError::Corrupt {
            what: format!("{what} in {} (the store {:?})", self.link.place, self.link.options.name),
        }
    }

    fn commit_command(&self, ticket: &Ticket, (epoch, newest): (&str, &str), batch: &Packed) -> Cmd {
        let keys = &self.link.keys;
        let mut command = self.link.scripts.commit.call(&[
            &keys.meta,
            &keys.values,
            &keys.keys,
            &keys.changes,
            &self.writer_key,
        ]);
        command.arg(epoch).arg(newest).arg(ticket.number).arg(ticket.lowest());
        command.arg(batch.expectations.len());
        for Expectation { key, expect } in &batch.expectations {
            command.arg(key.as_bytes()).arg(match expect {
                Expect::Absent => String::new(),
                Expect::Version(version) => digits(*version),
            });
        }
        command.arg(batch.writes.len());
        for put in &batch.writes {
            command.arg(if put.value.is_some() { "+" } else { "-" }).arg(put.key.as_bytes());
            command.arg(put.value.as_deref().unwrap_or_default());
        }
        command
    }

    /// Waits until the watchers of this handle can see a commit that is done, but not for ever: the commit is done.
    async fn seen(&self, seq: u64) {
        let mut reached = self.reached.clone();
        let seen = async { reached.wait_for(|reached| *reached >= seq).await.map(|_| ()) };
        let _ = timeout(SEEN_WITHIN, seen).await;
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.feed.close();
    }
}

fn ping() -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.cmd("PING");
    pipeline
}

/// A batch in which each key is written once.
struct Packed {
    writes: Vec<Put>,
    expectations: Vec<Expectation>,
}

impl Packed {
    fn of(batch: Batch) -> Self {
        let (mut writes, expectations) = batch.into_parts();
        let last: HashMap<Key, usize> =
            writes.iter().enumerate().map(|(index, put)| (put.key.clone(), index)).collect();
        let mut index = 0;
        writes.retain(|put| {
            index += 1;
            last.get(&put.key) == Some(&(index - 1))
        });
        Self { writes, expectations }
    }
}

fn digits(version: Version) -> String {
    format!("{:016}", version.0)
}

/// Takes a value apart: its version stands before it.
fn versioned(value: Vec<u8>) -> Option<Versioned> {
    let value = Bytes::from(value);
    let version = std::str::from_utf8(value.get(..VERSION_DIGITS)?).ok()?.parse().ok()?;
    Some(Versioned { value: value.slice(VERSION_DIGITS..), version: Version(version) })
}

/// The one answer of a script, which is a list that begins with a word.
fn answer(mut answers: Vec<Value>) -> Option<(String, Vec<Value>)> {
    let Some(Value::Array(mut items)) = answers.pop() else { return None };
    if items.is_empty() {
        return None;
    }
    let word = text(&items.remove(0));
    Some((word, items))
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        let keys = &self.link.keys;
        // The value first: if the store is still there after that, it was there before.
        let asked = self.link.ask("reading", |_, _| {
            let mut pipeline = redis::pipe();
            pipeline.cmd("HGET").arg(&keys.values).arg(key.as_bytes());
            pipeline.cmd("HGET").arg(&keys.meta).arg("epoch");
            pipeline
        });
        let answers = asked.await.map_err(|fault| fault.error)?;
        let mut answers = answers.into_iter();
        let (value, state) = (answers.next(), answers.next());
        if state.as_ref().map(text) != self.link.epoch() {
            return Err(self.lost(&Value::Nil));
        }
        match value {
            Some(Value::Nil) => Ok(None),
            Some(Value::BulkString(bytes)) => {
                versioned(bytes).map(Some).ok_or_else(|| self.garbled(&format!("the value of {key}")))
            }
            _ => Err(self.garbled("an answer")),
        }
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let bound = |mark: u8, key: &Key| [&[mark], key.as_bytes()].concat();
        let from = match after {
            Some(after) if after >= prefix => bound(b'(', after),
            Some(_) | None => bound(b'[', prefix),
        };
        // No text has this byte: it sorts behind all that begins with the prefix.
        let upto = [&bound(b'(', prefix), &b"\xff"[..]].concat();
        let limit = i64::try_from(limit).unwrap_or(-1);
        let keys = &self.link.keys;
        let asked = self.link.ask("reading", |epoch, newest| {
            let mut command = self.link.scripts.scan.call(&[&keys.meta, &keys.values, &keys.keys]);
            command.arg(epoch).arg(newest).arg(&from).arg(&upto).arg(limit).arg(MAX_SCAN_BYTES);
            let mut pipeline = redis::pipe();
            pipeline.add_command(command);
            pipeline
        });
        let (word, items) =
            answer(asked.await.map_err(|fault| fault.error)?).ok_or_else(|| self.garbled("an answer"))?;
        match (word.as_str(), items.as_slice()) {
            ("ok", _) => {}
            ("lost", [had]) => return Err(self.lost(had)),
            ("large", [size]) => {
                let size = text(size).parse().unwrap_or(usize::MAX);
                return Err(StoreError::TooLarge {
                    what: "an answer to a scan",
                    size,
                    limit: MAX_SCAN_BYTES,
                });
            }
            _ => return Err(self.garbled(&format!("a key below {prefix}"))),
        }
        let mut entries = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(Value::BulkString(key)), Some(Value::BulkString(value))) =
            (items.next(), items.next())
        {
            let key = String::from_utf8(key).ok().and_then(|key| Key::new(&key).ok());
            let entry = key.zip(versioned(value)).map(|(key, Versioned { value, version })| Entry {
                key,
                value,
                version,
            });
            entries.push(entry.ok_or_else(|| self.garbled(&format!("an entry below {prefix}")))?);
        }
        Ok(entries)
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        self.offers().check(&batch, durability)?;
        let batch = Packed::of(batch);
        let ticket = self.writer.begin();
        let asked = self.link.ask("committing", |epoch, newest| {
            let mut pipeline = redis::pipe();
            pipeline.add_command(self.commit_command(&ticket, (epoch, newest), &batch));
            pipeline
        });
        let answers = asked.await.map_err(uncertain)?;
        let (word, items) = answer(answers).ok_or_else(|| self.garbled("an answer"))?;
        match (word.as_str(), items.as_slice()) {
            ("ok", [seq]) => {
                let seq = text(seq).parse().map_err(|_| self.garbled("the number of a commit"))?;
                self.link.saw(CommitSeq(seq));
                self.seen(seq).await;
                Ok(CommitSeq(seq))
            }
            ("lost", [had]) => Err(self.lost(had).into()),
            ("conflict", [index, found]) => {
                let index = text(index).parse::<usize>().unwrap_or(0).wrapping_sub(1);
                let Some(Expectation { key, expect }) = batch.expectations.get(index) else {
                    return Err(self.garbled("an answer").into());
                };
                let found = text(found).parse().ok().map(Version);
                Err(CommitError::Conflict { key: key.clone(), expected: *expect, found })
            }
            _ => Err(self.garbled("an answer").into()),
        }
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.feed.watch(prefix, after, self.last_commit())
    }

    fn last_commit(&self) -> CommitSeq {
        CommitSeq(*self.reached.borrow())
    }

    fn offers(&self) -> Offers {
        let (durability, persistent) = self.link.promises();
        Offers { durability, max_value_bytes: MAX_VALUE_BYTES, max_batch_bytes: MAX_BATCH_BYTES, persistent }
    }
    /// The server writes its log of commands anew, and its snapshot if it keeps one. It must allow `BGREWRITEAOF` and `BGSAVE`; older
    /// files, copies and replicas of its own are beyond it.
    async fn compact(&self) -> Result<(), StoreError> {
        compact::compact(&self.link).await
    }
}

/// Says of a commit whose answer did not come that it may have happened.
fn uncertain(fault: Fault) -> StoreError {
    let Fault { mut error, passing } = fault;
    if passing && let StoreError::Unavailable { what, .. } = &mut error {
        what.push_str("; the commit may or may not have happened");
    }
    error
}
