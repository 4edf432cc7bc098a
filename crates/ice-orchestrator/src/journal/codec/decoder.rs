//! Records from bytes: objects are taken in, and put back into the values that refer to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ice_core::value::{BlobHash, Map, Value};

use super::{LIST, MAP, ObjectId, TEXT, TREE, fields};
use crate::journal::Record;

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
    doubts: Option<Doubts>,
}

/// What holds of a journal that somebody else may have made up.
#[derive(Debug)]
struct Doubts {
    /// How many items its lists may have all in all.
    items: usize,
}

impl Decoder {
    /// A decoder for a journal that somebody else may have made up: objects must be what their hashes name, and all lists
    /// together have at most so many items.
    #[must_use]
    pub fn doubting(items: usize) -> Self {
        Self { doubts: Some(Doubts { items }), ..Self::default() }
    }

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
                    records.push(fields::read(json).map_err(|error| wrong(error.to_string()))?);
                }
                Some((b'o', rest)) => {
                    let (id, value) = read_object(rest, self.doubts.is_some()).map_err(wrong)?;
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
            let (id, value) = read_object(object, self.doubts.is_some()).map_err(wrong)?;
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
        let mut missing = Missing::default();
        self.find_missing(value, &mut missing, 0);
        missing.found
    }

    fn find_missing(&self, value: &Value, missing: &mut Missing, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match stands_for(value) {
            Some(Stand::Object(id)) => match self.objects.get(&id) {
                // What is referred to many times over is looked through once.
                Some(object)
                    if !id.is_text && !self.resolved.contains_key(&id) && missing.seen.insert(id) =>
                {
                    self.find_missing(object, missing, depth + 1);
                }
                Some(_) => {}
                None if missing.seen.insert(id) => missing.found.push((id.hash, id.is_text)),
                None => {}
            },
            Some(Stand::List(inner) | Stand::Map(inner)) => self.find_inside(inner, missing, depth),
            None => self.find_inside(value, missing, depth),
        }
    }

    fn find_inside(&self, value: &Value, missing: &mut Missing, depth: usize) {
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
                    self.spend(piece.as_list().map_or(0, <[Value]>::len))?;
                    items.extend(piece.as_list().unwrap_or_default().iter().cloned());
                }
                Ok(Value::from(items))
            }
            Some(Stand::Map(inner)) => self.inside(inner, depth),
            None => self.inside(value, depth),
        }
    }

    /// Counts items of a list that is put together.
    fn spend(&mut self, items: usize) -> Result<(), DecodeError> {
        let Some(doubts) = &mut self.doubts else { return Ok(()) };
        doubts.items = doubts
            .items
            .checked_sub(items)
            .ok_or_else(|| DecodeError::Line { line: 0, what: "its lists have too many items".to_owned() })?;
        Ok(())
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

/// The objects that are missing, while they are looked for.
#[derive(Default)]
struct Missing {
    found: Vec<(BlobHash, bool)>,
    seen: HashSet<ObjectId>,
}

/// The deepest nesting of a value that is read, objects within objects included.
const MAX_DEPTH: usize = 512;

pub(super) enum Stand<'v> {
    Object(ObjectId),
    List(&'v Value),
    Map(&'v Value),
}

/// What a map of one reserved key stands for.
pub(super) fn stands_for(value: &Value) -> Option<Stand<'_>> {
    let entries = value.as_map().filter(|entries| entries.len() == 1)?;
    let (key, inner) = entries.iter().next()?;
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

pub(super) fn read_object(rest: &[u8], is_doubted: bool) -> Result<(ObjectId, Value), String> {
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
    if is_doubted && BlobHash::of(value.as_str().filter(|_| is_text).map_or(json, str::as_bytes)) != hash {
        return Err(format!("the object {hash} has another hash"));
    }
    Ok((ObjectId { hash, is_text }, value))
}
