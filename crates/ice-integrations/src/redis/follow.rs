//! Follows the commits of all handles, and sees what the server promises.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisError, Value};
use ice_core::store::{Change, ChangeKind, CommitSeq, Feed, Key};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::failure::Fault;
use super::link::Shared;
use super::reply::{bytes, list};

/// How long the server holds a question when there is nothing new.
const BLOCK: Duration = Duration::from_millis(500);
const AT_ONCE: usize = 128;
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Hands commits to a feed in their order, and tells how far it is.
pub(super) struct Follower {
    pub(super) link: Shared,
    pub(super) feed: Arc<Feed>,
    pub(super) reached: watch::Sender<u64>,
}

impl Follower {
    /// Runs until it is dropped, or the store has lost commits. The owner of the store aborts it.
    pub(super) async fn run(self) {
        let mut pause = PAUSE;
        let mut inspected = Instant::now();
        let mut connection = None;
        while self.link.lost().is_none() {
            if inspected.elapsed() >= self.link.options.inspect_every {
                inspected = Instant::now();
                if let Err(fault) = self.link.inspect_again().await {
                    tracing::warn!(error = %fault.error, "the promises of Redis cannot be read");
                    self.link.nothing_is_promised();
                }
            }
            match self.step(&mut connection).await {
                Ok(()) => pause = PAUSE,
                Err(fault) => {
                    if connection.take().is_some() {
                        tracing::warn!(error = %fault.error, "the commits in Redis cannot be followed");
                    }
                    // The server may be another one now, or none: the link is asked, and notes what it finds.
                    inspected = Instant::now();
                    if self.link.inspect_again().await.is_err() {
                        self.link.nothing_is_promised();
                    }
                    sleep(pause.min(self.link.options.inspect_every)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if let Some(lost) = self.link.lost() {
            tracing::error!(error = %lost, "Redis has lost commits");
        }
        self.feed.close();
    }

    async fn step(&self, connection: &mut Option<MultiplexedConnection>) -> Result<(), Fault> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(self.link.separate().await?),
        };
        let after = *self.reached.borrow();
        let patience = BLOCK + self.link.options.call_timeout;
        let what = "following the commits";
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(BLOCK.as_millis() as u64);
        command.arg("STREAMS").arg(&self.link.keys.changes).arg(format!("{after}-0"));
        let read = command.query_async::<Value>(connection);
        let answer = match timeout(patience, read).await {
            Ok(reply) => reply.map_err(|error: RedisError| Fault::of(&self.link.place, what, &error))?,
            Err(_) => return Err(Fault::late(&self.link.place, what, patience)),
        };
        for (id, fields) in entries(&answer) {
            self.take(id, fields);
        }
        Ok(())
    }

    fn take(&self, id: &[u8], fields: &[Value]) {
        let id = std::str::from_utf8(id).unwrap_or_default();
        let Some(seq) = id.split('-').next().and_then(|seq| seq.parse::<u64>().ok()) else { return };
        if seq > self.reached.borrow().saturating_add(1) {
            // Others were trimmed, or the server was started again.
            self.feed.skip(CommitSeq(seq.saturating_sub(1)));
        }
        match changes(CommitSeq(seq), fields) {
            Some(changes) => self.feed.publish(changes),
            None => self.feed.skip(CommitSeq(seq)),
        }
        self.link.saw(CommitSeq(seq));
        self.reached.send_replace(seq);
    }
}

/// The entries in an answer about one stream, `[[stream, [[id, [field, value, …]], …]]]`. There is none where nothing is new.
fn entries(answer: &Value) -> impl Iterator<Item = (&[u8], &[Value])> {
    let stream = list(answer).and_then(|streams| list(streams.first()?));
    let entries = stream.and_then(|stream| list(stream.get(1)?)).unwrap_or_default();
    entries.iter().filter_map(|entry| {
        let [id, fields] = list(entry)? else { return None };
        Some((bytes(id)?, list(fields)?))
    })
}

/// The changes of a commit in order; nothing if they were too many to be told. The first field is the size of the entry.
fn changes(seq: CommitSeq, fields: &[Value]) -> Option<Vec<Change>> {
    let told = fields.get(2..).filter(|told| !told.is_empty())?;
    let change = |pair: &[Value]| {
        let [Value::BulkString(kind), Value::BulkString(key)] = pair else { return None };
        let kind = match kind.as_slice() {
            b"+" => ChangeKind::Put,
            b"-" => ChangeKind::Delete,
            _ => return None,
        };
        let key = std::str::from_utf8(key).ok().and_then(|key| Key::new(key).ok())?;
        Some(Change { seq, key, kind })
    };
    told.chunks(2).map(change).collect()
}
