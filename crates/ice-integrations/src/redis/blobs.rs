//! Blobs in the server, each a hash of parts.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::{Pipeline, Value};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ice_core::store::blob::{Collected, Epochs, MAX_BLOB_BYTES, Reachable, tree};
use ice_core::store::{BlobGuard, BlobStore, Durability, StoreError};
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::BlobHash;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::link::{Link, Shared};
use super::options::Options;
use super::reply;

/// The bytes of a part in the server: a multiple of the parts whose hashes are kept.
const PART: u64 = 16 * tree::PART;
/// Parts that are read at once.
const AT_ONCE: u64 = 8;
/// How long an upload is kept that does not go on.
const UPLOAD_KEPT: Duration = Duration::from_mins(10);
/// How long a process is believed to be at work that says nothing.
const BELIEVED: Duration = Duration::from_mins(10);
/// How often it says so.
const BEAT: Duration = Duration::from_secs(30);
/// Blobs that are removed at once.
const SWEPT_AT_ONCE: usize = 100;

/// Blobs in Redis, beside the store of the same name. Many handles in many processes may use them.
///
/// A writer that cannot reach the server for ten minutes is taken for dead, and what it put may be collected.
#[derive(Debug)]
pub struct RedisBlobs {
    inner: Arc<Inner>,
    collecting: tokio::sync::Mutex<()>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Inner {
    link: Shared,
    epochs: Epochs,
    /// The id of this handle among all that use these blobs.
    process: String,
    /// Writers that the server knows.
    announced: Mutex<HashSet<u64>>,
}

impl RedisBlobs {
    /// Connects to the server. Needs a tokio runtime, which must live as long as the blobs. Cancel-safe.
    ///
    /// # Errors
    /// As [`RedisStore::open`](super::RedisStore::open).
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        let link = Arc::new(Link::new(options, false)?);
        let inner = Arc::new(Inner {
            link,
            epochs: Epochs::default(),
            process: SystemIds.uuid().to_string(),
            announced: Mutex::default(),
        });
        inner.say(false).await?;
        let mut tasks = JoinSet::new();
        let beating = Arc::clone(&inner);
        tasks.spawn(async move {
            loop {
                sleep(BEAT.min(beating.link.options.inspect_every)).await;
                let said = beating.say(false).await;
                if said.is_err() || beating.link.inspect_again().await.is_err() {
                    beating.link.nothing_is_promised();
                }
            }
        });
        Ok(Self { inner, collecting: tokio::sync::Mutex::default(), _tasks: tasks })
    }
}

/// The range of a blob that is asked for, and what is known of the blob.
struct Found {
    size: u64,
    tree: Vec<u8>,
}

impl Inner {
    fn key(&self, what: &str) -> String {
        self.link.options.key(what)
    }

    fn blob(&self, hash: &BlobHash) -> String {
        self.key(&format!("blob:{hash}"))
    }

    fn writer(&self, number: u64) -> String {
        format!("{}/{number}", self.process)
    }

    fn damaged(&self, hash: &BlobHash) -> StoreError {
        StoreError::Corrupt { what: format!("the blob {hash} in {}", self.link.place) }
    }

    fn garbled(&self) -> StoreError {
        StoreError::Corrupt { what: format!("an answer of {}", self.link.place) }
    }

    async fn ask(&self, what: &str, make: impl Fn() -> Pipeline + Sync) -> Result<Vec<Value>, StoreError> {
        self.link.ask(what, |_, _| make()).await.map_err(|fault| fault.error)
    }

