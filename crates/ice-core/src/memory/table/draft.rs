//! A batch that is being made: what the store holds with the changes so far on top, and what the changes rest on.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::places::Places;
use super::record::Record;
use crate::memory::usage::Delta;
use crate::memory::{Entry, EntryId, IndexChange, Kind, MemoryError, Prepared, Scope};
use crate::store::{Batch, Entry as Stored, Key, Store, StoreError, Version};

/// How many keys are fetched at once.
const AT_ONCE: usize = 16;

/// What becomes of an entry, for the indexes of contents.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) before: Option<Record>,
    pub(super) after: Option<Record>,
    /// The entry with its content and what was prepared for it, if it is new and there are indexes.
    pub(super) written: Option<Box<(Entry, Option<Prepared>)>>,
}

/// A batch that is being made.
#[derive(Debug)]
pub(super) struct Draft<'s> {
    store: &'s dyn Store,
    pub(super) places: &'s Places,
    /// What was read of the store: it must still be so when the batch is applied.
    read: HashMap<Key, Option<(Bytes, Version)>>,
    writes: BTreeMap<Key, Option<Bytes>>,
    deltas: BTreeMap<(Scope, Kind), Delta>,
    changes: Vec<Change>,
    bytes: usize,
    undo: Undo,
}

/// What was before the operation that is being added.
#[derive(Debug, Default)]
struct Undo {
    writes: Vec<(Key, Option<Option<Bytes>>)>,
    deltas: Vec<((Scope, Kind), Option<Delta>)>,
    changes: usize,
    bytes: usize,
}

impl<'s> Draft<'s> {
    pub(super) fn new(store: &'s dyn Store, places: &'s Places) -> Self {
        Self {
            store,
            places,
            read: HashMap::new(),
            writes: BTreeMap::new(),
            deltas: BTreeMap::new(),
            changes: Vec::new(),
            bytes: 0,
            undo: Undo::default(),
        }
    }

    /// Begins an operation. If it fails, [`Draft::undo`] leaves nothing of it behind.
    pub(super) fn begin(&mut self) {
        self.undo = Undo { changes: self.changes.len(), bytes: self.bytes, ..Undo::default() };
    }

    /// Goes back to what was at [`Draft::begin`].
    pub(super) fn undo(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        for (key, value) in undo.writes.into_iter().rev() {
            match value {
                Some(value) => self.writes.insert(key, value),
                None => self.writes.remove(&key),
            };
        }
        for (place, delta) in undo.deltas.into_iter().rev() {
            match delta {
                Some(delta) => self.deltas.insert(place, delta),
                None => self.deltas.remove(&place),
            };
        }
        self.changes.truncate(undo.changes);
        self.bytes = undo.bytes;
    }

    /// The bytes that the batch has so far, roughly.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The value of a key as it will be; the batch then rests on what the store holds.
    pub(super) async fn get(&mut self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        if let Some(read) = self.read.get(key) {
            return Ok(read.as_ref().map(|(value, _)| value.clone()));
        }
        let found = self.store.get(key).await?.map(|found| (found.value, found.version));
        let value = found.as_ref().map(|(value, _)| value.clone());
        self.read.insert(key.clone(), found);
        Ok(value)
    }

    /// Some keys that many operations will ask for, fetched together.
    pub(super) async fn fetch(&mut self, keys: Vec<Key>) -> Result<(), StoreError> {
        let store = self.store;
        let gets = futures::stream::iter(keys).map(|key| async move {
            let found = store.get(&key).await?;
            Ok::<_, StoreError>((key, found.map(|found| (found.value, found.version))))
        });
        let mut found = gets.buffered(AT_ONCE);
        while let Some((key, found)) = found.try_next().await? {
            self.read.entry(key).or_insert(found);
        }
        Ok(())
    }

