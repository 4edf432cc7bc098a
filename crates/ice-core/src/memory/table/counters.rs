//! What is counted: one counter for each writer, scope and kind, so that writers do not wait for each other.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::rules::Rules;
use crate::memory::usage::{Delta, UsageByScope};
use crate::memory::{Kind, MemoryError, Scope};
use crate::store::{Batch, CommitError, Durability, Entry as Stored, Key};

/// The most counters that are read at once; those of writers that have gone are added up long before.
const MAX_COUNTERS: usize = 10_000;
/// With more counters than this for each kind of a scope, they are added up.
const MANY: usize = 16;

/// What a writer counts of a kind of a scope.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    scope: Scope,
    kind: Kind,
    count: Delta,
}

fn read(key: &Key, bytes: &[u8]) -> Result<Counter, MemoryError> {
    serde_json::from_slice(bytes)
        .map_err(|error| MemoryError::corrupt(format!("the counter of memory at `{key}`: {error}")))
}

fn write(counter: &Counter) -> Result<Vec<u8>, MemoryError> {
    serde_json::to_vec(counter).map_err(|error| MemoryError::corrupt(error.to_string()))
}

/// The counts of scopes whose limits are looked at in one batch.
#[derive(Debug, Default)]
pub(super) struct Counted(HashMap<Scope, BTreeMap<Kind, Delta>>);

impl Counted {
    /// What is counted of a scope, the batch so far included. The batch then rests on all its counters.
    pub(super) async fn of(
        &mut self,
        draft: &mut Draft<'_>,
        scope: &Scope,
    ) -> Result<BTreeMap<Kind, Delta>, MemoryError> {
        let mut counts = match self.0.get(scope) {
            Some(known) => known.clone(),
            None => {
                let members = draft.places.members(scope);
                draft.get(&members).await?;
                let prefix = draft.places.counters_of(scope);
                let mut counts = BTreeMap::<Kind, Delta>::new();
                for (key, bytes) in draft.scan_resting(&prefix, MAX_COUNTERS).await? {
                    let counter = read(&key, &bytes)?;
                    *counts.entry(counter.kind).or_default() += counter.count;
                }
                self.0.insert(scope.clone(), counts.clone());
                counts
            }
        };
        for ((of, kind), delta) in draft.deltas() {
            if of == scope {
                *counts.entry(*kind).or_default() += *delta;
            }
        }
        Ok(counts)
    }
}

/// Adds what the batch changes to the counters of its writer.
pub(super) async fn settle(draft: &mut Draft<'_>, writer: &str) -> Result<(), MemoryError> {
    for ((scope, kind), delta) in draft.deltas().clone() {
        if delta.is_zero() {
            continue;
        }
        let key = draft.places.counter(&scope, kind, writer);
        let counter = match draft.get(&key).await? {
            Some(bytes) => read(&key, &bytes)?,
            None => {
                // Whoever has read all counters of the scope must see that there is one more.
                let members = draft.places.members(&scope);
                draft.put(members, writer.to_owned());
                Counter { scope: scope.clone(), kind, count: Delta::default() }
            }
        };
        let mut count = counter.count;
        count += delta;
        let bytes = write(&Counter { scope, kind, count })?;
        draft.put(key, bytes);
    }
    Ok(())
}

/// What is remembered, of one scope or of all.
pub(super) async fn usage(rules: &Rules, scope: Option<&Scope>) -> Result<UsageByScope, MemoryError> {
    let counts = counts(rules, scope).await?;
    for ((scope, kind), (sum, parts)) in &counts {
        if parts.len() > MANY {
            add_up(rules, scope, *kind, *sum, parts).await?;
        }
    }
    Ok(counts.into_iter().map(|(of, (sum, _))| (of, sum.usage())).collect())
}

/// Removes the counters of scopes in which nothing is remembered any more; says how many. What has moved meanwhile stays.
pub(super) async fn forget(rules: &Rules, is_meant: impl Fn(&Scope) -> bool) -> Result<u64, MemoryError> {
    let mut gone = 0;
    for ((scope, _), (sum, parts)) in counts(rules, None).await? {
        if sum.is_zero() && is_meant(&scope) {
            gone += remove(rules, &parts).await?;
        }
    }
    Ok(gone)
}

/// Removes some keys if none of them has moved; says how many.
pub(super) async fn remove(rules: &Rules, parts: &[Stored]) -> Result<u64, MemoryError> {
    let batch = parts.iter().fold(Batch::new(), |batch, part| {
        batch.delete(part.key.clone()).expect_version(part.key.clone(), part.version)
    });
    match rules.store.commit(batch, rules.durability(Kind::ALL)).await {
        Ok(_) => Ok(parts.len() as u64),
        Err(CommitError::Conflict { .. }) => Ok(0),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// What a kind of a scope counts, and the counters that say so.
type Counts = BTreeMap<(Scope, Kind), (Delta, Vec<Stored>)>;

/// What is counted, of one scope or of all.
async fn counts(rules: &Rules, scope: Option<&Scope>) -> Result<Counts, MemoryError> {
    let prefix = scope.map_or_else(|| rules.places.counters(), |scope| rules.places.counters_of(scope));
    let mut counts = Counts::new();
    let mut after = None;
    loop {
        let page = rules.store.scan(&prefix, after.as_ref(), MAX_COUNTERS).await?;
        let is_last = page.len() < MAX_COUNTERS;
        after = page.last().map(|entry| entry.key.clone());
        for stored in page {
            let counter = read(&stored.key, &stored.value)?;
            let (sum, parts) = counts.entry((counter.scope, counter.kind)).or_default();
            *sum += counter.count;
            parts.push(stored);
        }
        if is_last {
            return Ok(counts);
        }
    }
}

/// Puts one counter in the place of many. If one of them has moved, another time will do.
async fn add_up(
    rules: &Rules,
    scope: &Scope,
    kind: Kind,
    count: Delta,
    parts: &[Stored],
) -> Result<(), MemoryError> {
    let mut batch = Batch::new();
    for part in parts {
        batch = batch.delete(part.key.clone()).expect_version(part.key.clone(), part.version);
    }
    let key = rules.places.counter(scope, kind, "sum");
    if !parts.iter().any(|part| part.key == key) {
        batch = batch.expect_absent(key.clone());
    }
    let batch = batch.put(key, write(&Counter { scope: scope.clone(), kind, count })?);
    let batch = batch.put(rules.places.members(scope), "sum");
    match rules.store.commit(batch, Durability::Buffered).await {
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