    /// Says that this process is at work, and which of its writers have left. Answers the stamp below which blobs may go, if
    /// a collection is to begin.
    async fn say(&self, collect: bool) -> Result<u64, StoreError> {
        let at_work: HashSet<u64> = self.epochs.at_work().into_iter().collect();
        let left: Vec<u64> = {
            let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
            announced.iter().copied().filter(|number| !at_work.contains(number)).collect()
        };
        let keys = [self.key("blobs:meta"), self.key("blobs:writers"), self.key("blobs:alive")];
        let answers = self
            .ask("announcing writers of blobs", || {
                let mut command = self.link.scripts.collect.call(&keys.each_ref().map(String::as_str));
                command
                    .arg(if collect { "1" } else { "0" })
                    .arg(&self.process)
                    .arg(BELIEVED.as_millis() as u64);
                left.iter().for_each(|number| {
                    command.arg(self.writer(*number));
                });
                one(command)
            })
            .await?;
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        left.iter().for_each(|number| {
            announced.remove(number);
        });
        numbers(&answers).and_then(|numbers| numbers.first().copied()).ok_or_else(|| self.garbled())
    }

    async fn put(&self, guard: &BlobGuard, hash: &BlobHash, bytes: &Bytes) -> Result<(), StoreError> {
        let upload = self.key(&format!("upload:{}", SystemIds.uuid()));
        let size = bytes.len();
        let part = usize::try_from(PART).unwrap_or(usize::MAX);
        let list = tree::values(bytes).concat();
        let begin = |pipeline: &mut Pipeline| {
            pipeline.cmd("HSET").arg(&upload).arg("size").arg(size).arg("tree").arg(&list);
            pipeline.cmd("PEXPIRE").arg(&upload).arg(UPLOAD_KEPT.as_millis() as u64);
        };
        let add = |pipeline: &mut Pipeline, index: usize, chunk: &[u8]| {
            pipeline.cmd("HSET").arg(&upload).arg(index).arg(chunk);
            pipeline.cmd("PEXPIRE").arg(&upload).arg(UPLOAD_KEPT.as_millis() as u64);
        };
        let keep = |pipeline: &mut Pipeline, first: bool| {
            let keys = [
                self.blob(hash),
                upload.clone(),
                self.key("blobs"),
                self.key("blobs:meta"),
                self.key("blobs:writers"),
                self.key("blobs:alive"),
            ];
            let mut command = self.link.scripts.keep_blob.call(&keys.each_ref().map(String::as_str));
            command.arg(hash.to_string()).arg(self.writer(guard.number())).arg(if first { "1" } else { "0" });
            command.arg(&self.process).arg(BELIEVED.as_millis() as u64);
            pipeline.add_command(command);
        };
        // Announced here before it is there: whoever sees it as left takes it out of both.
        let first = self.announced.lock().unwrap_or_else(PoisonError::into_inner).insert(guard.number());
        let answers = if size <= part {
            // All at once: one way there and back.
            self.ask("writing a blob", || {
                let mut pipeline = redis::pipe();
                begin(&mut pipeline);
                add(&mut pipeline, 0, bytes);
                keep(&mut pipeline, first);
                pipeline
            })
            .await
        } else {
            self.upload(bytes.chunks(part), begin, add).await?;
            self.ask("writing a blob", || {
                let mut pipeline = redis::pipe();
                keep(&mut pipeline, first);
                pipeline
            })
            .await
        };
        let answers = answers.inspect_err(|_| {
            if first {
                // The server may not know it; the next blob of this writer announces it again.
                self.announced.lock().unwrap_or_else(PoisonError::into_inner).remove(&guard.number());
            }
        })?;
        match answers.last() {
            Some(Value::Array(items)) if matches!(items.first(), Some(Value::BulkString(word)) if word == b"ok") => {
                Ok(())
            }
            _ => Err(StoreError::Unavailable {
                what: format!(
                    "writing a blob: {} took this writer for dead, or dropped its upload; begin again with a new guard",
                    self.link.place
                ),
                source: None,
            }),
        }
    }

