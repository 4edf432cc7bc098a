//! What the writer is asked to do, and how each adds to a batch.

use std::fmt;
use std::sync::Arc;

use super::counters::Counted;
use super::draft::Draft;
use super::places::{Family, used_id};
use super::record::Record;
use super::rules::Rules;
use crate::id::RunId;
use crate::llm::Usd;
use crate::memory::usage::Delta;
use crate::memory::{Detail, Entry, EntryId, Kind, MemoryError, Prepared, Scope};
use crate::time::Moment;

/// The most entries that one write may drive out of working memory at once.
const MAX_EVICTIONS: usize = 4_096;

/// Changes an entry, at a moment.
type Amend = dyn Fn(&mut Entry, Moment) -> Result<(), MemoryError> + Send + Sync;

/// How an entry is changed in its place.
#[derive(Clone)]
pub(super) struct Amendment(pub(super) Arc<Amend>);

impl fmt::Debug for Amendment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Amendment")
    }
}

/// An entry that is to be written.
#[derive(Debug)]
pub(super) struct Remember {
    /// With its content; `learned` and what it supersedes are found out by the writer.
    pub(super) entry: Entry,
    pub(super) large: Option<super::record::Large>,
    /// Whether its key was made from its id, so that it can supersede nothing.
    pub(super) is_unnamed: bool,
    /// What is ended by it as well.
    pub(super) replaces: Vec<EntryId>,
    pub(super) prepared: Option<Prepared>,
}

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Operation {
    Remember(Box<Remember>),
    /// Notes that working memory was used.
    Touch(EntryId),
    Amend(EntryId, Amendment),
    Forget(EntryId),
    Erase(EntryId),
    TakeBack(EntryId, RunId),
    /// Removes what has ended by itself.
    Expire(EntryId),
    /// Removes what makes room.
    Drop(EntryId),
    /// Takes an entry over as it was elsewhere.
    Restore(Box<Remember>),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// The entry as it is now.
    Entry(Box<Entry>),
    /// The entry, which was there already.
    Known(Box<Entry>),
    /// Something was forgotten.
    Gone,
    /// There was nothing to do.
    Nothing,
}

/// What a batch is made with.
pub(super) struct Pass<'r, 'd> {
    pub(super) rules: &'r Rules,
    pub(super) draft: &'d mut Draft<'r>,
    pub(super) counted: &'d mut Counted,
    pub(super) now: Moment,
    /// The last use of working memory, in microseconds; ascends.
    pub(super) used: &'d mut u64,
}

impl Pass<'_, '_> {
    /// Adds an operation to the batch.
    pub(super) async fn add(&mut self, operation: &Operation) -> Result<Done, MemoryError> {
        match operation {
            Operation::Remember(write) => self.remember(write).await,
            Operation::Touch(id) => self.touch(*id).await,
            Operation::Amend(id, amendment) => self.amend(*id, amendment).await,
            Operation::Forget(id) => self.forget(*id).await,
            Operation::Erase(id) => self.erase(*id).await,
            Operation::TakeBack(id, run) => self.take_back(*id, *run).await,
            Operation::Expire(id) => self.expire(*id).await,
            Operation::Drop(id) => self.discard(*id).await,
            Operation::Restore(write) => self.restore(write).await,
        }
    }

    async fn remember(&mut self, write: &Remember) -> Result<Done, MemoryError> {
        let (places, given) = (self.draft.places, &write.entry);
        self.rules.check(given.kind())?;
        if let Some(run) = given.source.run
            && self.draft.get(&places.taken_back(run)).await?.is_some()
        {
            return Err(MemoryError::TakenBack { run });
        }
        let idempotency = given.source.idempotency.as_deref().map(|key| places.idempotency(key));
        if let Some(key) = &idempotency
            && let Some(first) = self.draft.get(key).await?
        {
            return Ok(Done::Known(Box::new(self.first(given, &first).await?)));
        }
        let before = self.usage(&given.scope, given.kind()).await?;
        let mut entry = given.clone();
        entry.learned = self.now;
        if !write.is_unnamed {
            let key = places.current(&entry.scope, entry.kind(), &entry.key);
            if let Some(found) = self.draft.get(&key).await? {
                self.end(id_of(&found)?, &mut entry).await?;
            }
        }
        let key = entry.supersedes;
        for id in &write.replaces {
            self.end(*id, &mut entry).await?;
        }
        // What has the same key comes first in the chain of versions.
        entry.supersedes = key.or(entry.supersedes);
        match &mut entry.detail {
            Detail::Episodic(episode) => episode.at = episode.at.or(Some(entry.learned)),
            Detail::Working(working) => working.used = ascend(self.used, self.now),
            Detail::Semantic(_) | Detail::Procedural(_) => {}
        }
        let (scope, kind, id, learned) = (entry.scope.clone(), entry.kind(), entry.id, entry.learned);
        let entry = self.put(entry, write).await?;
        self.bound(&scope, kind, id, before).await?;
        if let Some(key) = idempotency {
            self.draft.put(key, first_of(id, learned));
        }
        Ok(Done::Entry(Box::new(entry)))
    }

