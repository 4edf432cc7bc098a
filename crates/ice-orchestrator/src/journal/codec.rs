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
use ice_core::value::{BlobHash, Map, Value};

use super::{Body, Intent, Opening, Record};

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
/// Items per piece of a long list.
const PIECE: usize = 16;
/// Large values whose objects are remembered, and the bytes they may hold.
const REMEMBERED: usize = 4_096;
const REMEMBERED_BYTES: usize = 64 << 20;
/// The deepest nesting within one line; what lies deeper is an object of its own.
const LEVELS: usize = 48;

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
}

impl Chunk {
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
    #[error("{size} bytes in one piece, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
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
    remembered_bytes: usize,
}

impl Encoder {
    /// An encoder for a journal that already has these objects.
    pub(crate) fn resume(written: HashSet<ObjectId>) -> Self {
        Self { written, ..Self::default() }
    }

    /// Appends a record to a chunk. After an error the chunk is without the record; objects of it that were
    /// written stay, and whatever is written later may refer to them.
    pub(crate) fn push(&mut self, record: &Record, chunk: &mut Chunk) -> Result<(), EncodeError> {
        chunk.unpacked = chunk.bytes.len();
        let body = self.externalise(&record.body, chunk)?;
        let at = chunk.bytes.len();
        chunk.bytes.push(b'r');
        let written = match body {
            Some(body) => serde_json::to_writer(&mut chunk.bytes, &Record { at: record.at, body }),
            None => serde_json::to_writer(&mut chunk.bytes, record),
        };
        let fits = check_size(chunk.bytes.len() - at, MAX_RECORD_BYTES);
        if let Err(error) = written.map_err(EncodeError::from).and(fits) {
            chunk.bytes.truncate(at);
            return Err(error);
        }
        chunk.bytes.push(b'\n');
        chunk.records += 1;
        Ok(())
    }

    /// The body with its large values replaced; nothing if it has none.
    fn externalise(&mut self, body: &Body, chunk: &mut Chunk) -> Result<Option<Body>, EncodeError> {
        let plain = values(body).into_iter().flatten().all(is_plain);
        if plain {
            return Ok(None);
        }
        let mut copy = body.clone();
        for value in values_mut(&mut copy).into_iter().flatten() {
            *value = self.encode(value, chunk)?;
        }
        Ok(Some(copy))
    }

    fn encode(&mut self, value: &Value, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        if is_plain(value) {
            return Ok(value.clone());
        }
        let address = address(value);
        if let Some((_, encoded)) = address.and_then(|address| self.remembered.get(&address)) {
            return Ok(encoded.clone());
        }
        let encoded = match value {
            Value::String(text) => self.text(text, chunk)?,
            Value::List(items) => {
                let items =
                    items.iter().map(|item| self.encode(item, chunk)).collect::<Result<Vec<_>, _>>()?;
                self.list(items, chunk)?
            }
            Value::Map(entries) => self.map(entries, chunk)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => value.clone(),
        };
        if let Some(address) = address {
            let bytes = own_bytes(value);
            if self.remembered.len() >= REMEMBERED || self.remembered_bytes + bytes > REMEMBERED_BYTES {
                self.remembered.clear();
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
                object(chunk, hash, b's', |bytes| serde_json::to_writer(bytes, &**text))?;
            }
        }
        Ok(reference(TEXT, hash))
    }

