//! Records to and from bytes. Large values are written once, as objects named by their hash; records refer
//! to them.
//!
//! A chunk is a sequence of lines. `r<json>` is a record. `o<hash> s<json string>` and `o<hash> t<json>` are
//! objects, text and trees, and stand before the first record that refers to them. Objects of 64 KiB and
//! more go to the blob store instead: text as it is, trees as JSON. Where one record brings very many smaller
//! ones, they go there as well, a MiB at a time: `p<hash>` stands for the blob that holds their lines, so that
//! a chunk stays far below what a store takes in one value.
//!
//! Within records and trees, `{"$ice.text": hash}` and `{"$ice.tree": hash}` stand for objects,
//! `{"$ice.list": […]}` for the items of several lists one after the other, and `{"$ice.map": {…}}` for a
//! map whose own keys begin with `$ice.`. Long lists are cut into pieces of 16 items, so that a list that
//! grows at its end is written again only along its right edge.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use ice_core::time::Moment;
use ice_core::value::json::{write_text, write_value};
use ice_core::value::{BlobHash, Map, Value};

use super::{Body, Opening};

mod decoder;
mod fields;
mod line;
mod lists;
mod reading;
mod references;

pub use decoder::{DecodeError, Decoder};
pub(crate) use reading::Reading;
pub(crate) use references::References;

/// Values below this weight, in bytes, stand in their record.
const INLINE: usize = 1_024;
/// Objects from this size on, in bytes, go to the blob store.
const BLOB: usize = 64 << 10;
/// The most bytes of one object: 256 MiB.
pub(crate) const MAX_OBJECT_BYTES: usize = 256 << 20;
/// The most bytes of a record without its objects: 4 MiB. Far more than is decided about one node.
const MAX_RECORD_BYTES: usize = 4 << 20;
/// Bytes of the objects of one record that stand in a chunk; what is more goes to the blob store in packs of
/// this size.
const PACK: usize = 1 << 20;
/// Bytes a chunk has room for from the start: a short run needs no more.
const ROOM: usize = 2 << 10;
/// Items per piece of a long list.
const PIECE: usize = 16;
/// Large values whose objects are remembered, and the bytes they may hold.
const REMEMBERED: usize = 4_096;
const REMEMBERED_BYTES: usize = 64 << 20;
/// The deepest nesting within one line; what lies deeper is an object of its own.
const LEVELS: u8 = 48;

const TEXT: &str = "$ice.text";
const TREE: &str = "$ice.tree";
const LIST: &str = "$ice.list";
const MAP: &str = "$ice.map";
const RESERVED: &str = "$ice.";

/// Encoded records, with what must be in the blob store before they are.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u64,
    pub(crate) blobs: Vec<Bytes>,
    /// Where the objects begin that the next pack takes in.
    unpacked: usize,
    /// How many bytes it has room for from the start, if that is more than usual.
    room: usize,
}

impl Chunk {
    /// An empty chunk that is going to take so many bytes, as the one before it did.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Moves the objects of the record under way to the blob store, if they have become many.
    fn pack(&mut self) {
        if self.bytes.len().saturating_sub(self.unpacked) < PACK {
            return;
        }
        let pack = self.bytes.split_off(self.unpacked);
        self.bytes.push(b'p');
        self.bytes.extend_from_slice(BlobHash::of(&pack).to_string().as_bytes());
        self.bytes.push(b'\n');
        self.unpacked = self.bytes.len();
        self.blobs.push(Bytes::from(pack));
    }
}

/// A record that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// A part of it is too large for any store.
    #[error("it is too large: {size} bytes in one piece, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Written out, with all it shares, it is too large for whoever reads it.
    #[error("it is too large: written out it takes more than {most} bytes")]
    Vast {
        /// The limit in bytes.
        most: u64,
    },
    /// With it, the run would hold too much.
    #[error("the values of the run would take more than {most} bytes, its limit `max_bytes`")]
    Full {
        /// The limit in bytes.
        most: u64,
    },
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

fn check_size(size: usize, limit: usize) -> Result<(), EncodeError> {
    if size > limit { Err(EncodeError::TooLarge { size, limit }) } else { Ok(()) }
}

/// Names an object: a text and a tree may have the same bytes, and so the same hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId {
    hash: BlobHash,
    is_text: bool,
}

/// Encodes the records of one journal, in order.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    written: HashSet<ObjectId>,
    /// Large values by the address of what they share, with their encoded form. Keeping the value keeps the
    /// address from being used again.
    remembered: HashMap<usize, (Value, Value)>,
    /// Whole pieces of long lists by the addresses of their items, with these items and the encoded form: a list that grows
    /// at its end costs what is new in it.
    pieces: HashMap<Vec<usize>, (Vec<Value>, Value)>,
    remembered_bytes: usize,
}

impl Encoder {
    /// An encoder for a journal that already has these objects.
    pub(crate) fn resume(written: HashSet<ObjectId>) -> Self {
        Self { written, ..Self::default() }
    }

