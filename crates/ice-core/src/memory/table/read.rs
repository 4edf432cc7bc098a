//! Reading: one entry by its id or key, and lists by properties, now or as of some moment.

use super::join::Join;
use super::operation::id_of;
use super::places::{Family, position_of};
use super::position::Position;
use super::record::Record;
use super::rules::Rules;
use super::term::Term;
use crate::memory::query::MAX_PAGE;
use crate::memory::{
    AsOf, Cursor, Detail, Entry, EntryId, Filter, Kind, MemoryError, MemoryKey, Page, Query, Scope,
};
use crate::store::Entry as Stored;

/// How often something is read again that was moved while it was read.
const MAX_RETRIES: usize = 8;
/// How many past versions are read at once.
const VERSIONS: usize = 32;

pub(super) async fn record(rules: &Rules, id: EntryId) -> Result<Option<Record>, MemoryError> {
    let key = rules.places.entry(id);
    match rules.store.get(&key).await? {
        Some(found) => Ok(Some(Record::read(&key, &found.value)?)),
        None => Ok(None),
    }
}

/// The entry of a record, with its content.
pub(super) async fn whole(rules: &Rules, record: Record) -> Result<Entry, MemoryError> {
    let Record { mut entry, large } = record;
    if let Some(large) = large {
        let json = rules.blobs.get(&large.blob.hash, None).await?;
        entry.content = serde_json::from_slice(&json).map_err(|error| {
            MemoryError::corrupt(format!("the content of the entry {}: {error}", entry.id))
        })?;
    }
    Ok(entry)
}

/// What a key stands for now.
pub(super) async fn current(
    rules: &Rules,
    scope: &Scope,
    kind: Kind,
    key: &MemoryKey,
) -> Result<Option<Record>, MemoryError> {
    let place = rules.places.current(scope, kind, key);
    for _ in 0..MAX_RETRIES {
        let Some(found) = rules.store.get(&place).await? else { return Ok(None) };
        let found = record(rules, id_of(&found.value)?).await?;
        // It may have been superseded between the two reads.
        if let Some(record) = found.filter(|record| record.entry.until.is_none()) {
            return Ok(Some(record).filter(|record| record.entry.is_current(rules.clock.now())));
        }
    }
    Err(MemoryError::Conflict { attempts: MAX_RETRIES as u32 })
}

/// What a key stood for.
pub(super) async fn as_of(
    rules: &Rules,
    scope: &Scope,
    kind: Kind,
    key: &MemoryKey,
    as_of: AsOf,
) -> Result<Option<Record>, MemoryError> {
    // The past is read after the present: what moves between the two reads is found in the past.
    let now = current(rules, scope, kind, key).await?;
    if let Some(now) = now
        && is_visible(rules, &now, as_of).await?
    {
        return Ok(Some(now));
    }
    let list = rules.places.versions(scope, kind, key);
    let from = as_of.known.map_or(Position::FIRST, Position::at);
    let mut after = from.previous().map(|before| list.leaf(&before.text()));
    loop {
        let found = rules.store.scan(&list, after.as_ref(), VERSIONS).await?;
        for Stored { key, .. } in &found {
            let Some(position) = position_of(key, &list) else { continue };
            let Some(record) = record(rules, position.id()).await? else { continue };
            if is_visible(rules, &record, as_of).await? {
                return Ok(Some(record));
            }
            // Without a question for what was true only the last version that was known can be meant, but for those that
            // were superseded within the same millisecond.
            if as_of.true_at.is_none() && record.entry.until > Some(record.entry.learned) {
                return Ok(None);
            }
        }
        match found.last() {
            Some(last) if found.len() == VERSIONS => after = Some(last.key.clone()),
            Some(_) | None => return Ok(None),
        }
    }
}

/// Whether an entry is what is seen as of some moment.
pub(super) async fn is_visible(rules: &Rules, record: &Record, as_of: AsOf) -> Result<bool, MemoryError> {
    let entry = &record.entry;
    if entry.is_expired(rules.clock.now()) || as_of.known.is_some_and(|known| known < entry.learned) {
        return Ok(false);
    }
    let is_past =
        |entry: &Entry| entry.until.is_some_and(|until| as_of.known.is_none_or(|known| until <= known));
    let (Some(moment), Detail::Semantic(fact)) = (as_of.true_at, &entry.detail) else {
        return Ok(!is_past(entry));
    };
    if !fact.valid.covers(moment) {
        return Ok(false);
    }
    // The last version that was known and covers the moment holds, unless the fact was forgotten after it.
    let mut last = entry.clone();
    while is_past(&last) {
        let Some(next) = last.superseded_by else { return Ok(false) };
        let Some(next) = self::record(rules, next).await? else { return Ok(false) };
        if as_of.known.is_some_and(|known| known < next.entry.learned) {
            return Ok(true);
        }
        match &next.entry.detail {
            Detail::Semantic(fact) if fact.valid.covers(moment) => return Ok(false),
            Detail::Semantic(_) | Detail::Working(_) | Detail::Episodic(_) | Detail::Procedural(_) => {}
        }
        last = next.entry;
    }
    Ok(true)
}