    fn tree(&mut self, tree: &Value, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let json = serde_json::to_vec(tree)?;
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

    fn list(&mut self, items: Vec<Value>, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let whole = Value::from(items);
        if stands_inline(&whole) {
            return Ok(whole);
        }
        let items = whole.as_list().unwrap_or_default();
        if items.len() <= PIECE {
            return self.tree(&whole, chunk);
        }
        let mut pieces = Vec::with_capacity(items.len().div_ceil(PIECE));
        for piece in items.chunks(PIECE) {
            pieces.push(self.tree(&Value::list(piece.iter().cloned()), chunk)?);
        }
        while pieces.len() > PIECE {
            let mut joined = Vec::with_capacity(pieces.len().div_ceil(PIECE));
            for group in pieces.chunks(PIECE) {
                joined.push(self.tree(&wrapped(LIST, Value::list(group.iter().cloned())), chunk)?);
            }
            pieces = joined;
        }
        Ok(wrapped(LIST, Value::from(pieces)))
    }

    fn map(&mut self, entries: &Map, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let mut encoded = Map::with_capacity(entries.len());
        for (key, value) in entries {
            encoded.insert(Arc::clone(key), self.encode(value, chunk)?);
        }
        let quoted = encoded.keys().any(|key| key.starts_with(RESERVED));
        let whole = Value::from(encoded);
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

/// Whether a value can stand in its record as it is: light, flat enough, and without reserved keys.
fn is_plain(value: &Value) -> bool {
    fn spend(value: &Value, left: &mut usize, levels: usize) -> bool {
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
    spend(value, &mut { INLINE }, LEVELS)
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
fn values(body: &Body) -> [Option<&Value>; 1] {
    [match body {
        Body::Manifest(manifest) => Some(&manifest.inputs),
        Body::Started { intent, .. } | Body::Step { intent, .. } => Some(match intent {
            Intent::Tool { input, .. } => input,
            Intent::Llm { request, .. } => request,
        }),
        Body::Receipt { result, .. } => result.as_ref().ok(),
        Body::Succeeded { output, .. } | Body::Closed { output, .. } | Body::Ended { output, .. } => {
            Some(output)
        }
        Body::Opened { opening, .. } => match opening {
            Opening::Loop { items } => Some(items),
            Opening::Workflow { inputs } => Some(inputs),
            Opening::Condition { .. } | Opening::Parallel => None,
        },
        Body::Failed { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Parked { .. }
        | Body::Resumed { .. } => None,
    }]
}

/// As [`values`], to be replaced.
pub(crate) fn values_mut(body: &mut Body) -> [Option<&mut Value>; 1] {
    [match body {
        Body::Manifest(manifest) => Some(&mut manifest.inputs),
        Body::Started { intent, .. } | Body::Step { intent, .. } => Some(match intent {
            Intent::Tool { input, .. } => input,
            Intent::Llm { request, .. } => request,
        }),
        Body::Receipt { result, .. } => result.as_mut().ok(),
        Body::Succeeded { output, .. } | Body::Closed { output, .. } | Body::Ended { output, .. } => {
            Some(output)
        }
        Body::Opened { opening, .. } => match opening {
            Opening::Loop { items } => Some(items),
            Opening::Workflow { inputs } => Some(inputs),
            Opening::Condition { .. } | Opening::Parallel => None,
        },
        Body::Failed { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Parked { .. }
        | Body::Resumed { .. } => None,
    }]
}

/// A chunk, or an object, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A line is damaged.
    #[error("line {line} of a journal chunk cannot be read: {what}")]
    Line {
        /// The line within its chunk, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An object that a record refers to is neither in the journal nor in the blob store.
    #[error("the object {0} is missing")]
    Missing(BlobHash),
    /// An object is damaged.
    #[error("the object {hash} cannot be read: {what}")]
    Object {
        /// The object.
        hash: BlobHash,
        /// What is wrong with it.
        what: String,
    },
}

/// Decodes the records of one journal, in order.
#[derive(Debug, Default)]
pub struct Decoder {
    objects: HashMap<ObjectId, Value>,
    resolved: HashMap<ObjectId, Value>,
    packs: Vec<BlobHash>,
}

impl Decoder {
    /// Takes the objects of a chunk in and gives its records, their values not yet resolved.
    ///
    /// # Errors
    /// [`DecodeError::Line`] at the first line that cannot be read.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Record>, DecodeError> {
        let mut records = Vec::new();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1_usize..) {
            let wrong = |what: String| DecodeError::Line { line: number, what };
            match line.split_first() {
                None => {}
                Some((b'r', json)) => {
                    records.push(serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?);
                }
                Some((b'o', rest)) => {
                    let (id, value) = read_object(rest).map_err(wrong)?;
                    self.objects.insert(id, value);
                }
                Some((b'p', hash)) => {
                    let hash = std::str::from_utf8(hash).ok().and_then(|hash| hash.parse().ok());
                    self.packs.push(hash.ok_or_else(|| wrong("a pack without a hash".to_owned()))?);
                }
                Some((kind, _)) => return Err(wrong(format!("unknown kind of line {kind:#04x}"))),
            }
        }
        Ok(records)
    }

    /// The packs of objects that were named since the last call. Each must be [taken in](Self::unpack) before
    /// values are resolved.
    pub fn take_packs(&mut self) -> Vec<BlobHash> {
        std::mem::take(&mut self.packs)
    }

    /// Takes in a pack of objects from the blob store.
    ///
    /// # Errors
    /// [`DecodeError::Object`] if the bytes are not what the hash names, or not objects.
    pub fn unpack(&mut self, hash: BlobHash, bytes: &[u8]) -> Result<(), DecodeError> {
        let wrong = |what: String| DecodeError::Object { hash, what };
        if BlobHash::of(bytes) != hash {
            return Err(wrong("its bytes have another hash".to_owned()));
        }
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let object =
                line.strip_prefix(b"o").ok_or_else(|| wrong("a line that is no object".to_owned()))?;
            let (id, value) = read_object(object).map_err(wrong)?;
            self.objects.insert(id, value);
        }
        Ok(())
    }

    /// All objects that were read or fetched.
    pub(crate) fn known(&self) -> HashSet<ObjectId> {
        self.objects.keys().copied().collect()
    }

    /// The objects that must be [fetched](Self::supply) before a value can be resolved, and whether each is
    /// a text.
    #[must_use]
    pub fn missing(&self, value: &Value) -> Vec<(BlobHash, bool)> {
        let mut missing = Vec::new();
        self.find_missing(value, &mut missing, 0);
        missing
    }

    fn find_missing(&self, value: &Value, missing: &mut Vec<(BlobHash, bool)>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match stands_for(value) {
            Some(Stand::Object(id)) => match self.objects.get(&id) {
                Some(object) if !id.is_text && !self.resolved.contains_key(&id) => {
                    self.find_missing(object, missing, depth + 1);
                }
                Some(_) => {}
                None => missing.push((id.hash, id.is_text)),
            },
            Some(Stand::List(inner) | Stand::Map(inner)) => self.find_inside(inner, missing, depth),
            None => self.find_inside(value, missing, depth),
        }
    }

    fn find_inside(&self, value: &Value, missing: &mut Vec<(BlobHash, bool)>, depth: usize) {
        match value {
            Value::List(items) => items.iter().for_each(|item| self.find_missing(item, missing, depth + 1)),
            Value::Map(entries) => {
                entries.values().for_each(|item| self.find_missing(item, missing, depth + 1));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => {}
        }
    }

    /// Takes in an object from the blob store.
    ///
    /// # Errors
    /// [`DecodeError::Object`] if the bytes are not what the hash names.
    pub fn supply(&mut self, hash: BlobHash, is_text: bool, bytes: &[u8]) -> Result<(), DecodeError> {
        let wrong = |what: String| DecodeError::Object { hash, what };
        if BlobHash::of(bytes) != hash {
            return Err(wrong("its bytes have another hash".to_owned()));
        }
        let value = if is_text {
            Value::string(std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?)
        } else {
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?
        };
        self.objects.insert(ObjectId { hash, is_text }, value);
        Ok(())
    }

    /// Puts the objects back into a value. Equal objects are shared.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] or [`DecodeError::Object`] if an object is not there or not what it should be.
    pub fn resolve(&mut self, value: &Value) -> Result<Value, DecodeError> {
        self.resolve_at(value, 0)
    }

    fn resolve_at(&mut self, value: &Value, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::Line { line: 0, what: "a value nests too deep".to_owned() });
        }
        match stands_for(value) {
            Some(Stand::Object(id)) => {
                if let Some(done) = self.resolved.get(&id) {
                    return Ok(done.clone());
                }
                let object = self.objects.get(&id).cloned().ok_or(DecodeError::Missing(id.hash))?;
                let done = if id.is_text { object } else { self.resolve_at(&object, depth + 1)? };
                self.resolved.insert(id, done.clone());
                Ok(done)
            }
            Some(Stand::List(inner)) => {
                let mut items = Vec::new();
                for piece in inner.as_list().unwrap_or_default() {
                    let piece = self.resolve_at(piece, depth + 1)?;
                    items.extend(piece.as_list().unwrap_or_default().iter().cloned());
                }
                Ok(Value::from(items))
            }
            Some(Stand::Map(inner)) => self.inside(inner, depth),
            None => self.inside(value, depth),
        }
    }

    fn inside(&mut self, value: &Value, depth: usize) -> Result<Value, DecodeError> {
        match value {
            Value::List(items) if holds_stand(value) => {
                let items = items.iter().map(|item| self.resolve_at(item, depth + 1));
                Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
            }
            Value::Map(entries) if holds_stand(value) => {
                let mut resolved = Map::with_capacity(entries.len());
                for (key, item) in entries.iter() {
                    resolved.insert(Arc::clone(key), self.resolve_at(item, depth + 1)?);
                }
                Ok(Value::from(resolved))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Blob(_) => Ok(value.clone()),
        }
    }
}

/// The deepest nesting of a value that is read, objects within objects included.
const MAX_DEPTH: usize = 512;

enum Stand<'v> {
    Object(ObjectId),
    List(&'v Value),
    Map(&'v Value),
}

/// What a map of one reserved key stands for.
fn stands_for(value: &Value) -> Option<Stand<'_>> {
    let entries = value.as_map().filter(|entries| entries.len() == 1)?;
    let (key, inner) = entries.first()?;
    match &**key {
        TEXT => Some(Stand::Object(ObjectId { hash: inner.as_str()?.parse().ok()?, is_text: true })),
        TREE => Some(Stand::Object(ObjectId { hash: inner.as_str()?.parse().ok()?, is_text: false })),
        LIST => Some(Stand::List(inner)),
        MAP => Some(Stand::Map(inner)),
        _ => None,
    }
}

/// Whether anything within a value stands for something else.
fn holds_stand(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| stands_for(item).is_some() || holds_stand(item)),
        Value::Map(entries) => entries.values().any(|item| stands_for(item).is_some() || holds_stand(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => false,
    }
}

fn read_object(rest: &[u8]) -> Result<(ObjectId, Value), String> {
    let (hash, rest) = rest.split_at_checked(64).ok_or("an object without a hash")?;
    let hash = std::str::from_utf8(hash).map_err(|error| error.to_string())?;
    let hash: BlobHash = hash.parse().map_err(|_| "an object without a hash".to_owned())?;
    let (is_text, json) = match rest {
        [b' ', b's', json @ ..] => (true, json),
        [b' ', b't', json @ ..] => (false, json),
        _ => return Err("an object of an unknown kind".to_owned()),
    };
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if is_text && value.as_str().is_none() {
        return Err("an object that should be a text".to_owned());
    }
    Ok((ObjectId { hash, is_text }, value))
}

#[cfg(test)]
mod tests;