    /// Writes a new entry, without its content where that is a blob; gives it back with it.
    async fn put(&mut self, entry: Entry, write: &Remember) -> Result<Entry, MemoryError> {
        let mut record = Record { entry, large: write.large.clone() };
        let content = match &record.large {
            Some(_) => std::mem::take(&mut record.entry.content),
            None => record.entry.content.clone(),
        };
        record.weigh()?;
        let entry = Entry { content, ..record.entry.clone() };
        self.draft.change(None, Some(record)).await?;
        if self.rules.indexes.is_some() {
            self.draft.attach(entry.clone(), write.prepared.clone());
        }
        Ok(entry)
    }

    /// The entry that was written first under an idempotency key; as it was, if it has gone since.
    async fn first(&mut self, given: &Entry, first: &[u8]) -> Result<Entry, MemoryError> {
        let (id, learned) = first.split_at_checked(16).ok_or_else(broken)?;
        let id = id_of(id)?;
        if let Some(record) = self.draft.record(id).await? {
            let content = if record.large.is_some() { given.content.clone() } else { record.entry.content };
            return Ok(Entry { content, ..record.entry });
        }
        let learned = u64::from_be_bytes(learned.try_into().map_err(|_| broken())?);
        Ok(Entry { id, learned: super::position::unbiased(learned), ..given.clone() })
    }