    /// Appends a record to a chunk. After an error the chunk is without the record; objects of it that were
    /// written stay, and whatever is written later may refer to them.
    pub(crate) fn push(&mut self, at: Moment, body: &Body, chunk: &mut Chunk) -> Result<(), EncodeError> {
        if values(body).into_iter().flatten().all(|value| plain_weight(value).is_some()) {
            return Self::push_plain(at, body, chunk);
        }
        chunk.unpacked = chunk.bytes.len();
        let body = self.externalise(body, chunk)?;
        Self::push_plain(at, &body, chunk)
    }

    /// As [`Self::push`], for a record whose values are all [light](plain_weight).
    pub(crate) fn push_plain(at: Moment, body: &Body, chunk: &mut Chunk) -> Result<(), EncodeError> {
        if chunk.bytes.capacity() == 0 {
            chunk.bytes.reserve(chunk.room.max(ROOM));
        }
        let begun = chunk.bytes.len();
        chunk.bytes.push(b'r');
        let written = line::write(&mut chunk.bytes, at, body);
        let fits = check_size(chunk.bytes.len() - begun, MAX_RECORD_BYTES);
        if let Err(error) = written.map_err(EncodeError::from).and(fits) {
            chunk.bytes.truncate(begun);
            return Err(error);
        }
        chunk.bytes.push(b'\n');
        chunk.records += 1;
        Ok(())
    }

    /// The body with its large values replaced.
    fn externalise(&mut self, body: &Body, chunk: &mut Chunk) -> Result<Body, EncodeError> {
        let mut copy = body.clone();
        for value in values_mut(&mut copy).into_iter().flatten() {
            *value = self.encode(value, chunk)?;
        }
        Ok(copy)
    }

    fn encode(&mut self, value: &Value, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        if plain_weight(value).is_some() {
            return Ok(value.clone());
        }
        let address = address(value);
        if let Some((_, encoded)) = address.and_then(|address| self.remembered.get(&address)) {
            return Ok(encoded.clone());
        }
        let encoded = match value {
            Value::String(text) => self.text(text, chunk)?,
            Value::List(items) if self.piece(items).is_some() => self.grown(items, chunk)?,
            Value::List(items) => {
                let encoded =
                    items.iter().map(|item| self.encode(item, chunk)).collect::<Result<Vec<_>, _>>()?;
                self.list(items, encoded, chunk)?
            }
            Value::Map(entries) => self.map(value, entries, chunk)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => value.clone(),
        };
        if let Some(address) = address {
            let bytes = own_bytes(value);
            if self.remembered.len() >= REMEMBERED || self.remembered_bytes + bytes > REMEMBERED_BYTES {
                self.remembered.clear();
                self.pieces.clear();
                self.remembered_bytes = 0;
            }
            self.remembered_bytes += bytes;
            self.remembered.insert(address, (value.clone(), encoded.clone()));
        }
        Ok(encoded)
    }

    fn text(&mut self, text: &Arc<str>, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        check_size(text.len(), MAX_OBJECT_BYTES)?;
        let hash = BlobHash::of(text.as_bytes());
        if self.written.insert(ObjectId { hash, is_text: true }) {
            if text.len() >= BLOB {
                chunk.blobs.push(Bytes::from_owner(SharedText(Arc::clone(text))));
            } else {
                object(chunk, hash, b's', |bytes| write_text(bytes, text))?;
            }
        }
        Ok(reference(TEXT, hash))
    }

    fn tree(&mut self, tree: &Value, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let mut json = Vec::new();
        write_value(&mut json, tree)?;
        check_size(json.len(), MAX_OBJECT_BYTES)?;
        let hash = BlobHash::of(&json);
        if self.written.insert(ObjectId { hash, is_text: false }) {
            if json.len() >= BLOB {
                chunk.blobs.push(Bytes::from(json));
            } else {
                object(chunk, hash, b't', |bytes| {
                    bytes.extend_from_slice(&json);
                    Ok(())
                })?;
            }
        }
        Ok(reference(TREE, hash))
    }

    fn map(&mut self, value: &Value, entries: &Map, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let mut encoded = None;
        for (key, item) in entries {
            let written = self.encode(item, chunk)?;
            // Most are as they were: a map of these is not built anew.
            if !is_same(&written, item) {
                encoded.get_or_insert_with(|| entries.clone()).insert(Arc::clone(key), written);
            }
        }
        let whole = encoded.map_or_else(|| value.clone(), Value::from);
        let quoted = entries.keys().any(|key| key.starts_with(RESERVED));
        let whole = if quoted { wrapped(MAP, whole) } else { whole };
        if stands_inline(&whole) { Ok(whole) } else { self.tree(&whole, chunk) }
    }
}

