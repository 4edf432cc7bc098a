//! What the tool takes, gives and does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ice_core::memory::{Kind, Procedure, Provenance, Write, write_of};
use ice_core::time::Moment;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, ScopeAccess, Tool, ToolContext, ToolError};
use ice_core::value::{Map, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::memory::{invalid, key, memory, scope, unless_cancelled};

/// The most characters of the name of a procedure that is made of its first step.
const MAX_NAME: usize = 80;

/// Something to remember.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What is remembered: a text, or any other value.
    pub content: Value,
    /// What it is called: what has the same scope, kind and key is superseded. Made up if left out.
    #[serde(default)]
    pub key: Option<String>,
    /// The part of memory it belongs to; if left out, the only one that the run may write.
    #[serde(default)]
    pub scope: Option<String>,
    /// The kind; if left out, what the key begins with says it (`work:`, `episode:`, `fact:`, `procedure:`), a fact otherwise.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// What else is to be kept with it, by name. Some names are those of its kind: `type`, `participants`, `outcome` and `sentiment` of an
    /// episode, `fact_type`, `domain`, `entities`, `relationships` and `confidence` of a fact.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
    /// A category by which it is found; kept in the metadata.
    #[serde(default)]
    pub category: Option<String>,
    /// Words by which it is found.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The persons it is about, so that it is erased when one of them is to be forgotten.
    #[serde(default)]
    pub about: Vec<String>,
    /// How much it matters, from 0 to 10.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub importance: f64,
    /// How many seconds working memory or an episode lasts; what the memory says if left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub ttl_seconds: Option<u64>,
    /// What it was taken from, for example a file or an address.
    #[serde(default)]
    pub source: Option<String>,
}

const fn one() -> f64 {
    1.0
}

/// What was remembered.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The scope.
    pub scope: String,
    /// The kind.
    pub kind: Kind,
    /// What it is called.
    pub key: String,
    /// When it was learned.
    pub learned: Moment,
    /// Whether it took the place of what the key stood for before.
    pub superseded: bool,
    /// The tokens of its content.
    pub tokens: u64,
}

/// The tool `memory_write`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "memory_write",
        "1.0.0",
        "Remembers something beyond this run. The entry says which run and node wrote it; the same call writes once.",
    )
    .effect(Effect::Idempotent)
    .capability(Capability::Memory)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let Input {
        content,
        key: named,
        scope: place,
        kind,
        metadata,
        category,
        tags,
        about,
        importance,
        ttl_seconds,
        source,
    } = input;
    if content.is_null() {
        return Err(invalid("`content` is null: there is nothing to remember"));
    }
    let kind = kind.unwrap_or_else(|| {
        let prefixed = |name: &String| Kind::ALL.into_iter().find(|kind| name.starts_with(kind.prefix()));
        named.as_ref().and_then(prefixed).unwrap_or(Kind::Semantic)
    });
    let mut metadata: Map = metadata.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
    if let Some(category) = category {
        metadata.insert(Arc::from("category"), Value::from(category));
    }
    let taken_from = |metadata: &Map| metadata.get("source").and_then(Value::as_str).map(str::to_owned);
    let source = source.or_else(|| taken_from(&metadata)).unwrap_or_else(|| "tool".to_owned());
    let mut write = match kind {
        Kind::Procedural if content.as_map().is_none() => {
            Write { metadata, ..Write::procedure(content.clone(), procedure(&content, named.as_deref())) }
        }
        Kind::Working | Kind::Episodic | Kind::Semantic | Kind::Procedural => {
            write_of(kind, content, metadata)
                .map_err(|error| ToolError::refused(error.code(), error.to_string()))?
        }
    };
    write.scope = scope(&**memory, place.as_deref(), ScopeAccess::Write)?;
    write.key = named.as_deref().map(key).transpose()?;
    write.tags.extend(tags);
    (write.subjects, write.importance) = (about, importance);
    write.ttl = ttl_seconds.map(Duration::from_secs);
    write.source = Provenance { source, ..Provenance::default() };
    let entry = unless_cancelled(&ctx, memory.write(write)).await?;
    Ok(Output {
        scope: entry.scope.to_string(),
        kind: entry.kind(),
        key: entry.key.to_string(),
        learned: entry.learned,
        superseded: entry.supersedes.is_some(),
        tokens: entry.account.tokens,
    })
}

/// A procedure that is told as a text, a line for each step, or as a list of steps.
fn procedure(content: &Value, key: Option<&str>) -> Procedure {
    let lines = content.as_str().unwrap_or_default().lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty()).map(Value::from);
    let items = content.as_list().unwrap_or_default().iter().cloned();
    let steps: Vec<Value> = lines.chain(items).collect();
    let first = steps.first().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
    let name = key.map(str::to_owned).or(first).unwrap_or_else(|| "procedure".to_owned());
    let name = name.chars().take(MAX_NAME).collect();
    Procedure { name, steps, ..Procedure::default() }
}
