//! The text a blueprint was read from, for finding the lines that diagnostics are about.

use std::sync::Arc;

use super::Format;
use super::line::LineIndex;
use super::span::SpanTree;
use crate::diagnostic::{Diagnostics, Place, Step};

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

    pub(super) fn with_origins(mut self, origins: Vec<Origin>, rewritten: bool) -> Self {
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
        if diagnostics.is_empty() {
            return diagnostics;
        }
        let (tree, lines) = (SpanTree::of(&self.text, self.format), LineIndex::new(&self.text));
        diagnostics.for_each(|diagnostic| {
            if diagnostic.position.is_none()
                && let Some(place) = self.in_document(&diagnostic.place)
                && let Some(found) = tree.find(&place)
            {
                let part = place.part.filter(|_| found.exact && !self.rewritten);
                let range = part.and_then(|part| self.part_of(&found.range, part)).unwrap_or(found.range);
                diagnostic.position = Some(lines.position(range));
            }
        });
        diagnostics.of_source(&self.name)
    }

    /// The source text of a place, if it stands there exactly.
    pub(super) fn text_at(&self, place: &Place) -> Option<&str> {
        let found = SpanTree::of(&self.text, self.format).find(place).filter(|found| found.exact)?;
        self.text.get(found.range)
    }

    /// The way from the document.
    pub(super) fn in_document(&self, place: &Place) -> Option<Place> {
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
        let mut steps = origin?.steps.clone();
        steps.extend(place.steps.iter().cloned());
        Some(Place { node: None, steps, ..place.clone() })
    }

    /// The bytes of a part of a text value: exact where the value is written without escapes on one line.
    fn part_of(
        &self,
        value: &std::ops::Range<usize>,
        part: std::ops::Range<usize>,
    ) -> Option<std::ops::Range<usize>> {
        let written = self.text.get(value.clone())?;
        let quote = match written.chars().next()? {
            '"' if written.contains('\\') => return None,
            '\'' if written.get(1..written.len() - 1)?.contains('\'') => return None,
            '|' | '>' => return None,
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
}
