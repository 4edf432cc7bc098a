//! Writers that are interrupted, and what must be there afterwards.
//!
//! Writer `w` commits the numbers 1, 2, 3, … one after the other. Number `n` puts `w/<w>/a/<n>`,
//! `w/<w>/b/<n>` and `w/<w>/last`, all with the same body, and removes what number `n - WINDOW` had put. The
//! body says which writer, number and life (of the writing process) it is from. So what is found tells
//! whether a commit is whole, whether anything is missing before it, and whether it was ever written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::store::{
    Batch, BlobStore, CommitError, Durability, EmbeddedOptions, Entry, Key, Store, StoreError,
};
use ice_core::value::BlobHash;

/// How many numbers of a writer are there at a time.
pub const WINDOW: u64 = 40;

/// Every so many numbers, a writer puts a blob and a record that names it.
const BLOB_EVERY: u64 = 16;

/// A commit that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The writer.
    pub writer: u64,
    /// Its number.
    pub number: u64,
    /// The life of the process that wrote.
    pub life: u64,
    /// The number of the commit.
    pub seq: u64,
    /// What was promised.
    pub durability: Durability,
}

impl Ack {
    /// As the child of the crash suite says it.
    #[must_use]
    pub fn line(&self) -> String {
        let durability = match self.durability {
            Durability::Buffered => "b",
            Durability::ProcessCrash => "p",
            Durability::PowerLoss => "l",
        };
        format!("{} {} {} {durability}\n", self.writer, self.number, self.seq)
    }
}

/// Reads what the child of the crash suite says.
#[must_use]
pub fn ack(line: &str, life: u64) -> Option<Ack> {
    let mut words = line.split_whitespace();
    let mut number = || words.next()?.parse::<u64>().ok();
    let (writer, number, seq) = (number()?, number()?, number()?);
    let durability = match words.next()? {
        "b" => Durability::Buffered,
        "p" => Durability::ProcessCrash,
        "l" => Durability::PowerLoss,
        _ => return None,
    };
    Some(Ack { writer, number, life, seq, durability })
}

/// A small generator of random numbers: the same seed gives the same ones.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`, which is not zero.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn folder(writer: u64, name: &str) -> Result<Key, String> {
    let root = Key::new("w/").map_err(|error| error.to_string())?;
    Ok(root.folder(&writer.to_string()).folder(name))
}

fn last_key(writer: u64) -> Result<Key, String> {
    let root = Key::new("w/").map_err(|error| error.to_string())?;
    Ok(root.folder(&writer.to_string()).leaf("last"))
}

/// What a writer puts under a number.
fn body(writer: u64, number: u64, life: u64) -> Bytes {
    let sizes = [0, 30, 100, 300, 1_000, 5_000, 30_000];
    let mut dice = Dice::new(writer * 1_000_003 + number * 101 + life);
    dice.roll(7);
    let size = usize::try_from(dice.roll(7)).ok().and_then(|index| sizes.get(index)).copied().unwrap_or(0);
    let mut text = String::new();
    let _ = write!(text, "{writer}:{number}:{life}:{size}:");
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len() + size, b'a' + u8::try_from(number % 26).unwrap_or(0));
    bytes.into()
}

/// Who wrote a body; nothing if nobody did.
fn origin(found: &[u8]) -> Option<(u64, u64, u64)> {
    let head: Vec<&[u8]> = found.splitn(5, |byte| *byte == b':').collect();
    let number = |at: usize| std::str::from_utf8(head.get(at)?).ok()?.parse::<u64>().ok();
    let (writer, number, life) = (number(0)?, number(1)?, number(2)?);
    (body(writer, number, life) == found).then_some((writer, number, life))
}