    /// The first entries below a prefix as they will be. The batch does not rest on it.
    pub(super) async fn scan(&self, prefix: &Key, limit: usize) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let range = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let own = self.writes.range::<str, _>(range);
        let own: Vec<_> = own.take_while(|(key, _)| key.as_str().starts_with(prefix.as_str())).collect();
        let gone = own.iter().filter(|(_, value)| value.is_none()).count();
        let stored = self.store.scan(prefix, None, limit.saturating_add(gone)).await?;
        let mut merged: BTreeMap<Key, Bytes> =
            stored.into_iter().map(|Stored { key, value, .. }| (key, value)).collect();
        for (key, value) in own {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().take(limit).collect())
    }

    /// All entries below a prefix as the store holds them; the batch then rests on each of them.
    pub(super) async fn scan_resting(
        &mut self,
        prefix: &Key,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let stored = self.store.scan(prefix, None, limit).await?;
        for entry in &stored {
            let found = Some((entry.value.clone(), entry.version));
            self.read.entry(entry.key.clone()).or_insert(found);
        }
        Ok(stored.into_iter().map(|Stored { key, value, .. }| (key, value)).collect())
    }

    pub(super) fn put(&mut self, key: Key, value: impl Into<Bytes>) {
        self.write(key, Some(value.into()));
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, value: Option<Bytes>) {
        self.bytes += key.as_bytes().len() + value.as_ref().map_or(0, Bytes::len);
        let before = self.writes.insert(key.clone(), value);
        self.undo.writes.push((key, before));
    }

    pub(super) async fn record(&mut self, id: EntryId) -> Result<Option<Record>, MemoryError> {
        let key = self.places.entry(id);
        self.get(&key).await?.map(|bytes| Record::read(&key, &bytes)).transpose()
    }

    /// Turns one state of a record into another: all that follows from it is brought in step.
    pub(super) async fn change(
        &mut self,
        before: Option<Record>,
        after: Option<Record>,
    ) -> Result<(), MemoryError> {
        let old = before.as_ref().map(|record| record.keys(self.places)).unwrap_or_default();
        let new = after.as_ref().map(|record| record.keys(self.places)).unwrap_or_default();
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.delete(key.clone());
        }
        for (key, value) in &new {
            if old.get(key) != Some(value) {
                self.put(key.clone(), value.clone());
            }
        }
        if let Some(before) = &before {
            self.count(before, |delta| *delta -= Delta::of(&before.entry));
        }
        match &after {
            Some(after) => {
                self.count(after, |delta| *delta += Delta::of(&after.entry));
                self.put(self.places.entry(after.entry.id), after.bytes()?);
                let known = before.as_ref().map(|record| record.facets(self.places)).unwrap_or_default();
                for (key, term) in after.facets(self.places) {
                    if !known.iter().any(|(known, _)| *known == key) {
                        self.put(key, term.value());
                    }
                }
            }
            None => {
                if let Some(before) = &before {
                    self.delete(self.places.entry(before.entry.id));
                }
            }
        }
        self.changes.push(Change { before, after, written: None });
        Ok(())
    }

    fn count(&mut self, record: &Record, change: impl FnOnce(&mut Delta)) {
        let place = (record.entry.scope.clone(), record.entry.kind());
        self.undo.deltas.push((place.clone(), self.deltas.get(&place).copied()));
        change(self.deltas.entry(place).or_default());
    }

    /// Adds to the last change the entry with its content, for the indexes of contents.
    pub(super) fn attach(&mut self, entry: Entry, prepared: Option<Prepared>) {
        if let Some(change) = self.changes.last_mut() {
            change.written = Some(Box::new((entry, prepared)));
        }
    }

    pub(super) const fn deltas(&self) -> &BTreeMap<(Scope, Kind), Delta> {
        &self.deltas
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The batch: what is written, under the condition that what was read is still so.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in &self.writes {
            batch = match value {
                Some(value) => batch.put(key.clone(), value.clone()),
                None => batch.delete(key.clone()),
            };
        }
        for (key, found) in &self.read {
            batch = match found {
                Some((_, version)) => batch.expect_version(key.clone(), *version),
                None => batch.expect_absent(key.clone()),
            };
        }
        batch
    }
}

impl Change {
    /// The kind of the entry.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.after.as_ref().or(self.before.as_ref()).map(|record| record.entry.kind())
    }

    /// As an index of contents is told of it.
    pub(super) fn for_index(&self) -> Option<IndexChange<'_>> {
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        match (before.map(|record| &record.entry), after.map(|record| &record.entry)) {
            (None, Some(after)) => Some(match self.written.as_deref() {
                Some((entry, prepared)) => IndexChange::Put { entry, prepared: prepared.as_ref() },
                None => IndexChange::Put { entry: after, prepared: None },
            }),
            (Some(before), Some(after)) if before.until != after.until => {
                Some(IndexChange::Moved { entry: after })
            }
            (Some(_), Some(after)) => Some(IndexChange::Put { entry: after, prepared: None }),
            (Some(before), None) => {
                Some(IndexChange::Removed { id: before.id, scope: &before.scope, kind: before.kind() })
            }
            (None, None) => None,
        }
    }
}
