//! The tags of a YAML text. Those of its core schema are obeyed by the parser; all others would be passed over.

use std::ops::Range;

use granit_parser::{Event, Parser, Tag};

use super::line::LineIndex;
use crate::diagnostic::{Finding, Report};
use crate::error::ErrorCode;

/// Reports every tag that has no meaning, in a text that is known to be valid.
pub(super) fn check(text: &str, report: &Report) {
    if !text.contains('!') {
        return;
    }
    let mut lines = None;
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { return };
        let Some(tag) = unknown(&event) else { continue };
        let written = tag.original();
        let node = span.byte_range().unwrap_or_default();
        let position =
            lines.get_or_insert_with(|| LineIndex::new(text)).position(place(text, &written, node));
        let message = format!("the tag `{written}` has no meaning in a blueprint");
        let finding = Finding::error(ErrorCode::BlueprintSyntax, message);
        report.add_in_text(position, finding.advise("remove it".to_owned()));
    }
}

/// The tag of a node, if it is none of the core schema and not the `!` that makes a scalar text.
fn unknown<'e>(event: &'e Event<'_>) -> Option<&'e Tag> {
    let tag = event.tag()?;
    let is_plain = matches!((tag.handle(), tag.suffix()), ("", "!") | ("!", ""));
    (!is_plain && tag.core_suffix().is_none()).then_some(tag)
}

/// Where a tag stands: before its node; else the node.
fn place(text: &str, written: &str, node: Range<usize>) -> Range<usize> {
    if text.get(node.start..).is_some_and(|rest| rest.starts_with(written)) {
        return node.start..node.start + written.len();
    }
    match text.get(..node.start).and_then(|before| before.rfind(written)) {
        Some(start) => start..start + written.len(),
        None => node,
    }
}
