//! What the tool takes, gives and does.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{Decoding, Source, blocking, compile_regex, decode, read_all};

/// The largest text that is searched, in bytes: a search for one match cannot be interrupted.
const MAX_TEXT: usize = 16 << 20;

/// A text and a pattern: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// A text file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// The regular expression, in the syntax of Rust's `regex` crate: no look-around, no back-references; `(?i)` at
    /// its beginning ignores case, `(?m)` lets `^` and `$` match at lines.
    pub pattern: String,
    /// The group whose text is the value: its number (0 is the whole match) or name. The first group if left out, or
    /// the whole match if there is none.
    #[serde(default)]
    pub group: Option<Group>,
    /// Whether all matches are returned, or only the first.
    #[serde(default = "yes")]
    pub all: bool,
    /// The most matches to return.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A group of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Group {
    /// By its number.
    Number(usize),
    /// By its name.
    Name(String),
}

const fn yes() -> bool {
    true
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Whether there is a match.
    pub found: bool,
    /// The text of the group in the first match; null if there is none.
    pub value: Option<String>,
    /// The text of the group in every match that has it.
    pub values: Vec<String>,
    /// The matches.
    pub matches: Vec<Match>,
    /// How many matches are returned.
    pub count: usize,
    /// Whether there are more.
    pub more: bool,
}

/// A match.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Match {
    /// The whole match.
    pub text: String,
    /// Where it begins, in characters from the beginning of the text.
    pub start: usize,
    /// Where it ends, in characters.
    pub end: usize,
    /// The texts of the groups, by number and, if they have one, by name; groups that took no part are left out.
    pub groups: BTreeMap<String, String>,
}

/// The tool `regex_extract`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("regex_extract", "1.0.0", "Finds what a regular expression matches in a text or text file.")
        .effect(Effect::Idempotent)
        .effect_of(crate::support::reading_effect)
        .capability(Capability::ReadFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let regex = compile_regex(&input.pattern)?;
        let group = group_number(&regex, input.group.as_ref())?;
        let source = Source::open(ctx, input.path.as_deref(), input.text)?;
        let name = source.name.clone();
        let text = decode(&name, read_all(source)?, &Decoding::default())?;
        if text.len() > MAX_TEXT {
            let message =
                format!("{name} has more than {MAX_TEXT} bytes, the most that is searched: cut it first");
            return Err(ToolError::refused(ErrorCode::FileTooLarge, message));
        }
        let limit = if input.all { input.limit } else { Some(input.limit.unwrap_or(1).min(1)) };
        extract(ctx, &regex, group, &text, limit)
    })
    .await
}

fn group_number(regex: &Regex, group: Option<&Group>) -> Result<usize, ToolError> {
    let count = regex.captures_len();
    let found = match group {
        None => Some(usize::from(count > 1)),
        Some(Group::Number(number)) => Some(*number).filter(|number| *number < count),
        Some(Group::Name(name)) => regex.capture_names().position(|found| found == Some(name.as_str())),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = regex.capture_names().flatten().collect();
        let message = format!(
            "the pattern has no such group: it has the numbers 0 to {}, and the names [{}]",
            count - 1,
            names.join(", ")
        );
        ToolError::refused(ErrorCode::ToolInputInvalid, message)
    })
}

fn extract(
    ctx: &ToolContext,
    regex: &Regex,
    group: usize,
    text: &str,
    limit: Option<usize>,
) -> Result<Output, ToolError> {
    let mut output =
        Output { found: false, value: None, values: Vec::new(), matches: Vec::new(), count: 0, more: false };
    let mut place = Place { text, byte: 0, character: 0 };
    for captures in regex.captures_iter(text) {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        output.found = true;
        if limit.is_some_and(|limit| output.matches.len() >= limit) {
            output.more = true;
            break;
        }
        if output.matches.len() >= ctx.limits.max_items {
            let message = format!("there are more than {} matches: set `limit`", ctx.limits.max_items);
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        if let Some(value) = captures.get(group) {
            output.value.get_or_insert_with(|| value.as_str().to_owned());
            output.values.push(value.as_str().to_owned());
        }
        output.matches.push(describe(regex, &captures, &mut place));
    }
    output.count = output.matches.len();
    Ok(output)
}

fn describe(regex: &Regex, captures: &Captures<'_>, place: &mut Place<'_>) -> Match {
    let mut groups = BTreeMap::new();
    for (number, name) in regex.capture_names().enumerate().skip(1) {
        if let Some(found) = captures.get(number) {
            groups.insert(number.to_string(), found.as_str().to_owned());
            if let Some(name) = name {
                groups.insert(name.to_owned(), found.as_str().to_owned());
            }
        }
    }
    let whole = captures.get_match();
    let (start, end) = (place.advance(whole.start()), place.advance(whole.end()));
    Match { text: whole.as_str().to_owned(), start, end, groups }
}

/// Counts characters as it moves forward through a text.
struct Place<'t> {
    text: &'t str,
    byte: usize,
    character: usize,
}

impl Place<'_> {
    fn advance(&mut self, byte: usize) -> usize {
        self.character += self.text.get(self.byte..byte).map_or(0, |between| between.chars().count());
        self.byte = byte;
        self.character
    }
}