/// Writes `count` numbers, or until the store fails. Goes on after what the store holds of this writer.
///
/// # Errors
/// Returns the failure of the store, or what should not be there.
pub async fn write_on(
    store: Arc<dyn Store>,
    blobs: Option<Arc<dyn BlobStore>>,
    writer: u64,
    life: u64,
    count: u64,
    mut acknowledged: impl FnMut(Ack) + Send,
) -> Result<(), String> {
    let last = last_key(writer)?;
    let (a, b, named) = (folder(writer, "a")?, folder(writer, "b")?, folder(writer, "blob")?);
    let found = store.get(&last).await.map_err(|error| error.to_string())?;
    let mut version = found.as_ref().map(|found| found.version);
    let number = match &found {
        Some(found) => origin(&found.value).ok_or("the last body is none")?.1,
        None => 0,
    };
    let mut dice = Dice::new(life * 31 + writer);
    let levels = [
        Durability::Buffered,
        Durability::Buffered,
        Durability::ProcessCrash,
        Durability::PowerLoss,
        Durability::PowerLoss,
    ];
    for number in number + 1..=number.saturating_add(count) {
        let body = body(writer, number, life);
        let batch = match version {
            Some(version) => Batch::new().expect_version(last.clone(), version),
            None => Batch::new().expect_absent(last.clone()),
        };
        let mut batch = batch
            .put(a.number(number), body.clone())
            .put(b.number(number), body.clone())
            .put(last.clone(), body.clone());
        if let Some(old) = number.checked_sub(WINDOW) {
            batch = batch.delete(a.number(old)).delete(b.number(old)).delete(named.number(old));
        }
        let mut guard = None;
        if let Some(blobs) = &blobs
            && number.is_multiple_of(BLOB_EVERY)
        {
            let entered = blobs.enter();
            let content = Bytes::from(body.repeat(3));
            let put = blobs.put(&entered, content, Durability::PowerLoss).await;
            let hash = put.map_err(|error| error.to_string())?;
            batch = batch.put(named.number(number), hash.to_string());
            guard = Some(entered);
        }
        let level = usize::try_from(dice.roll(5)).ok().and_then(|index| levels.get(index)).copied();
        let durability = level.unwrap_or_default();
        match store.commit(batch, durability).await {
            Ok(seq) => {
                version = Some(ice_core::store::Version(seq.0));
                acknowledged(Ack { writer, number, life, seq: seq.0, durability });
            }
            Err(CommitError::Store(error)) => return Err(error.to_string()),
            Err(CommitError::Conflict { .. }) => return Err(format!("writer {writer} met another")),
        }
        drop(guard);
        if durability == Durability::Buffered {
            // Nothing here waits, so that the others get their turn.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

async fn entries(store: &dyn Store, prefix: &Key) -> Result<BTreeMap<u64, Entry>, String> {
    let found = store.scan(prefix, None, usize::MAX).await.map_err(|error| error.to_string())?;
    let numbered = |entry: Entry| Some((entry.key.number_after(prefix)?, entry));
    Ok(found.into_iter().filter_map(numbered).collect())
}

/// Checks what is there of all writers against what was acknowledged to them since it was checked last.
/// `kept` is the lowest durability whose promise must have been kept.
///
/// # Errors
/// Says what is missing, half there, or was never written.
pub async fn verify(
    store: &dyn Store,
    blobs: Option<&dyn BlobStore>,
    writers: u64,
    acks: &[Ack],
    kept: Durability,
) -> Result<(), String> {
    let mut newest = 0;
    let mut reached = BTreeMap::new();
    for writer in 0..writers {
        let (number, version) = verify_writer(store, blobs, writer).await?;
        newest = newest.max(version);
        reached.insert(writer, number);
    }
    for ack in acks {
        let there = reached.get(&ack.writer).copied().unwrap_or(0);
        if ack.durability >= kept && there < ack.number {
            return Err(format!("{ack:?} was promised, but the writer has only {there}"));
        }
        // Commits survive in order: where a later one is, the earlier ones are.
        if ack.seq <= newest && there < ack.number {
            return Err(format!("{ack:?} is missing, but commit {newest} is there"));
        }
    }
    Ok(())
}

/// Returns the last number of a writer that is there, and the newest version.
async fn verify_writer(
    store: &dyn Store,
    blobs: Option<&dyn BlobStore>,
    writer: u64,
) -> Result<(u64, u64), String> {
    let (a, b) = (entries(store, &folder(writer, "a")?).await?, entries(store, &folder(writer, "b")?).await?);
    let named = entries(store, &folder(writer, "blob")?).await?;
    let found = store.get(&last_key(writer)?).await.map_err(|error| error.to_string())?;
    let Some(found) = found else {
        let none = a.is_empty() && b.is_empty() && named.is_empty();
        return if none { Ok((0, 0)) } else { Err(format!("writer {writer} has no last number")) };
    };
    let number =
        origin(&found.value).ok_or_else(|| format!("writer {writer}: the last body was never written"))?.1;
    let expected: BTreeSet<u64> = (number.saturating_sub(WINDOW - 1).max(1)..=number).collect();
    for (name, entries) in [("a", &a), ("b", &b)] {
        let there: BTreeSet<u64> = entries.keys().copied().collect();
        if there != expected {
            return Err(format!("writer {writer} at {number} has {name}: {there:?}"));
        }
    }
    for (number, entry) in &a {
        let other = b.get(number).ok_or("half a commit")?;
        if entry.value != other.value || entry.version != other.version {
            return Err(format!("writer {writer}: the commit of {number} is half there"));
        }
        let from = origin(&entry.value).map(|(writer, number, _)| (writer, number));
        if from != Some((writer, *number)) {
            return Err(format!("writer {writer}: the body of {number} was never written"));
        }
    }
    let newest = a.get(&number).ok_or("the last commit is half there")?;
    if newest.value != found.value || newest.version != found.version {
        return Err(format!("writer {writer}: the last commit is half there"));
    }
    if let Some(blobs) = blobs {
        for (number, entry) in &named {
            let hash: BlobHash = std::str::from_utf8(&entry.value)
                .map_err(|error| error.to_string())?
                .parse()
                .map_err(|_| "a record names no blob".to_owned())?;
            let content = blobs.get(&hash, None).await.map_err(|error: StoreError| error.to_string())?;
            let body = a.get(number).ok_or("a blob without its commit")?;
            if content != body.value.repeat(3) {
                return Err(format!("writer {writer}: the blob of {number} is another"));
            }
        }
    }
    Ok((number, found.version.0))
}

/// Options of a store for the `life` of a process: every second one has everything so small that the keeper
/// is always at work.
#[must_use]
pub fn options(life: u64) -> EmbeddedOptions {
    if life.is_multiple_of(2) {
        return EmbeddedOptions::default();
    }
    EmbeddedOptions {
        segment_bytes: 128 << 10,
        table_bytes: 64 << 10,
        checkpoint_bytes: 256 << 10,
        index_cache_bytes: 1 << 20,
        ..EmbeddedOptions::default()
    }
}
