//! Diagnostics together: sorted, counted, printed.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Diagnostic, Severity};

/// Everything that was found, sorted by position (errors first where that is equal); what has no position
/// comes first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostics {
    /// The name of the source text, for example its file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    source: Option<Arc<str>>,
    /// What was found.
    list: Vec<Diagnostic>,
    /// How many more were found beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    omitted: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Diagnostics {
    pub(crate) fn collected(list: Vec<Diagnostic>, omitted: usize) -> Self {
        let mut collected = Self { source: None, list, omitted };
        collected.sort();
        collected
    }

    /// Some diagnostics, with how many more were found.
    #[must_use]
    pub fn new(list: impl IntoIterator<Item = Diagnostic>, omitted: usize) -> Self {
        Self::collected(list.into_iter().collect(), omitted)
    }

    /// The same diagnostics with the name of their source.
    #[must_use]
    pub fn of_source(mut self, name: &str) -> Self {
        self.source = Some(Arc::from(name));
        self
    }

    /// The name of the source text.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of diagnostics listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many more were found beyond those listed.
    #[must_use]
    pub const fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether the blueprint cannot run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The diagnostics in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Those that keep the blueprint from running.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Takes a diagnostic in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
        self.sort();
    }

    /// Takes the diagnostics of another list in.
    pub fn merge(&mut self, other: Self) {
        self.list.extend(other.list);
        self.omitted += other.omitted;
        self.source = self.source.take().or(other.source);
        self.sort();
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// Changes each diagnostic, and sorts them anew.
    pub fn for_each(&mut self, change: impl FnMut(&mut Diagnostic)) {
        self.list.iter_mut().for_each(change);
        self.sort();
    }

    fn sort(&mut self) {
        self.list.sort_by_key(|diagnostic| {
            (diagnostic.position.map(|position| (position.line, position.column)), diagnostic.severity)
        });
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    /// One line per diagnostic, each with the name of the source in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if let Some(source) = &self.source {
                write!(f, "{source}:{}", if diagnostic.position.is_some() { "" } else { " " })?;
            }
            diagnostic.fmt(f)?;
        }
        if self.omitted > 0 {
            write!(f, "\n… and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Position;
    use crate::error::ErrorCode;

    fn at(line: u32, column: u32, severity: Severity, message: &str) -> Diagnostic {
        let position = Some(Position { line, column, length: 1 });
        Diagnostic { position, ..Diagnostic::new(ErrorCode::UnknownField, severity, message) }
    }

    #[test]
    fn diagnostics_are_sorted_by_place_and_printed_by_line() {
        let mut list = Diagnostics::default().of_source("a.yaml");
        assert!(list.is_empty() && !list.has_errors());
        list.push(at(2, 9, Severity::Warning, "late"));
        list.push(at(1, 3, Severity::Warning, "mild"));
        assert!(!list.has_errors());
        list.push(at(1, 3, Severity::Error, "bad"));
        list.push(Diagnostic::new(ErrorCode::Usage, Severity::Error, "whole"));
        assert!(list.has_errors());
        assert_eq!(
            list.to_string(),
            "a.yaml: error[USAGE]: whole\na.yaml:1:3: error[UNKNOWN_FIELD]: bad\n\
             a.yaml:1:3: warning[UNKNOWN_FIELD]: mild\na.yaml:2:9: warning[UNKNOWN_FIELD]: late"
        );
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<Diagnostics>(&json).unwrap(), list);
    }
}