/// Whether an encoded value is light and flat enough to stand where it is used.
fn stands_inline(encoded: &Value) -> bool {
    encoded.weight(INLINE) <= INLINE && !encoded.is_deeper_than(LEVELS)
}

/// What a value holds itself, in bytes, without what it shares with others.
fn own_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.len() * size_of::<Value>(),
        Value::Map(entries) => entries.len() * 2 * size_of::<Value>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => 0,
    }
}

/// Lends a shared text's bytes without copying them.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn object(
    chunk: &mut Chunk,
    hash: BlobHash,
    kind: u8,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    chunk.bytes.push(b'o');
    chunk.bytes.extend_from_slice(hash.to_string().as_bytes());
    chunk.bytes.extend_from_slice(&[b' ', kind]);
    write(&mut chunk.bytes)?;
    chunk.bytes.push(b'\n');
    chunk.pack();
    Ok(())
}

fn reference(kind: &'static str, hash: BlobHash) -> Value {
    wrapped(kind, Value::from(hash.to_string()))
}

fn wrapped(kind: &'static str, value: Value) -> Value {
    Value::map([(kind, value)])
}

/// What a value takes as JSON, in bytes, roughly, if it can stand in its record as it is: light, flat enough, and without
/// reserved keys.
pub(crate) fn plain_weight(value: &Value) -> Option<usize> {
    fn spend(value: &Value, left: &mut usize, levels: u8) -> bool {
        let cost = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
            Value::String(text) => text.len() + 2,
            Value::List(_) | Value::Map(_) => 2,
            Value::Blob(_) => 140,
        };
        let Some(rest) = left.checked_sub(cost) else { return false };
        *left = rest;
        let Some(below) = levels.checked_sub(1) else { return false };
        match value {
            Value::List(items) => items.iter().all(|item| spend(item, left, below)),
            Value::Map(entries) => entries.iter().all(|(key, item)| {
                *left = left.saturating_sub(key.len() + 4);
                !key.starts_with(RESERVED) && spend(item, left, below)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => true,
        }
    }
    let mut left = INLINE;
    spend(value, &mut left, LEVELS).then(|| INLINE - left)
}

/// Whether an encoded value is the one it was made of.
fn is_same(encoded: &Value, value: &Value) -> bool {
    match (address(encoded), address(value)) {
        (None, None) => true,
        (encoded, value) => encoded == value,
    }
}

fn address(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(Arc::as_ptr(text).cast::<u8>() as usize),
        Value::List(items) => Some(Arc::as_ptr(items) as usize),
        Value::Map(entries) => Some(Arc::as_ptr(entries) as usize),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => None,
    }
}

/// The values a record holds: at most one of a run's, and that of an intent.
pub(crate) fn values(body: &Body) -> [Option<&Value>; 1] {
    [match body {
        Body::Manifest(manifest) => Some(&manifest.inputs),
        Body::Started { intent, .. } | Body::Step { intent, .. } => Some(intent.value()),
        Body::Receipt { result, .. } => result.as_ref().ok(),
        Body::Succeeded { output, .. } | Body::Closed { output, .. } | Body::Ended { output, .. } => {
            Some(output)
        }
        Body::Opened { opening, .. } => match opening {
            Opening::Loop { items } => Some(items),
            Opening::Workflow { inputs } => Some(inputs),
            Opening::Condition { .. } | Opening::Parallel | Opening::Recursive => None,
        },
        Body::Answered { answer, .. } => Some(&answer.response),
        Body::Checked { metrics, .. } => Some(metrics),
        Body::Alerted { sent, .. } => Some(sent),
        Body::Failed { .. }
        | Body::Iterated { .. }
        | Body::Watching { .. }
        | Body::Asked { .. }
        | Body::Escalated { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. } => None,
    }]
}

/// As [`values`], to be replaced.
pub(crate) fn values_mut(body: &mut Body) -> [Option<&mut Value>; 1] {
    [match body {
        Body::Manifest(manifest) => Some(&mut Arc::make_mut(manifest).inputs),
        Body::Started { intent, .. } | Body::Step { intent, .. } => Some(intent.value_mut()),
        Body::Receipt { result, .. } => result.as_mut().ok(),
        Body::Succeeded { output, .. } | Body::Closed { output, .. } | Body::Ended { output, .. } => {
            Some(output)
        }
        Body::Opened { opening, .. } => match opening {
            Opening::Loop { items } => Some(items),
            Opening::Workflow { inputs } => Some(inputs),
            Opening::Condition { .. } | Opening::Parallel | Opening::Recursive => None,
        },
        Body::Answered { answer, .. } => Some(&mut answer.response),
        Body::Checked { metrics, .. } => Some(metrics),
        Body::Alerted { sent, .. } => Some(sent),
        Body::Failed { .. }
        | Body::Iterated { .. }
        | Body::Watching { .. }
        | Body::Asked { .. }
        | Body::Escalated { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. } => None,
    }]
}

#[cfg(test)]
mod tests;
