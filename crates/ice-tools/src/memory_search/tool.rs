//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::memory::{Filter, Kind, MemorySearch};
use ice_core::time::Moment;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::memory::{Remembered, as_of, filter, kinds, memory, scopes, unless_cancelled};

/// What to search for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// In words. An empty text finds the newest entries.
    pub query: String,
    /// The part of memory; if left out, all that the run may read.
    #[serde(default)]
    pub scope: Option<String>,
    /// The kinds; all if left out.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// The most entries, 1 to 100.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
    /// Only entries that were written with this category.
    #[serde(default)]
    pub category: Option<String>,
    /// Only entries with all of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// As it was known at this moment, for example `2026-01-31T12:00:00Z`.
    #[serde(default)]
    pub as_of: Option<Moment>,
}

const fn ten() -> usize {
    10
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// How much.
    pub count: usize,
    /// The entries, the best first.
    pub results: Vec<Found>,
}

/// An entry that was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Found {
    /// How well it fits: the higher, the better; comparable within this search only.
    pub score: f64,
    /// The entry.
    pub entry: Remembered,
}

/// The tool `memory_search`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("memory_search", "1.0.0", "Searches memory by what entries say, the best first.")
        .effect(Effect::Idempotent)
        .capability(Capability::Memory)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let Input { query, scope, kinds: named, limit, category, tags, as_of: moment } = input;
    let limit = limit.clamp(1, 100);
    let (scopes, kinds) = (scopes(&**memory, scope.as_deref())?, kinds(named));
    let search = |kinds, filter| MemorySearch {
        query: query.clone(),
        scopes: scopes.clone(),
        kinds,
        filter,
        as_of: as_of(moment),
        limit,
    };
    let mut found = Vec::new();
    for (kinds, filter) in by_category(kinds, tags, category) {
        found.extend(unless_cancelled(&ctx, memory.search(&search(kinds, filter))).await?);
    }
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found.truncate(limit);
    let results: Vec<Found> =
        found.into_iter().map(|hit| Found { score: hit.score, entry: hit.entry.into() }).collect();
    Ok(Output { count: results.len(), results })
}

/// What is asked of which kinds: a category is a field of procedures, and of the metadata of everything else.
fn by_category(kinds: Vec<Kind>, tags: Vec<String>, category: Option<String>) -> Vec<(Vec<Kind>, Filter)> {
    let Some(category) = category else { return vec![(kinds, filter(tags, None))] };
    let (procedures, others): (Vec<Kind>, Vec<Kind>) =
        kinds.into_iter().partition(|kind| *kind == Kind::Procedural);
    let of_procedures = Filter { category: Some(category.clone()), ..filter(tags.clone(), None) };
    vec![(others, filter(tags, Some(category))), (procedures, of_procedures)]
}