    async fn upload<'b>(
        &self,
        parts: impl Iterator<Item = &'b [u8]>,
        begin: impl Fn(&mut Pipeline) + Sync,
        add: impl Fn(&mut Pipeline, usize, &[u8]) + Sync,
    ) -> Result<(), StoreError> {
        for (index, chunk) in parts.enumerate() {
            self.ask("writing a blob", || {
                let mut pipeline = redis::pipe();
                if index == 0 {
                    begin(&mut pipeline);
                }
                add(&mut pipeline, index, chunk);
                pipeline
            })
            .await?;
        }
        Ok(())
    }

    async fn find(&self, hash: &BlobHash) -> Result<Option<Found>, StoreError> {
        let answers = self
            .ask("reading a blob", || {
                let mut pipeline = redis::pipe();
                pipeline.cmd("HMGET").arg(self.blob(hash)).arg("size").arg("tree");
                pipeline
            })
            .await?;
        let Some(Value::Array(fields)) = answers.first() else { return Err(self.garbled()) };
        match fields.as_slice() {
            [Value::Nil, Value::Nil] => Ok(None),
            [Value::BulkString(size), Value::BulkString(tree)] => {
                let size = std::str::from_utf8(size).ok().and_then(|size| size.parse::<u64>().ok());
                let size = size
                    .filter(|size| *size <= MAX_BLOB_BYTES && tree::parts(*size) * 32 == tree.len() as u64);
                Ok(Some(Found { size: size.ok_or_else(|| self.damaged(hash))?, tree: tree.clone() }))
            }
            _ => Err(self.damaged(hash)),
        }
    }

    /// The bytes of some parts, from the first byte of the first one.
    async fn read(&self, hash: &BlobHash, size: u64, parts: Range<u64>) -> Result<Bytes, StoreError> {
        let (begin, end) = (parts.start * PART, (parts.end * PART).min(size));
        let mut bytes = BytesMut::with_capacity(usize::try_from(end.saturating_sub(begin)).unwrap_or(0));
        let mut next = parts.start;
        while next < parts.end {
            let upto = parts.end.min(next + AT_ONCE);
            let answers = self
                .ask("reading a blob", || {
                    let mut pipeline = redis::pipe();
                    pipeline.cmd("HMGET").arg(self.blob(hash));
                    (next..upto).for_each(|index| {
                        pipeline.arg(index);
                    });
                    pipeline
                })
                .await?;
            let Some(Value::Array(found)) = answers.first() else { return Err(self.garbled()) };
            for part in found {
                let Value::BulkString(part) = part else { return Err(self.damaged(hash)) };
                bytes.extend_from_slice(part);
            }
            next = upto;
        }
        if bytes.len() as u64 != end - begin {
            return Err(self.damaged(hash));
        }
        Ok(bytes.freeze())
    }

    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        let missing = || StoreError::BlobMissing { hash: hash.to_string() };
        let Found { size, tree: list } = self.find(hash).await?.ok_or_else(missing)?;
        let wanted = range.map_or(0..size, |range| range.start.min(size)..range.end.min(size));
        if tree::parts(size) == 0 || (wanted.start == 0 && wanted.end == size) {
            let bytes = self.read(hash, size, 0..size.div_ceil(PART).max(1)).await?;
            if BlobHash::of(&bytes) != *hash {
                return Err(self.damaged(hash));
            }
            return Ok(cut(&bytes, 0, &wanted));
        }
        let values: Vec<[u8; 32]> = list.as_chunks::<32>().0.to_vec();
        if tree::root(&values) != Some(*hash) {
            return Err(self.damaged(hash));
        }
        if wanted.start >= wanted.end {
            return Ok(Bytes::new());
        }
        let first = wanted.start / PART;
        let bytes = self.read(hash, size, first..wanted.end.div_ceil(PART)).await?;
        let leaf = usize::try_from(tree::PART).unwrap_or(usize::MAX);
        for (index, chunk) in (first * PART / tree::PART..).zip(bytes.chunks(leaf)) {
            let expected = usize::try_from(index).ok().and_then(|index| values.get(index));
            if expected != Some(&tree::part_value(index * tree::PART, chunk)) {
                return Err(self.damaged(hash));
            }
        }
        Ok(cut(&bytes, first * PART, &wanted))
    }

    /// Removes what is not reachable and has an older stamp, page by page.
    async fn sweep(&self, reachable: &HashSet<BlobHash>, horizon: u64) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let mut done = HashSet::new();
        let mut cursor = b"0".to_vec();
        loop {
            let answers = self
                .ask("collecting blobs", || {
                    let mut pipeline = redis::pipe();
                    pipeline.cmd("ZSCAN").arg(self.key("blobs")).arg(&cursor).arg("COUNT").arg(500);
                    pipeline
                })
                .await?;
            let Some(Value::Array(page)) = answers.first() else { return Err(self.garbled()) };
            let [Value::BulkString(next), Value::Array(members)] = page.as_slice() else {
                return Err(self.garbled());
            };
            // A page may name what another one has named.
            let hashes: Vec<BlobHash> = members
                .iter()
                .step_by(2)
                .filter_map(|member| {
                    std::str::from_utf8(reply::bytes(member)?).ok()?.parse::<BlobHash>().ok()
                })
                .filter(|hash| !reachable.contains(hash) && done.insert(*hash))
                .collect();
            for hashes in hashes.chunks(SWEPT_AT_ONCE) {
                let swept = self.remove(hashes, horizon).await?;
                collected.removed += swept.removed;
                collected.bytes += swept.bytes;
                collected.spared += swept.spared;
            }
            cursor.clone_from(next);
            if cursor == b"0" {
                return Ok(collected);
            }
        }
    }

    async fn remove(&self, hashes: &[BlobHash], horizon: u64) -> Result<Collected, StoreError> {
        let mut keys = vec![self.key("blobs")];
        keys.extend(hashes.iter().map(|hash| self.blob(hash)));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let answers = self
            .ask("collecting blobs", || {
                let mut command = self.link.scripts.sweep.call(&keys);
                command.arg(horizon);
                hashes.iter().for_each(|hash| {
                    command.arg(hash.to_string());
                });
                one(command)
            })
            .await?;
        match numbers(&answers).as_deref() {
            Some([removed, bytes, spared]) => {
                Ok(Collected { removed: *removed, bytes: *bytes, spared: *spared })
            }
            _ => Err(self.garbled()),
        }
    }
}

