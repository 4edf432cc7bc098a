//! What the tool takes, gives and does.

use std::sync::Arc;

use globset::GlobBuilder;
use ice_core::error::ErrorCode;
use ice_core::time::Moment;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{EntryKind, Found, Walk, walk};
use crate::support::blocking;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// A folder to list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The folder, within a granted one; the granted folder itself if left out.
    #[serde(default = "here")]
    pub path: String,
    /// A glob that the paths below the folder must match: `*.md`, `**/*.md`, `data/{a,b}-?.csv`. `*` stops at `/`,
    /// `**` does not.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Whether folders within are looked into. Links are never followed.
    #[serde(default)]
    pub recursive: bool,
    /// Whether names that begin with a dot are listed.
    #[serde(default)]
    pub hidden: bool,
    /// Which kinds are listed; files if left out.
    #[serde(default = "files")]
    #[schemars(with = "Vec<EntryKind>")]
    pub(crate) kinds: Vec<EntryKind>,
    /// The most entries to return; the first ones by path.
    #[serde(default)]
    pub limit: Option<usize>,
}

fn here() -> String {
    ".".to_owned()
}

fn files() -> Vec<EntryKind> {
    vec![EntryKind::File]
}

/// What is in the folder.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The entries, sorted by path.
    pub files: Vec<Item>,
    /// How many entries there are, those beyond `limit` included.
    pub count: usize,
    /// How many entries could not be looked at, and folders not be looked into, because the system denies it. Whether
    /// they would have met the conditions is not known.
    pub skipped: usize,
}

/// Something in the folder.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The path as other tools take it: `path` of the input, then the path below it.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// `file`, `folder`, `link` or `other`.
    #[schemars(with = "EntryKind")]
    pub(crate) kind: EntryKind,
    /// The size in bytes, of files.
    pub size: Option<u64>,
    /// When it was last changed.
    pub modified: Option<Moment>,
}

/// The tool `list_files`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("list_files", "1.0.0", "Lists the files of a granted folder, sorted by path.")
        .effect(Effect::Idempotent)
        .capability(Capability::ReadFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| list(ctx, &input)).await
}

pub(super) fn list(ctx: &ToolContext, input: &Input) -> Result<Output, ToolError> {
    let glob = input.pattern.as_deref().map(compile).transpose()?;
    let Found { mut entries, skipped } =
        walk(ctx, &input.path, Walk { recursive: input.recursive, skip_hidden: !input.hidden })?;
    entries.retain(|entry| {
        input.kinds.contains(&entry.kind) && glob.as_ref().is_none_or(|glob| glob.is_match(&entry.path))
    });
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let count = entries.len();
    entries.truncate(input.limit.unwrap_or(usize::MAX));
    let prefix = match input.path.trim_end_matches('/') {
        "." => String::new(),
        other => format!("{other}/"),
    };
    let item = |entry: crate::access::Entry| Item {
        name: entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: format!("{prefix}{}", entry.path),
        kind: entry.kind,
        size: entry.size,
        modified: entry.modified,
    };
    Ok(Output { files: entries.into_iter().map(item).collect(), count, skipped })
}

fn compile(pattern: &str) -> Result<globset::GlobMatcher, ToolError> {
    let invalid = |message: String| ToolError::refused(ErrorCode::ToolInputInvalid, message);
    if pattern.len() > MAX_PATTERN {
        return Err(invalid(format!("the pattern is longer than {MAX_PATTERN} bytes")));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| invalid(format!("the pattern: {}", error.kind())))
}
