//! JSON and YAML text into values, strictly.

use serde::de::DeserializeSeed;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error as YamlError, UserMessageFormatter, budget, options};

use super::line::LineIndex;
use super::reading::{MAX_DEPTH, MAX_TEXT_BYTES};
use super::seed::{DocumentSeed, Notes};
use crate::diagnostic::{Diagnostic, Position, Report, Severity};
use crate::error::ErrorCode;
use crate::value::Value;

/// The notation a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2: only `true` and `false` are booleans, numbers with leading zeros are text.
    Yaml,
    /// JSON if the text begins with `{` and then `"` or `}`, else YAML.
    #[default]
    Auto,
}

impl Format {
    /// The notation that a file name's ending tells.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some(_) | None => Self::Auto,
        }
    }
}

/// Text as a value, with the notation it turned out to be in.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) format: Format,
    pub(super) value: Result<Value, Box<Diagnostic>>,
}

/// Reads text. What is wrong beyond the syntax (keys that stand twice, numbers) goes into `report` and `notes`.
pub(super) fn parse(text: &str, format: Format, report: &Report, notes: &Notes) -> Parsed {
    match format {
        Format::Json => Parsed { format, value: json(text, report, notes) },
        Format::Yaml => Parsed { format, value: yaml(text, report, notes) },
        Format::Auto if looks_like_json(text) => parse(text, Format::Json, report, notes),
        Format::Auto => parse(text, Format::Yaml, report, notes),
    }
}

/// Whether a text begins as JSON objects do: with a brace and then a quote or the other brace. A flow mapping of
/// YAML may do so as well, but almost never does.
fn looks_like_json(text: &str) -> bool {
    text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
}

fn json(text: &str, report: &Report, notes: &Notes) -> Result<Value, Box<Diagnostic>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = DocumentSeed::top(report, notes)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        let full = error.to_string();
        let end = format!(" at line {} column {}", error.line(), error.column());
        let message = full.strip_suffix(&end).unwrap_or(&full);
        let code = if notes.is_too_large() || message.contains("recursion limit") {
            ErrorCode::BlueprintTooLarge
        } else if message.contains("number out of range") {
            ErrorCode::NumberNotPortable
        } else {
            ErrorCode::BlueprintSyntax
        };
        let position = LineIndex::new(text).at_byte_column(error.line(), error.column());
        syntax_error(code, "JSON", message, position)
    })
}

fn yaml(text: &str, report: &Report, notes: &Notes) -> Result<Value, Box<Diagnostic>> {
    let options = options! {
        budget: budget! {
            max_reader_input_bytes: Some(MAX_TEXT_BYTES),
            // The seed refuses what is too deep; this is the net below it.
            max_depth: MAX_DEPTH + 2,
            max_documents: 2,
            max_events: 4_000_000,
            max_nodes: 1_000_000,
            max_total_scalar_bytes: 2 * MAX_TEXT_BYTES,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
    };
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        DocumentSeed::top(report, notes).deserialize(deserializer)
    });
    read.map_err(|error| {
        let bare = error.without_snippet();
        let cause =
            if let YamlError::AliasError { error, .. } = bare { error.without_snippet() } else { bare };
        let text = without_location(&cause.render_with_formatter(&UserMessageFormatter));
        let is_limit = matches!(
            cause,
            YamlError::Budget { .. }
                | YamlError::AliasReplayLimitExceeded { .. }
                | YamlError::AliasExpansionLimitExceeded { .. }
                | YamlError::AliasReplayStackDepthExceeded { .. }
        ) || text.contains("recursion limit");
        let (code, message) = if notes.is_too_large() {
            (ErrorCode::BlueprintTooLarge, text)
        } else if is_limit {
            let message = "the document is too large, too deeply nested or repeats itself too often";
            (ErrorCode::BlueprintTooLarge, message.to_owned())
        } else if matches!(cause, YamlError::MultipleDocuments { .. }) {
            let message = "there is more than one document; a file holds one";
            (ErrorCode::BlueprintSyntax, message.to_owned())
        } else {
            (ErrorCode::BlueprintSyntax, text)
        };
        let position = error.location().filter(|place| place.line() > 0).map(|place| Position {
            line: u32::try_from(place.line()).unwrap_or(u32::MAX),
            column: u32::try_from(place.column()).unwrap_or(u32::MAX).max(1),
            length: 1,
        });
        syntax_error(code, "YAML", &message, position)
    })
}

/// The text without the place that the parser puts around it.
fn without_location(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or(text);
    let text = text.lines().next().unwrap_or(text);
    text.trim_end_matches([' ', ':', '.']).to_owned()
}

fn syntax_error(code: ErrorCode, name: &str, message: &str, position: Option<Position>) -> Box<Diagnostic> {
    let message = if code == ErrorCode::BlueprintSyntax {
        format!("this is not valid {name}: {message}")
    } else {
        message.to_owned()
    };
    Box::new(Diagnostic { position, ..Diagnostic::new(code, Severity::Error, message) })
}