    /// Ends an entry because a new one takes its place.
    async fn end(&mut self, id: EntryId, new: &mut Entry) -> Result<(), MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(()) };
        if record.entry.until.is_some() {
            return Ok(());
        }
        if record.entry.is_expired(self.now) || !record.entry.kind().keeps_history() {
            return self.remove(record).await;
        }
        let until = self.now.max(record.entry.learned);
        new.learned = new.learned.max(until);
        new.supersedes = Some(id);
        let mut ended = record.clone();
        (ended.entry.until, ended.entry.superseded_by) = (Some(until), Some(new.id));
        self.draft.change(Some(record), Some(ended)).await
    }

    /// Removes an entry that has ended by itself, or makes room, and lets its idempotency key be used again.
    async fn remove(&mut self, record: Record) -> Result<(), MemoryError> {
        if let Some(key) = &record.entry.source.idempotency {
            let key = self.draft.places.idempotency(key);
            self.draft.delete(key);
        }
        self.draft.change(Some(record), None).await
    }

    /// What is counted of a scope, if there is anything to compare it with.
    async fn usage(&mut self, scope: &Scope, kind: Kind) -> Result<Option<Counts>, MemoryError> {
        let bounds = self.rules.bounds(kind);
        let has_bounds = bounds.max_entries.is_some() || bounds.max_tokens.is_some();
        if !has_bounds && self.rules.budget(scope).is_none() {
            return Ok(None);
        }
        Ok(Some(Counts(self.counted.of(self.draft, scope).await?)))
    }

    /// Keeps a scope within its bounds: working memory loses what was not used for the longest time, other writes are
    /// refused.
    async fn bound(
        &mut self,
        scope: &Scope,
        kind: Kind,
        id: EntryId,
        before: Option<Counts>,
    ) -> Result<(), MemoryError> {
        let Some(before) = before else { return Ok(()) };
        let bounds = self.rules.bounds(kind);
        let (entries, tokens) = (bounds.max_entries, bounds.max_tokens);
        if kind == Kind::Working {
            self.evict(scope, id, entries, tokens).await?;
        }
        let after = Counts(self.counted.of(self.draft, scope).await?);
        let (was, is) = (before.of(kind), after.of(kind));
        let of = format!("{kind} memory in the scope {scope}");
        within(&of, "entries", was.entries, is.entries, entries)?;
        within(&of, "tokens", was.tokens, is.tokens, tokens)?;
        let Some(budget) = self.rules.budget(scope) else { return Ok(()) };
        let (was, is, of) = (before.sum(), after.sum(), format!("the scope {scope}"));
        within(&of, "entries", was.entries, is.entries, budget.entries)?;
        within(&of, "tokens", was.tokens, is.tokens, budget.tokens)?;
        let bytes = |delta: &Delta| delta.bytes + delta.past_bytes;
        within(&of, "bytes", bytes(&was), bytes(&is), budget.bytes)?;
        let cost = |delta: &Delta| {
            let cost = Usd::from_least(u64::try_from(delta.cost.max(0)).unwrap_or(u64::MAX));
            i64::try_from(cost.as_billionths()).unwrap_or(i64::MAX)
        };
        let limit = budget.cost.map(Usd::as_billionths);
        within(&of, "billionths of a dollar", cost(&was), cost(&is), limit)
    }

    async fn evict(
        &mut self,
        scope: &Scope,
        new: EntryId,
        entries: Option<u64>,
        tokens: Option<u64>,
    ) -> Result<(), MemoryError> {
        for _ in 0..MAX_EVICTIONS {
            let count = Counts(self.counted.of(self.draft, scope).await?).of(Kind::Working);
            let beyond = |count: i64, most: Option<u64>| {
                most.is_some_and(|most| u64::try_from(count).unwrap_or(0) > most)
            };
            if !beyond(count.entries, entries) && !beyond(count.tokens, tokens) {
                return Ok(());
            }
            let prefix = self.draft.places.recency(scope);
            let oldest = self.draft.scan(&prefix, 2).await?;
            let Some(id) = oldest.iter().filter_map(|(key, _)| used_id(key)).find(|id| *id != new) else {
                return Ok(());
            };
            let Some(record) = self.draft.record(id).await? else { return Ok(()) };
            self.remove(record).await?;
        }
        Ok(())
    }

    async fn touch(&mut self, id: EntryId) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        let mut used = record.clone();
        used.entry.access_count = used.entry.access_count.saturating_add(1);
        if let Detail::Working(working) = &mut used.entry.detail {
            working.used = ascend(self.used, self.now);
        }
        let entry = used.entry.clone();
        self.draft.change(Some(record), Some(used)).await?;
        Ok(Done::Entry(Box::new(entry)))
    }

    async fn amend(&mut self, id: EntryId, amendment: &Amendment) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        self.rules.check(record.entry.kind())?;
        if !record.entry.is_current(self.now) {
            return Ok(Done::Nothing);
        }
        let before = self.usage(&record.entry.scope, record.entry.kind()).await?;
        let mut amended = record.clone();
        (amendment.0)(&mut amended.entry, self.now)?;
        amended.weigh()?;
        let (scope, kind) = (record.entry.scope.clone(), record.entry.kind());
        let entry = amended.entry.clone();
        self.draft.change(Some(record), Some(amended)).await?;
        self.bound(&scope, kind, id, before).await?;
        Ok(Done::Entry(Box::new(entry)))
    }

    async fn forget(&mut self, id: EntryId) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        if record.entry.until.is_some() {
            return Ok(Done::Nothing);
        }
        if record.entry.is_expired(self.now) {
            self.remove(record).await?;
            return Ok(Done::Nothing);
        }
        if record.entry.kind().keeps_history() {
            let mut ended = record.clone();
            ended.entry.until = Some(self.now.max(record.entry.learned));
            self.draft.change(Some(record), Some(ended)).await?;
        } else {
            self.draft.change(Some(record), None).await?;
        }
        Ok(Done::Gone)
    }

    async fn erase(&mut self, id: EntryId) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        self.unlink(&record, false).await?;
        let facets = record.facets(self.draft.places);
        let (scope, kind) = (record.entry.scope.clone(), record.entry.kind());
        self.draft.change(Some(record), None).await?;
        for (key, term) in facets {
            // Whoever writes an entry with this value writes the value anew: then this batch is refused.
            if self.draft.get(&key).await?.is_none() {
                continue;
            }
            let mut is_used = false;
            for family in [Family::Current, Family::Past] {
                let list = self.draft.places.list(family, &scope, kind, &term);
                is_used |= !self.draft.scan(&list, 1).await?.is_empty();
            }
            if !is_used {
                self.draft.delete(key);
            }
        }
        Ok(Done::Gone)
    }

    async fn take_back(&mut self, id: EntryId, run: RunId) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        if record.entry.source.run != Some(run) {
            return Ok(Done::Nothing);
        }
        // Removed first: what is current again takes its place.
        self.draft.change(Some(record.clone()), None).await?;
        self.unlink(&record, true).await?;
        Ok(Done::Gone)
    }

    /// Takes an entry out of the chain of versions. If it is to be as if it had never been, what it superseded lasts as long
    /// as it would have without it.
    async fn unlink(&mut self, record: &Record, as_if_never: bool) -> Result<(), MemoryError> {
        let (before, after) = (record.entry.supersedes, record.entry.superseded_by);
        let after = match after {
            Some(id) => self.draft.record(id).await?,
            None => None,
        };
        if let Some(id) = before
            && let Some(old) = self.draft.record(id).await?
            && old.entry.superseded_by == Some(record.entry.id)
        {
            let mut new = old.clone();
            new.entry.superseded_by = after.as_ref().map(|after| after.entry.id);
            if as_if_never {
                new.entry.until = match &after {
                    Some(after) => Some(after.entry.learned),
                    None => record.entry.until,
                };
            }
            self.draft.change(Some(old), Some(new)).await?;
        }
        if let Some(old) = after
            && old.entry.supersedes == Some(record.entry.id)
        {
            let mut new = old.clone();
            new.entry.supersedes = before;
            self.draft.change(Some(old), Some(new)).await?;
        }
        Ok(())
    }

    async fn expire(&mut self, id: EntryId) -> Result<Done, MemoryError> {
        match self.draft.record(id).await? {
            Some(record) if record.entry.is_expired(self.now) => {
                self.remove(record).await?;
                Ok(Done::Gone)
            }
            Some(_) | None => Ok(Done::Nothing),
        }
    }

    async fn discard(&mut self, id: EntryId) -> Result<Done, MemoryError> {
        let Some(record) = self.draft.record(id).await? else { return Ok(Done::Nothing) };
        self.unlink(&record, false).await?;
        self.remove(record).await?;
        Ok(Done::Gone)
    }

    async fn restore(&mut self, write: &Remember) -> Result<Done, MemoryError> {
        let given = &write.entry;
        self.rules.check(given.kind())?;
        if self.draft.record(given.id).await?.is_some() || given.is_expired(self.now) {
            return Ok(Done::Nothing);
        }
        let before = self.usage(&given.scope, given.kind()).await?;
        let mut entry = given.clone();
        if entry.until.is_none() {
            let key = self.draft.places.current(&entry.scope, entry.kind(), &entry.key);
            if let Some(found) = self.draft.get(&key).await?
                && let Some(current) = self.draft.record(id_of(&found)?).await?
            {
                if current.entry.learned >= entry.learned && !current.entry.is_expired(self.now) {
                    if !entry.kind().keeps_history() {
                        return Ok(Done::Nothing);
                    }
                    (entry.until, entry.superseded_by) =
                        (Some(current.entry.learned), Some(current.entry.id));
                } else {
                    self.end(current.entry.id, &mut entry).await?;
                }
            }
        }
        if let Detail::Working(working) = &mut entry.detail {
            working.used = ascend(self.used, self.now);
        }
        let (scope, kind, id) = (entry.scope.clone(), entry.kind(), entry.id);
        let (learned, idempotency) = (entry.learned, entry.source.idempotency.clone());
        let entry = self.put(entry, write).await?;
        self.bound(&scope, kind, id, before).await?;
        if let Some(key) = idempotency {
            let key = self.draft.places.idempotency(&key);
            if self.draft.get(&key).await?.is_none() {
                self.draft.put(key, first_of(id, learned));
            }
        }
        Ok(Done::Entry(Box::new(entry)))
    }
}

