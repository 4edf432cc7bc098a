//! Where a part of a document stands.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

/// Where a part of a document begins. What does not apply to a format is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The line, from 1; of a PDF within its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The bytes within the decoded text, from and to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ByteRange>")]
    pub bytes: Option<Range<u64>>,
    /// The row of a table, from 1, without its header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The JSON Pointer (RFC 6901) of a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The headings above it, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub headings: Vec<String>,
}

/// A range of bytes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes how a range is written")]
struct ByteRange {
    /// The first byte, from 0.
    start: u64,
    /// The byte behind the last one.
    end: u64,
}
