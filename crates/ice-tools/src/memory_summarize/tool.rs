//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::memory::{Kind, MemorySearch};
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::extract::{Sentence, extract};
use crate::support::memory::{filter, kinds, memory, scopes, unless_cancelled};

/// What to sum up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The part of memory; if left out, all that the run may read.
    #[serde(default)]
    pub scope: Option<String>,
    /// What it is about, in words; the newest entries if left out.
    #[serde(default)]
    pub query: String,
    /// The kinds; all if left out.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Only entries with all of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The most entries that are looked at, 1 to 100.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
    /// The most tokens of the summary, as they are estimated, 16 to 4,000.
    #[serde(default = "tokens")]
    #[schemars(range(min = 16, max = 4_000))]
    pub max_tokens: u64,
    /// How it is written.
    #[serde(default)]
    pub style: Style,
}

const fn ten() -> usize {
    10
}

const fn tokens() -> u64 {
    400
}

/// How a summary is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A line for each sentence.
    #[default]
    Bullets,
    /// One paragraph.
    Paragraph,
}

/// The summary.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Sentences of the entries, as they stand there.
    pub summary: String,
    /// How many entries were looked at.
    pub entries: usize,
    /// The tokens of the summary, as they are estimated.
    pub tokens: u64,
    /// The keys of the entries of which sentences were taken, in their order.
    pub sources: Vec<String>,
}

/// The tool `memory_summarize`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "memory_summarize",
        "1.0.0",
        "Sums up what is remembered by its most telling sentences, within a number of tokens. It asks no model: the same \
         memory gives the same summary.",
    )
    .effect(Effect::Idempotent)
    .capability(Capability::Memory)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let Input { scope, query, kinds: named, tags, limit, max_tokens, style } = input;
    let search = MemorySearch {
        query,
        kinds: kinds(named),
        filter: filter(tags, None),
        limit: limit.clamp(1, 100),
        ..MemorySearch::new("", scopes(&**memory, scope.as_deref())?)
    };
    let hits = unless_cancelled(&ctx, memory.search(&search)).await?;
    let texts: Vec<String> = hits.iter().map(|hit| hit.entry.text()).collect();
    let line = |sentence: &Sentence<'_>| match style {
        Style::Bullets => format!("- {}", sentence.text),
        Style::Paragraph => sentence.text.to_owned(),
    };
    let between = match style {
        Style::Bullets => "\n",
        Style::Paragraph => " ",
    };
    let chosen = extract(&texts, max_tokens.clamp(16, 4_000), |sentence| line(sentence) + between);
    let mut sources: Vec<String> = Vec::new();
    for sentence in &chosen {
        if let Some(hit) = hits.get(sentence.entry)
            && !sources.iter().any(|key| key == hit.entry.key.as_str())
        {
            sources.push(hit.entry.key.to_string());
        }
    }
    let lines: Vec<String> = chosen.iter().map(line).collect();
    let summary = lines.join(between);
    Ok(Output {
        tokens: ice_core::llm::tokens::estimate_text(&summary),
        summary,
        entries: hits.len(),
        sources,
    })
}
