//! One reader for each format. All take the decoded text, or bytes, and a sink for the parts.

mod charset;
mod csv;
mod headings;
mod html;
mod json;
mod markdown;
mod pdf;
mod text;

pub(super) use charset::stated_charset;
pub(super) use csv::csv;
pub(super) use html::html;
pub(super) use json::{json, json_lines};
pub(super) use markdown::markdown;
pub(super) use pdf::pdf;
pub(super) use text::text;