/// The lists of a kind in a scope that a filter asks for, from a place on.
fn join(rules: &Rules, scope: &Scope, kind: Kind, query: &Query, from: Position) -> Join {
    let families: &[Family] =
        if query.as_of.is_now() { &[Family::Current] } else { &[Family::Current, Family::Past] };
    let lists = |group: Vec<Term>| {
        let terms = group.iter();
        let pairs = terms.flat_map(|term| families.iter().map(move |family| (*family, term)));
        pairs.map(|(family, term)| rules.places.list(family, scope, kind, term)).collect()
    };
    let groups = Term::wanted(&query.filter).into_iter().map(lists).collect();
    Join::new(groups, from, query.limit.saturating_add(1))
}

/// Entries by their properties, the newest first.
pub(super) async fn list(rules: &Rules, query: &Query) -> Result<Page, MemoryError> {
    let limit = query.limit.min(MAX_PAGE);
    let from = match query.after {
        Some(Cursor(after)) => after.next(),
        None => Some(query.filter.before.map_or(Position::FIRST, Position::earlier_than)),
    };
    let Some(from) = from.filter(|_| limit > 0) else { return Ok(Page::default()) };
    let from = query.filter.before.map_or(from, |before| from.max(Position::earlier_than(before)));
    let mut heads = Vec::new();
    for scope in &query.scopes {
        for kind in &query.kinds {
            let mut join = join(rules, scope, *kind, query, from);
            let first = join.next(&*rules.store).await?;
            heads.extend(first.map(|first| (first, scope, *kind, join)));
        }
    }
    let mut page = Page::default();
    while let Some(next) = heads.iter_mut().min_by_key(|head| head.0) {
        let position = next.0;
        if query.filter.since.is_some_and(|since| position.time() < since) {
            return Ok(page);
        }
        let entry = seen(rules, position.id(), query, next.1, next.2).await?;
        match next.3.next(&*rules.store).await? {
            Some(following) => next.0 = following,
            None => heads.retain(|head| head.0 != position),
        }
        if let Some(entry) = entry {
            page.entries.push(entry);
            if page.entries.len() == limit {
                page.next = (!heads.is_empty()).then_some(Cursor(position));
                return Ok(page);
            }
        }
    }
    Ok(page)
}

/// The entry of a list, if it is what is asked for: it may have been changed since its place was read.
async fn seen(
    rules: &Rules,
    id: EntryId,
    query: &Query,
    scope: &Scope,
    kind: Kind,
) -> Result<Option<Entry>, MemoryError> {
    let Some(record) = record(rules, id).await? else { return Ok(None) };
    if record.entry.scope != *scope
        || record.entry.kind() != kind
        || !query.filter.matches_record(&record.entry)
        || !is_visible(rules, &record, query.as_of).await?
    {
        return Ok(None);
    }
    let entry = whole(rules, record).await?;
    Ok(Some(entry).filter(|entry| query.filter.contains(entry)))
}

/// A candidate of an index of contents, if it is what is asked for.
pub(super) async fn candidate(
    rules: &Rules,
    id: EntryId,
    scopes: &[Scope],
    kinds: &[Kind],
    filter: &Filter,
    as_of: AsOf,
) -> Result<Option<Entry>, MemoryError> {
    let Some(record) = record(rules, id).await? else { return Ok(None) };
    if !scopes.contains(&record.entry.scope)
        || !kinds.contains(&record.entry.kind())
        || !filter.matches_record(&record.entry)
        || !is_visible(rules, &record, as_of).await?
    {
        return Ok(None);
    }
    let entry = whole(rules, record).await?;
    Ok(Some(entry).filter(|entry| filter.contains(entry)))
}

/// The values of a property among what is current, sorted.
pub(super) async fn values(
    rules: &Rules,
    scope: &Scope,
    kind: Kind,
    make: fn(String) -> Term,
) -> Result<Vec<String>, MemoryError> {
    let facets = rules.places.facets(scope, kind, make(String::new()).field());
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = rules.store.scan(&facets, after.as_ref(), MAX_PAGE).await?;
        for Stored { value, .. } in &page {
            let value = String::from_utf8_lossy(value).into_owned();
            let list = rules.places.list(Family::Current, scope, kind, &make(value.clone()));
            if !rules.store.scan(&list, None, 1).await?.is_empty() {
                found.push(value);
            }
        }
        match page.last() {
            Some(last) if page.len() == MAX_PAGE => after = Some(last.key.clone()),
            Some(_) | None => break,
        }
    }
    found.sort_unstable();
    Ok(found)
}
