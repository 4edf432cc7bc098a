//! Helpers for the rules of nodes: what of a typed node is out of range or does not go together.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::diagnostic::{Finding, Report, Trail};
use crate::error::ErrorCode;

/// Names that mean something in every scope and so cannot be given to anything.
pub(crate) const RESERVED: [&str; 2] = ["inputs", "nodes"];

/// Checks fields of one object and reports what breaks a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    at: &'a Trail<'a>,
    report: &'a Report,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(at: &'a Trail<'a>, report: &'a Report) -> Self {
        Self { at, report }
    }

    /// The rules of an object below a field.
    pub(crate) fn below(&self, field: &str, rules: impl FnOnce(Rules<'_>)) {
        rules(Rules { at: &self.at.key(field), report: self.report });
    }

    /// The rules of an item of a list.
    pub(crate) fn item(&self, index: usize, rules: impl FnOnce(Rules<'_>)) {
        rules(Rules { at: &self.at.index(index), report: self.report });
    }

    /// A text must hold more than blanks.
    pub(crate) fn not_blank(&self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(field, Finding::error(ErrorCode::OutOfRange, format!("`{field}` must not be blank")));
        }
    }

    /// A whole number, if given, must not be zero.
    pub(crate) fn positive(&self, field: &str, number: Option<u64>) {
        if number == Some(0) {
            self.add(field, Finding::error(ErrorCode::OutOfRange, format!("`{field}` must be at least 1")));
        }
    }

    /// A number, if given, must lie in a range.
    pub(crate) fn within(&self, field: &str, number: Option<f64>, range: RangeInclusive<f64>) {
        if let Some(number) = number
            && !range.contains(&number)
        {
            let (low, high) = (range.start(), range.end());
            let message = if high.is_infinite() {
                format!("`{field}` must be at least {low}, not {number}")
            } else {
                format!("`{field}` must lie between {low} and {high}, not {number}")
            };
            self.add(field, Finding::error(ErrorCode::OutOfRange, message));
        }
    }

    /// A name must be an identifier, as templates know names, and not a reserved one.
    pub(crate) fn identifier(&self, field: &str, name: &str) {
        let mut characters = name.chars();
        let valid = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            let message = format!("`{name}` is not a name that templates can use");
            let advice = "use letters, digits and `_`, beginning with a letter or `_`".to_owned();
            self.add(field, Finding::error(ErrorCode::InvalidId, message).advise(advice));
        } else if RESERVED.contains(&name) {
            self.add(field, Finding::error(ErrorCode::InvalidId, format!("`{name}` is reserved")));
        }
    }

    /// A rule of the kind is broken.
    pub(crate) fn broken(&self, field: &str, message: impl Display, advice: impl Into<Option<String>>) {
        let finding = Finding::error(ErrorCode::RuleViolation, message.to_string());
        self.add(field, finding.advise(advice));
    }

    /// Something is probably not meant.
    pub(crate) fn doubtful(&self, field: &str, message: impl Display, advice: impl Into<Option<String>>) {
        let finding = Finding::warning(ErrorCode::RuleViolation, message.to_string());
        self.add(field, finding.advise(advice));
    }

    /// A rule of the node as a whole is broken.
    pub(crate) fn broken_here(&self, message: impl Display, advice: impl Into<Option<String>>) {
        let finding = Finding::error(ErrorCode::RuleViolation, message.to_string());
        self.report.add(self.at, finding.advise(advice));
    }

    pub(crate) fn add(&self, field: &str, finding: Finding) {
        self.report.add(&self.at.key(field), finding);
    }
}