fn one(command: redis::Cmd) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.add_command(command);
    pipeline
}

/// The numbers behind the word `ok` of a script's answer.
fn numbers(answers: &[Value]) -> Option<Vec<u64>> {
    let [Value::Array(items)] = answers else { return None };
    items.get(1..)?.iter().map(reply::number).collect()
}

/// The wanted range out of bytes that begin at `begin`.
fn cut(bytes: &Bytes, begin: u64, wanted: &Range<u64>) -> Bytes {
    let at =
        |offset: u64| usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (at(wanted.start), at(wanted.end));
    bytes.slice(start..end.max(start))
}

#[async_trait]
impl BlobStore for RedisBlobs {
    fn enter(&self) -> BlobGuard {
        self.inner.epochs.enter()
    }

    async fn put(
        &self,
        guard: &BlobGuard,
        bytes: Bytes,
        durability: Durability,
    ) -> Result<BlobHash, StoreError> {
        let offered = self.durability();
        if durability > offered {
            return Err(StoreError::Durability { wanted: durability, offered });
        }
        if bytes.len() as u64 > MAX_BLOB_BYTES {
            let limit = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
            return Err(StoreError::TooLarge { what: "a blob", size: bytes.len(), limit });
        }
        let hash = BlobHash::of(&bytes);
        self.inner.put(guard, &hash, &bytes).await?;
        Ok(hash)
    }

    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        self.inner.get(hash, range).await
    }

    async fn size(&self, hash: &BlobHash) -> Result<Option<u64>, StoreError> {
        Ok(self.inner.find(hash).await?.map(|found| found.size))
    }

    async fn collect(&self, reachable: Reachable<'_>) -> Result<Collected, StoreError> {
        let _one_at_a_time = self.collecting.lock().await;
        let horizon = self.inner.say(true).await?;
        let reachable = reachable.await?;
        self.inner.sweep(&reachable, horizon).await
    }

    fn durability(&self) -> Durability {
        self.inner.link.promises().0
    }
}
