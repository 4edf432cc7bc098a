//! What kind of document it is.

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Plain text: paragraphs between empty lines.
    Text,
    /// Markdown (CommonMark with tables).
    Markdown,
    /// HTML.
    Html,
    /// Rows of cells with a header; the delimiter is found among `,`, `;`, tab and `|`.
    Csv,
    /// One JSON value.
    Json,
    /// A JSON value on each line.
    JsonLines,
    /// A PDF with text in it; pictures of text are not read.
    Pdf,
}

/// Endings of names and media types.
const KNOWN: &[(Format, &[&str], &[&str])] = &[
    (Format::Text, &["txt", "text", "log", "rst"], &["text/plain"]),
    (Format::Markdown, &["md", "markdown", "mdown"], &["text/markdown", "text/x-markdown"]),
    (Format::Html, &["html", "htm", "xhtml"], &["text/html", "application/xhtml+xml"]),
    (Format::Csv, &["csv", "tsv"], &["text/csv", "text/tab-separated-values"]),
    (Format::Json, &["json"], &["application/json", "text/json"]),
    (
        Format::JsonLines,
        &["jsonl", "ndjson"],
        &["application/jsonl", "application/x-ndjson", "application/ndjson"],
    ),
    (Format::Pdf, &["pdf"], &["application/pdf"]),
];

impl Format {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Markdown, Self::Html, Self::Csv, Self::Json, Self::JsonLines, Self::Pdf];

    /// The name: `text`, `markdown`, `html`, `csv`, `json`, `json_lines` or `pdf`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "json_lines",
            Self::Pdf => "pdf",
        }
    }

    /// The format of a media type (parameters do not matter), else of a name's ending, else of a PDF's first bytes.
    ///
    /// # Errors
    /// [`ErrorCode::ToolInputInvalid`] if none of these says it.
    pub fn of(name: Option<&str>, media_type: Option<&str>, bytes: &[u8]) -> Result<Self, ToolError> {
        if let Some(media_type) = media_type {
            let plain = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let found = KNOWN.iter().find(|(_, _, types)| types.contains(&plain.as_str()));
            let found = found.map(|(format, ..)| *format);
            let found = found.or_else(|| plain.ends_with("+json").then_some(Self::Json));
            return found.ok_or_else(|| unknown(&format!("the media type `{}`", shorten(&plain))));
        }
        let ending =
            name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
        let found = KNOWN
            .iter()
            .find(|(_, endings, _)| ending.as_deref().is_some_and(|ending| endings.contains(&ending)));
        match found {
            Some((format, ..)) => Ok(*format),
            None if bytes.starts_with(b"%PDF-") => Ok(Self::Pdf),
            None => Err(unknown(&format!("the name `{}`", shorten(name.unwrap_or_default())))),
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

fn unknown(what: &str) -> ToolError {
    let message = format!(
        "{what} does not say what kind of document it is: state `format`, one of text, markdown, html, csv, json, json_lines, pdf"
    );
    ToolError::refused(ErrorCode::ToolInputInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_written() {
        for format in Format::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
    }

    #[test]
    fn the_format_is_found_by_type_then_name_then_bytes() {
        let check = |name, media, bytes: &[u8], expected| {
            assert_eq!(Format::of(name, media, bytes).ok(), expected, "{name:?} {media:?}");
        };
        check(Some("a.md"), Some("text/HTML; charset=utf-8"), b"", Some(Format::Html));
        check(Some("a.b/C.MD"), None, b"", Some(Format::Markdown));
        check(None, Some("application/ld+json"), b"", Some(Format::Json));
        check(Some("scan"), None, b"%PDF-1.7", Some(Format::Pdf));
        check(Some("scan"), None, b"PK", None);
        check(None, Some("image/png"), b"%PDF-", None);
    }
}
