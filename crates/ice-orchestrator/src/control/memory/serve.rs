//! Carrying out what is asked about memory.

use std::collections::BTreeSet;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::memory::{
    AsOf, Cursor, Detail, Entry, EntryId, ExportWhat, Kind, MAX_FOUND, MAX_PAGE, Memory, MemoryError,
    MemoryHit, MemoryKey, MemorySearch, Past, Procedure, Provenance, Query, Scope, Selector, Write, write_of,
};
use ice_core::value::Value;

use super::{
    MemoryForget, MemoryList, MemoryPut, MemoryRequest, MemoryResponse, MemorySelection, MemoryShow,
    MemoryWhere, ScopeUsage,
};
use super::{consolidate, documents, export};
use crate::control::{Caller, Control, Refusal, Reply, Response};

/// The most bytes of entries in one answer, about.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// The most versions of a key that are shown.
const MAX_VERSIONS: usize = 100;
/// The most characters of a procedure's name that is made of its first line.
const MAX_NAME: usize = 80;

impl From<MemoryError> for Refusal {
    fn from(error: MemoryError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl Control {
    /// Does what is asked about memory. Cancel-safe, except that a dropped change may have been done.
    pub(in crate::control) async fn memory(&self, caller: &Caller, request: MemoryRequest) -> Reply {
        let answer = match self.engine.memory(&caller.tenant).await {
            Ok(memory) => match request {
                MemoryRequest::Export { scope, kind, past } => {
                    return export::pieces(&memory, ExportWhat { scope, kind, past });
                }
                MemoryRequest::Import(piece) => self.arrivals().take(&self.engine, &memory, piece).await,
                MemoryRequest::Put(put) => put_in(&memory, caller, *put).await.map(Response::Memory),
                MemoryRequest::Search { query, within, limit } => {
                    search(&memory, query, &within, limit).await.map(Response::Memory)
                }
                MemoryRequest::List(query) => list(&memory, query).await.map(Response::Memory),
                MemoryRequest::Show(show) => self::show(&memory, &show).await.map(Response::Memory),
                MemoryRequest::Forget(forget) => self::forget(&memory, forget).await.map(Response::Memory),
                MemoryRequest::Ingest(part) => documents::ingest(&memory, *part).await.map(Response::Memory),
                MemoryRequest::Documents(which) => {
                    documents::known(&memory, which).await.map(Response::Memory)
                }
                MemoryRequest::Consolidate(plan) => {
                    consolidate::consolidate(&self.engine, &memory, *plan).await.map(Response::Memory)
                }
                MemoryRequest::Stats => stats(&memory).await.map(Response::Memory),
            },
            Err(error) => Err(error.into()),
        };
        Reply::One(answer.unwrap_or_else(Response::Refused))
    }
}

async fn put_in(memory: &Memory, caller: &Caller, put: MemoryPut) -> Result<MemoryResponse, Refusal> {
    let MemoryPut {
        content,
        kind,
        scope,
        key,
        tags,
        about,
        metadata,
        importance,
        ttl_ms,
        detail,
        idempotency_key,
    } = put;
    let invalid = |message: String| Refusal::new(ErrorCode::MemoryInvalid, message);
    let Some(metadata) = metadata.as_map().cloned() else {
        return Err(invalid("`metadata` is no object".to_owned()));
    };
    if let (Some(kind), Some(detail)) = (kind, &detail)
        && kind != detail.kind()
    {
        return Err(invalid(format!("`kind` says {kind}, `detail` is one of {} memory", detail.kind())));
    }
    let by_key = || {
        let prefixed =
            |key: &MemoryKey| Kind::ALL.into_iter().find(|kind| key.as_str().starts_with(kind.prefix()));
        key.as_ref().and_then(prefixed).unwrap_or(Kind::Semantic)
    };
    let plain = |detail| Write { metadata: metadata.clone(), ..Write::new(content.clone(), detail) };
    let mut write = match (detail, kind.unwrap_or_else(by_key)) {
        (Some(detail), _) => plain(detail),
        (None, Kind::Procedural) if content.as_map().is_none() => {
            plain(Detail::Procedural(procedure(&content, key.as_ref())))
        }
        (None, kind) => write_of(kind, content, metadata)?,
    };
    write.tags.extend(tags);
    let write = Write {
        scope: scope.unwrap_or_default(),
        key,
        subjects: about,
        source: Provenance {
            source: caller.principal.to_string(),
            idempotency: idempotency_key,
            ..Provenance::default()
        },
        importance: importance.unwrap_or(1.0),
        ttl: ttl_ms.map(Duration::from_millis),
        ..write
    };
    Ok(MemoryResponse::Entry { entry: Box::new(memory.remember(write).await?) })
}

/// A procedure of which nothing is known but its text: named by its key or its first line, with a step a line.
fn procedure(content: &Value, key: Option<&MemoryKey>) -> Procedure {
    let text = content.as_str().unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = || lines.clone().next().unwrap_or_default().chars().take(MAX_NAME).collect();
    let name = key.map_or_else(first, |key| key.as_str().to_owned());
    Procedure { name, steps: lines.clone().map(Value::from).collect(), ..Procedure::default() }
}

/// The scopes that are meant: all of which there is anything if none is named.
pub(super) async fn scopes(memory: &Memory, named: &[Scope]) -> Result<Vec<Scope>, Refusal> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let scopes: BTreeSet<Scope> = memory.usage().await?.into_keys().map(|(scope, _)| scope).collect();
    Ok(scopes.into_iter().collect())
}

async fn search(
    memory: &Memory,
    query: String,
    within: &MemoryWhere,
    limit: Option<usize>,
) -> Result<MemoryResponse, Refusal> {
    let search = MemorySearch {
        query,
        scopes: scopes(memory, &within.scopes).await?,
        kinds: within.kinds(),
        filter: within.filter(),
        as_of: within.as_of(),
        limit: limit.unwrap_or(10).min(MAX_FOUND),
    };
    let found = memory.search(&search).await?;
    let (mut room, mut left_out) = (MAX_ANSWER_BYTES, 0);
    let fits = |hit: &MemoryHit| {
        let fits = has_room(&mut room, &hit.entry);
        left_out += u64::from(!fits);
        fits
    };
    let hits = found.into_iter().filter(fits).collect();
    Ok(MemoryResponse::Found { hits, left_out })
}

async fn list(memory: &Memory, list: MemoryList) -> Result<MemoryResponse, Refusal> {
    let MemoryList { within, limit, after } = list;
    let after: Option<Cursor> = match after.map(|after| after.parse()).transpose() {
        Ok(after) => after,
        Err(error) => return Err(Refusal::new(ErrorCode::MemoryInvalid, error.to_string())),
    };
    let limit = limit.unwrap_or(100).min(MAX_PAGE);
    let scopes = scopes(memory, &within.scopes).await?;
    let mut query = Query {
        scopes,
        kinds: within.kinds(),
        filter: within.filter(),
        as_of: within.as_of(),
        limit: 0,
        after,
    };
    let (mut room, mut entries) = (MAX_ANSWER_BYTES, Vec::new());
    // Small steps: entries may be large.
    while entries.len() < limit {
        query.limit = (limit - entries.len()).min(32);
        let page = memory.list(&query).await?;
        query.after = page.next;
        for entry in page.entries {
            let is_first = entries.is_empty();
            if !has_room(&mut room, &entry) && !is_first {
                let next = entries.last().map(|last| Cursor::at(last).to_string());
                return Ok(MemoryResponse::Entries { entries, next });
            }
            entries.push(entry);
        }
        if query.after.is_none() {
            break;
        }
    }
    let next = query.after.map(|next| next.to_string());
    Ok(MemoryResponse::Entries { entries, next })
}

/// Whether an entry has room in an answer; takes it.
fn has_room(room: &mut usize, entry: &Entry) -> bool {
    // Escapes and the rest of the entry: what is about right is enough.
    let bytes = entry.content.weight(MAX_ANSWER_BYTES).saturating_mul(2) + 1_024;
    match room.checked_sub(bytes) {
        Some(rest) => {
            *room = rest;
            true
        }
        None => false,
    }
}

async fn show(memory: &Memory, show: &MemoryShow) -> Result<MemoryResponse, Refusal> {
    let MemoryShow { name, scope, kind, as_of, history } = show;
    let as_of = AsOf { known: *as_of, true_at: None };
    let mut entries = Vec::new();
    if let Some(entry) = by_id(memory, name, scope.as_ref(), *kind).await? {
        if *history {
            entries.extend(memory.history(&entry.scope, entry.kind(), &entry.key, MAX_VERSIONS).await?);
        }
        if !entries.iter().any(|other| other.id == entry.id) {
            entries.insert(0, entry);
        }
    } else if let Ok(key) = MemoryKey::new(name) {
        for (scope, kind) in places(memory, scope.as_ref(), *kind).await? {
            if *history {
                entries.extend(memory.history(&scope, kind, &key, MAX_VERSIONS).await?);
            } else {
                entries.extend(memory.get_as_of(&scope, kind, &key, as_of).await?);
            }
        }
    }
    let mut room = MAX_ANSWER_BYTES;
    entries.retain(|entry| has_room(&mut room, entry));
    if entries.is_empty() { Err(nothing(name)) } else { Ok(MemoryResponse::Entries { entries, next: None }) }
}

/// The entry with an id, if that is what the name is.
async fn by_id(
    memory: &Memory,
    name: &str,
    scope: Option<&Scope>,
    kind: Option<Kind>,
) -> Result<Option<Entry>, Refusal> {
    let Ok(id) = name.parse::<EntryId>() else { return Ok(None) };
    let found = memory.by_id(id).await?;
    Ok(found.filter(|entry| {
        scope.is_none_or(|scope| *scope == entry.scope) && kind.is_none_or(|kind| kind == entry.kind())
    }))
}

/// The scopes and kinds of which there is anything, among those that are meant.
async fn places(
    memory: &Memory,
    scope: Option<&Scope>,
    kind: Option<Kind>,
) -> Result<Vec<(Scope, Kind)>, Refusal> {
    let usage = match scope {
        Some(scope) => memory.usage_of(scope).await?,
        None => memory.usage().await?,
    };
    Ok(usage.into_keys().filter(|(_, found)| kind.is_none_or(|kind| kind == *found)).collect())
}

fn nothing(name: &str) -> Refusal {
    let shown: String = name.chars().take(200).collect();
    Refusal::new(ErrorCode::MemoryNotFound, format!("nothing is remembered under the id or key `{shown}`"))
}

async fn forget(memory: &Memory, forget: MemoryForget) -> Result<MemoryResponse, Refusal> {
    let MemoryForget { what, erase, dry_run } = forget;
    let selectors = match what {
        MemorySelection::Run { run } => {
            let entries =
                if dry_run { memory.count_of_run(run).await? } else { memory.take_back(run).await? };
            return Ok(MemoryResponse::Forgotten { entries });
        }
        MemorySelection::Person { name } => {
            let person = Selector::Person(name);
            let entries = if dry_run {
                memory.count(&person, Past::Included).await?
            } else {
                memory.erase(&person).await?
            };
            return Ok(MemoryResponse::Forgotten { entries });
        }
        MemorySelection::Document { .. } if erase => {
            let message = "a document is forgotten, and erased with its scope or by the persons it is about";
            return Err(Refusal::new(ErrorCode::MemoryInvalid, message));
        }
        MemorySelection::Document { name, scope } => {
            let scope = scope.unwrap_or_default();
            let entries = if dry_run {
                memory.count_document(&scope, &name).await?
            } else {
                memory.forget_document(&scope, &name).await?
            };
            return Ok(MemoryResponse::Forgotten { entries });
        }
        MemorySelection::Entry { name, scope, kind } => {
            vec![entry(memory, &name, scope.as_ref(), kind, erase).await?]
        }
        MemorySelection::Scope { scope, kind } => {
            let of = |kind| Selector::Like { scope: scope.clone(), kind, filter: Box::default() };
            let kinds = Kind::ALL.into_iter().filter(|one| kind.is_none_or(|kind| kind == *one));
            kinds.map(of).collect()
        }
    };
    let mut entries = 0;
    for selector in &selectors {
        entries += match (dry_run, erase) {
            (true, true) => memory.count(selector, Past::Included).await?,
            (true, false) => memory.count(selector, Past::Excluded).await?,
            (false, true) => memory.erase(selector).await?,
            (false, false) => memory.forget(selector).await?,
        };
    }
    Ok(MemoryResponse::Forgotten { entries })
}

/// The one entry that a name means.
async fn entry(
    memory: &Memory,
    name: &str,
    scope: Option<&Scope>,
    kind: Option<Kind>,
    erase: bool,
) -> Result<Selector, Refusal> {
    if let Some(entry) = by_id(memory, name, scope, kind).await? {
        return Ok(Selector::Id(entry.id));
    }
    let Ok(key) = MemoryKey::new(name) else { return Err(nothing(name)) };
    let mut found = Vec::new();
    for (scope, kind) in places(memory, scope, kind).await? {
        let past = if erase { Past::Included } else { Past::Excluded };
        let selector = Selector::Key { scope: scope.clone(), kind, key: key.clone() };
        if memory.count(&selector, past).await? > 0 {
            found.push((selector, format!("{kind} in {scope}")));
        }
    }
    match found.len() {
        0 => Err(nothing(name)),
        1 => found.pop().map(|(selector, _)| selector).ok_or_else(|| nothing(name)),
        _ => {
            let places: Vec<String> = found.into_iter().map(|(_, place)| place).collect();
            let message = format!("`{name}` is the key of several entries: {}; say which", places.join(", "));
            Err(Refusal::new(ErrorCode::MemoryInvalid, message))
        }
    }
}

async fn stats(memory: &Memory) -> Result<MemoryResponse, Refusal> {
    let config = memory.config();
    let usage = memory.usage().await?.into_iter().map(|((scope, kind), usage)| ScopeUsage {
        scope,
        kind,
        guarantee: config.of(kind).guarantee,
        usage,
    });
    Ok(MemoryResponse::Usage { usage: usage.collect() })
}