/// What stands under an idempotency key: the entry that was written first, and when it was learned.
fn first_of(id: EntryId, learned: Moment) -> Vec<u8> {
    [&id.bytes()[..], &super::position::biased(learned).to_be_bytes()].concat()
}

/// The counts of a scope.
struct Counts(std::collections::BTreeMap<Kind, Delta>);

impl Counts {
    fn of(&self, kind: Kind) -> Delta {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    fn sum(&self) -> Delta {
        let mut sum = Delta::default();
        self.0.values().for_each(|delta| sum += *delta);
        sum
    }
}

/// Refuses what grows beyond its limit.
fn within(of: &str, what: &'static str, was: i64, is: i64, limit: Option<u64>) -> Result<(), MemoryError> {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    match limit {
        Some(limit) if count(is) > limit && is > was => Err(MemoryError::Budget {
            of: of.to_owned(),
            what,
            needed: count(is - was),
            left: limit.saturating_sub(count(was)),
            limit,
        }),
        Some(_) | None => Ok(()),
    }
}

/// The next use of working memory, in microseconds.
fn ascend(used: &mut u64, now: Moment) -> u64 {
    let micros = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1_000);
    *used = micros.max(used.saturating_add(1));
    *used
}

pub(super) fn id_of(bytes: &[u8]) -> Result<EntryId, MemoryError> {
    bytes.try_into().map(EntryId::from_bytes).map_err(|_| broken())
}

fn broken() -> MemoryError {
    MemoryError::corrupt("the id of an entry of memory")
}
