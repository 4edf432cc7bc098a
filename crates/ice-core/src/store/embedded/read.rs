//! Reading: the table first, and what it does not know from the index and the log, off the async threads.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::block::{IndexEntry, Kept};
use super::shared::Shared;
use super::table::{Cell, Content, Known};
use crate::store::blocking::blocking;
use crate::store::lock::lock;
use crate::store::log::{Place, ReadError};
use crate::store::{Entry, Key, StoreError, Version, Versioned};

/// Where a value is.
#[derive(Debug)]
pub(super) enum Source {
    Here(Bytes),
    Log(Place),
}

/// What a first look says about a key.
#[derive(Debug)]
pub(super) enum Look {
    Absent,
    Found(Version, Source),
    /// The index must be asked. With the count of evictions before.
    Unknown(u64),
}

/// What a first look says about a range.
#[derive(Debug)]
pub(super) enum Range {
    Entries(Vec<(Key, Version, Source)>),
    /// This many entries of the index are not enough.
    More,
    /// The index must be asked (again). With the count of evictions before.
    Unknown(u64),
}

/// Entries of the index, for merging into a scan.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) evictions: u64,
    pub(super) entries: Vec<IndexEntry>,
    /// Whether there are no more.
    pub(super) all: bool,
}

fn source(cell: &Cell) -> Option<Source> {
    match &cell.content {
        Content::Gone => None,
        Content::Small(bytes) | Content::Large { bytes, .. } => Some(Source::Here(bytes.clone())),
        Content::Place(place) => Some(Source::Log(*place)),
    }
}

impl Shared {
    /// What the table knows of a key.
    pub(super) fn look(&self, key: &Key) -> Look {
        let state = lock(&self.state);
        match state.table.read(key.as_str()) {
            Known::Cell(cell) => match source(cell) {
                Some(source) => Look::Found(Version(cell.version), source),
                None => Look::Absent,
            },
            Known::Unknown => Look::Unknown(state.evictions),
            Known::Absent => Look::Absent,
        }
    }

    /// Asks the index for keys and tells the table, unless that has changed meanwhile.
    pub(super) fn fill(&self, keys: &[Key], evictions: u64) -> Result<(), StoreError> {
        for key in keys {
            let found = self.with_index(|index| index.get(key.as_str()))?;
            let mut state = lock(&self.state);
            if state.evictions == evictions {
                state.table.cache(key, found);
            }
        }
        Ok(())
    }

