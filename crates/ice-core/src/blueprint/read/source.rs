//! The text a blueprint was read from, for finding the lines that diagnostics are about.

use std::ops::Range;
use std::sync::Arc;

use super::Format;
use super::line::LineIndex;
use super::span::SpanTree;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Step};

/// The text a blueprint was read from, with where in it each node stands.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    format: Format,
    origins: Arc<Vec<Origin>>,
    /// Whether texts in the blueprint differ from those in the source, because they were upgraded.
    rewritten: bool,
}

/// Where a node stands in its document, and those within it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    /// The way to the node from the document.
    pub(crate) steps: Vec<Step>,
    /// The nodes within, by scope.
    pub(crate) scopes: Vec<Vec<Origin>>,
    /// What fields of the node are called in the document, where that is something else.
    pub(crate) names: &'static [(&'static str, &'static str)],
}

impl Origin {
    /// The first step into the node as it is written in the document.
    fn written(&self, step: Step) -> Step {
        let name = match &step {
            Step::Key(key) => self.names.iter().find(|(name, _)| *name == &**key),
            Step::Index(_) => None,
        };
        name.map_or(step, |(_, written)| Step::Key(Arc::from(*written)))
    }
}

impl Source {
    pub(super) fn new(name: &str, text: &str, format: Format) -> Self {
        Self {
            name: Arc::from(name),
            text: Arc::from(text),
            format,
            origins: Arc::default(),
            rewritten: false,
        }
    }

    pub(crate) fn with_origins(mut self, origins: Vec<Origin>, rewritten: bool) -> Self {
        self.origins = Arc::new(origins);
        self.rewritten = rewritten;
        self
    }

    /// The name, for example the file's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The notation it is written in.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Gives each diagnostic without a position the one it has in this text, and all of them this name.
    #[must_use]
    pub fn locate(&self, mut diagnostics: Diagnostics) -> Diagnostics {
        if !diagnostics.is_empty() && !self.text.is_empty() {
            let locator = self.locator();
            diagnostics.for_each(|diagnostic| locator.locate(diagnostic));
        }
        diagnostics.of_source(&self.name)
    }

    /// What finds positions in this text. To make it, the text is walked over once.
    #[must_use]
    pub fn locator(&self) -> Locator<'_> {
        let tree = SpanTree::of(&self.text, self.format);
        Locator { source: self, tree, lines: LineIndex::new(&self.text) }
    }

    /// The source texts of places, of those that stand there exactly.
    pub(super) fn texts_at(&self, places: Vec<Place>) -> Vec<(Place, &str)> {
        if places.is_empty() {
            return Vec::new();
        }
        let tree = SpanTree::of(&self.text, self.format);
        let text = |place: &Place| self.text.get(tree.find(place).filter(|found| found.exact)?.range);
        places.into_iter().filter_map(|place| text(&place).map(|text| (place, text))).collect()
    }

    /// The way from the document.
    pub(crate) fn in_document(&self, place: &Place) -> Option<Place> {
        let Some(node) = &place.node else { return Some(place.clone()) };
        let mut origins = self.origins.as_slice();
        let mut origin = None;
        for (depth, (scope, index)) in node.iter().enumerate() {
            if depth > 0 {
                let here: &Origin = origin?;
                origins = here.scopes.get(*scope)?.as_slice();
            }
            origin = Some(origins.get(*index)?);
        }
        let origin = origin?;
        let mut steps = origin.steps.clone();
        let mut within = place.steps.iter().cloned();
        steps.extend(within.next().map(|first| origin.written(first)));
        steps.extend(within);
        Some(Place { node: None, steps, ..place.clone() })
    }

    /// The bytes of a part of a text value: exact where the value is written without escapes on one line or as
    /// a literal block.
    fn part_of(&self, value: &Range<usize>, part: Range<usize>) -> Option<Range<usize>> {
        if let Some(part) = self.part_of_block(value, &part) {
            return Some(part);
        }
        if self.format != Format::Json && is_block(self.text.get(..value.start)?) {
            return None;
        }
        let written = self.text.get(value.clone())?;
        let quote = match written.chars().next()? {
            '"' if written.contains('\\') => return None,
            '\'' if written.get(1..written.len() - 1)?.contains('\'') => return None,
            '"' | '\'' => 1,
            _ => 0,
        };
        if written.contains('\n') {
            return None;
        }
        let start = value.start + quote + part.start;
        let end = value.start + quote + part.end;
        (end <= value.end && self.text.get(start..end).is_some()).then_some(start..end)
    }

    /// The same for a literal block of YAML: every line but for its indentation is a line of the value, whatever it ends
    /// in.
    fn part_of_block(&self, value: &Range<usize>, part: &Range<usize>) -> Option<Range<usize>> {
        let before = self.text.get(..value.start)?;
        let line_start = before.rfind('\n')? + 1;
        let indent = before.get(line_start..)?;
        let header = without_end(before.get(..line_start)?);
        let is_literal = ["|", "|-", "|+"].iter().any(|mark| header.ends_with(mark));
        if self.format == Format::Json || !is_literal || !indent.bytes().all(|byte| byte == b' ') {
            return None;
        }
        let (mut at, mut passed) = (line_start, 0);
        for line in self.text.get(line_start..value.end)?.split_inclusive('\n') {
            let length = without_end(line).len().saturating_sub(indent.len()) + 1;
            if part.start < passed + length {
                let start = at + indent.len() + (part.start - passed);
                let end = start + part.len();
                return self.text.get(start..end).map(|_| start..end);
            }
            passed += length;
            at += line.len();
        }
        None
    }
}

