//! What the tools of memory share: the way to it, scopes, and entries as they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::memory::{AsOf, Entry, EntryId, Filter, Kind, MemoryKey, Scope};
use ice_core::time::Moment;
use ice_core::tools::{ScopeAccess, ToolContext, ToolError, ToolMemory};
use ice_core::value::{Map, Value};
use schemars::JsonSchema;
use serde::Serialize;

/// An entry of memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Remembered {
    /// The scope.
    pub scope: String,
    /// The kind.
    pub kind: Kind,
    /// What it is called.
    pub key: String,
    /// What is remembered.
    pub content: Value,
    /// Words by which it is found.
    pub tags: Vec<String>,
    /// The persons it is about.
    pub about: Vec<String>,
    /// What else was kept with it, by name.
    pub metadata: BTreeMap<String, Value>,
    /// When it was learned.
    pub learned: Moment,
    /// When it was superseded or forgotten; null while it is current.
    pub until: Option<Moment>,
    /// What it was taken from.
    pub source: String,
    /// The run that wrote it, if one did.
    pub run: Option<String>,
    /// The node that wrote it, if one did.
    pub node: Option<String>,
}

impl From<Entry> for Remembered {
    fn from(entry: Entry) -> Self {
        Self {
            scope: entry.scope.to_string(),
            kind: entry.kind(),
            key: entry.key.to_string(),
            metadata: entry.metadata.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            content: entry.content,
            tags: entry.tags,
            about: entry.subjects,
            learned: entry.learned,
            until: entry.until,
            source: entry.source.source,
            run: entry.source.run.map(|run| run.to_string()),
            node: entry.source.node.map(|node| node.to_string()),
        }
    }
}

/// The memory of a call that may go on.
pub(crate) fn memory(ctx: &ToolContext) -> Result<&Arc<dyn ToolMemory>, ToolError> {
    if ctx.cancel.is_cancelled() {
        return Err(ToolError::cancelled().not_started());
    }
    ctx.memory.as_ref().ok_or_else(|| {
        let message = "there is no memory here: tools reach it in a run of an engine, outside of cages";
        ToolError::refused(ErrorCode::StoreUnavailable, message)
    })
}

/// What work gives, unless the call is cancelled meanwhile.
pub(crate) async fn unless_cancelled<T>(
    ctx: &ToolContext,
    work: impl Future<Output = Result<T, ToolError>>,
) -> Result<T, ToolError> {
    tokio::select! {
        done = work => done,
        () = ctx.cancel.cancelled() => Err(ToolError::cancelled()),
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::refused(ErrorCode::ToolInputInvalid, message)
}

/// The scope that is named, or the only one that the run was granted.
pub(crate) fn scope(
    memory: &dyn ToolMemory,
    named: Option<&str>,
    access: ScopeAccess,
) -> Result<Scope, ToolError> {
    if let Some(named) = named {
        return Scope::new(named).map_err(|error| invalid(error.to_string()));
    }
    match memory.scopes(access).as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let (what, flag) = match access {
                ScopeAccess::Read => ("read", "SCOPE:ro"),
                ScopeAccess::Write => ("written", "SCOPE"),
            };
            let message = format!("no memory may be {what}: start the run with `--memory {flag}`");
            Err(ToolError::refused(ErrorCode::GrantMissing, message))
        }
        several => {
            let names: Vec<String> = several.iter().map(|scope| format!("`{scope}`")).collect();
            Err(invalid(format!("`scope` must say which: the run was granted {}", names.join(", "))))
        }
    }
}

/// The scope that is named, or all that may be read.
pub(crate) fn scopes(memory: &dyn ToolMemory, named: Option<&str>) -> Result<Vec<Scope>, ToolError> {
    let all = memory.scopes(ScopeAccess::Read);
    if named.is_none() && all.len() > 1 {
        return Ok(all);
    }
    scope(memory, named, ScopeAccess::Read).map(|scope| vec![scope])
}

pub(crate) fn key(text: &str) -> Result<MemoryKey, ToolError> {
    MemoryKey::new(text).map_err(|error| invalid(error.to_string()))
}

/// What entries are like that have these tags and this category.
pub(crate) fn filter(tags: Vec<String>, category: Option<String>) -> Filter {
    let mut metadata = Map::default();
    if let Some(category) = category {
        metadata.insert("category".into(), Value::from(category));
    }
    Filter { tags, metadata, ..Filter::default() }
}

/// As it was known then, or as it is now.
pub(crate) fn as_of(moment: Option<Moment>) -> AsOf {
    moment.map_or(AsOf::NOW, AsOf::known)
}

/// The kinds that are meant: all of them if none is named.
pub(crate) fn kinds(named: Vec<Kind>) -> Vec<Kind> {
    if named.is_empty() { Kind::ALL.to_vec() } else { named }
}

/// What a key stands for, looked for in each kind that is meant; or the entry with that id.
pub(crate) async fn find(
    memory: &dyn ToolMemory,
    scope: &Scope,
    name: &str,
    kind: Option<Kind>,
    as_of: AsOf,
) -> Result<Option<Entry>, ToolError> {
    let key = key(name)?;
    let first = Kind::of_key(name);
    let others = Kind::ALL.into_iter().filter(|kind| *kind != first);
    let kinds: Vec<Kind> = match kind {
        Some(kind) => vec![kind],
        None => std::iter::once(first).chain(others).collect(),
    };
    for kind in kinds {
        if let Some(entry) = memory.get(scope, kind, &key, as_of).await? {
            return Ok(Some(entry));
        }
    }
    match name.parse::<EntryId>() {
        Ok(id) => Ok(memory.by_id(id).await?.filter(|entry| entry.scope == *scope)),
        Err(_) => Ok(None),
    }
}