    /// Reads a value from the log; nothing if it has moved meanwhile.
    pub(super) fn read_log(&self, key: &Key, place: &Place) -> Result<Option<Bytes>, StoreError> {
        match self.segments.read(place) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ReadError::Gone) => Ok(None),
            Err(ReadError::Damaged) => {
                self.metrics.corruption.increment(1);
                let what = format!("the value of `{key}` at place {} of the log", place.at);
                Err(StoreError::Corrupt { what })
            }
            Err(ReadError::Disk(source)) => {
                let what = format!("reading the value of `{key}`");
                Err(StoreError::Unavailable { what, source: Some(Arc::new(source)) })
            }
        }
    }

    /// The entries of a range as the table has them, merged with those of the index if it is needed.
    pub(super) fn range(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
        fetched: Option<&Fetched>,
    ) -> Range {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.as_str()),
            Some(_) | None => Bound::Included(prefix.as_str()),
        };
        let state = lock(&self.state);
        let indexed = match fetched {
            _ if state.table.is_complete() => None,
            Some(fetched) if fetched.evictions == state.evictions => Some(fetched),
            Some(_) | None => return Range::Unknown(state.evictions),
        };
        // Beyond the last entry that was fetched, the index may hold more than is known here.
        let end = indexed.filter(|fetched| !fetched.all).and_then(|fetched| fetched.entries.last());
        let mut merged = Vec::new();
        let mut index = indexed.map_or(&[][..], |fetched| &fetched.entries).iter().peekable();
        let take = |entry: &IndexEntry| {
            let source = match &entry.kept {
                Kept::Inline(bytes) => Source::Here(bytes.clone()),
                Kept::Place(place) => Source::Log(*place),
            };
            (entry.key.clone(), Version(entry.version), source)
        };
        let table = state.table.range((start, Bound::Unbounded));
        for (key, known) in table.take_while(|(key, _)| key.as_str().starts_with(prefix.as_str())) {
            if merged.len() >= limit || end.is_some_and(|end| *key > end.key) {
                break;
            }
            while let Some(entry) = index.next_if(|entry| entry.key < *key && merged.len() < limit) {
                merged.push(take(entry));
            }
            let same = index.next_if(|entry| entry.key == *key);
            if merged.len() >= limit {
                break;
            }
            match known {
                Known::Cell(cell) => {
                    if let Some(source) = source(cell) {
                        merged.push((key.clone(), Version(cell.version), source));
                    }
                }
                Known::Unknown => merged.extend(same.map(take)),
                Known::Absent => {}
            }
        }
        let room = limit.saturating_sub(merged.len());
        merged.extend(index.take(room).map(take));
        if merged.len() < limit && end.is_some() { Range::More } else { Range::Entries(merged) }
    }

    /// Fetches entries of the index for a scan.
    pub(super) fn fetch(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        count: usize,
        evictions: u64,
    ) -> Result<Fetched, StoreError> {
        let from = match after {
            // The first text after a key is the key and a zero byte.
            Some(after) if after >= prefix => format!("{after}\0"),
            Some(_) | None => prefix.as_str().to_owned(),
        };
        let entries = self.with_index(|index| index.scan(prefix.as_str(), &from, count))?;
        Ok(Fetched { evictions, all: entries.len() < count, entries })
    }

    /// Reads the values of a scan. If one has moved meanwhile, what is returned is its place instead.
    pub(super) fn resolve(
        &self,
        found: Vec<(Key, Version, Source)>,
    ) -> Result<Result<Vec<Entry>, (Key, Place)>, StoreError> {
        let mut entries = Vec::with_capacity(found.len());
        for (key, version, source) in found {
            let value = match source {
                Source::Here(value) => value,
                Source::Log(place) => match self.read_log(&key, &place)? {
                    Some(value) => value,
                    None => return Ok(Err((key, place))),
                },
            };
            entries.push(Entry { key, value, version });
        }
        Ok(Ok(entries))
    }

    /// That a value is not in its place is fine once: it was moved after it was looked up. Whoever then finds the same
    /// place again gets an error, since nothing will ever be there.
    fn note_gone(&self, before: &mut Option<Place>, key: &Key, place: Place) -> Result<(), StoreError> {
        if before.replace(place) == Some(place) {
            self.metrics.corruption.increment(1);
            let what = format!("the value of `{key}` at place {} of the log is not there", place.at);
            return Err(StoreError::Corrupt { what });
        }
        Ok(())
    }
}

/// A key's value, wherever it is.
pub(super) async fn get(shared: &Arc<Shared>, key: &Key) -> Result<Option<Versioned>, StoreError> {
    let mut gone = None;
    loop {
        match shared.look(key) {
            Look::Absent => return Ok(None),
            Look::Found(version, Source::Here(value)) => return Ok(Some(Versioned { value, version })),
            Look::Found(version, Source::Log(place)) => {
                let (owned, wanted) = (Arc::clone(shared), key.clone());
                if let Some(value) = blocking(move || owned.read_log(&wanted, &place)).await? {
                    return Ok(Some(Versioned { value, version }));
                }
                shared.note_gone(&mut gone, key, place)?;
            }
            Look::Unknown(evictions) => {
                let (shared, key) = (Arc::clone(shared), key.clone());
                blocking(move || shared.fill(&[key], evictions)).await?;
            }
        }
    }
}

/// The entries of a range, as one snapshot.
pub(super) async fn scan(
    shared: &Arc<Shared>,
    prefix: &Key,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut fetched = None;
    let mut gone = None;
    // The table may hide some entries of the index; if that is not enough, more are fetched.
    let mut count = limit.saturating_add(16);
    loop {
        let evictions = match shared.range(prefix, after, limit, fetched.as_ref()) {
            Range::Entries(found) => {
                let resolved = if found.iter().all(|(_, _, source)| matches!(source, Source::Here(_))) {
                    shared.resolve(found)?
                } else {
                    let owned = Arc::clone(shared);
                    blocking(move || owned.resolve(found)).await?
                };
                match resolved {
                    Ok(entries) => return Ok(entries),
                    Err((key, place)) => shared.note_gone(&mut gone, &key, place)?,
                }
                fetched = None;
                continue;
            }
            Range::More => {
                count = count.saturating_mul(2);
                fetched.as_ref().map_or(0, |fetched: &Fetched| fetched.evictions)
            }
            Range::Unknown(evictions) => evictions,
        };
        let (owned, prefix, after) = (Arc::clone(shared), prefix.clone(), after.cloned());
        fetched = Some(blocking(move || owned.fetch(&prefix, after.as_ref(), count, evictions)).await?);
    }
}