/// A line without its line end.
fn without_end(line: &str) -> &str {
    line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// Whether the text before a value ends with the header of a block scalar.
fn is_block(before: &str) -> bool {
    let header = before.trim_end_matches([' ', '\n', '\r']);
    let on_own_line = before.get(header.len()..).is_some_and(|gap| gap.contains('\n'));
    on_own_line
        && header.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+').ends_with(['|', '>'])
}

/// Finds positions in the text of a [`Source`].
#[derive(Debug)]
pub struct Locator<'s> {
    source: &'s Source,
    tree: SpanTree,
    lines: LineIndex<'s>,
}

impl Locator<'_> {
    /// Gives a diagnostic about this text its position, unless it has one.
    pub fn locate(&self, diagnostic: &mut Diagnostic) {
        if diagnostic.position.is_none()
            && let Some(place) = self.source.in_document(&diagnostic.place)
            && let Some(found) = self.tree.find(&place)
        {
            let part = place.part.filter(|_| found.exact && !self.source.rewritten);
            let range = part.and_then(|part| self.source.part_of(&found.range, part)).unwrap_or(found.range);
            diagnostic.position = Some(self.lines.position(range));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;
    use crate::error::ErrorCode;

    /// The text marked for a part of the value under `k`.
    fn check(text: &str, part: Range<usize>, expected: (u32, &str)) {
        let format = if text.starts_with('{') { Format::Json } else { Format::Yaml };
        let mut diagnostic = Diagnostic::new(ErrorCode::TemplateSyntax, Severity::Error, "x");
        diagnostic.place = Place { steps: vec![Step::Key("k".into())], part: Some(part), ..Place::default() };
        let found = Source::new("t", text, format).locate(Diagnostics::collected(vec![diagnostic], 0));
        let position = found.iter().next().unwrap().position.unwrap();
        let line = text.lines().nth(position.line as usize - 1).unwrap_or_default();
        let marked: String =
            line.chars().skip(position.column as usize - 1).take(position.length as usize).collect();
        assert_eq!((position.line, marked.as_str()), expected, "{text:?}");
    }

    #[test]
    fn parts_of_texts_are_marked_exactly_where_they_can_be() {
        check("k: a b c\n", 2..3, (1, "b"));
        check("k: 'a b c'\n", 2..3, (1, "b"));
        check("k: \"ä b c\"\n", 3..4, (1, "b"));
        check("{\"k\": \"a b c\"}", 2..3, (1, "b"));
        check("k: |\n  one\n  two three\n", 8..13, (3, "three"));
        check("k: |-\n    one\n\n      two\n", 5..10, (4, "  two"));
        check("k: |\r\n  one\r\n\r\n  two three\r\n", 9..14, (4, "three"));
        check("k: |-\r\n  one", 1..2, (2, "n"));
        check("k: |\n  one\n \n  two\n", 5..6, (4, "t"));
    }

    #[test]
    fn otherwise_the_whole_text_is_marked() {
        check("k: 'it''s b'\n", 5..6, (1, "'it''s b'"));
        check("k: \"a\\tb\"\n", 2..3, (1, "\"a\\tb\""));
        check("{\"k\": \"a\\nb\"}", 2..3, (1, "\"a\\nb\""));
        check("k: a\n  b\n", 2..3, (1, "a"));
        check("k: |\n\n  one\n", 1..4, (3, "one"));
        check("k: >\n  one\n  two\n", 4..7, (2, "one"));
        check("k: ab\n", 1..9, (1, "ab"));
    }
}
