//! Collecting diagnostics while reading or checking.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::{Diagnostic, Diagnostics, Place, Position, Severity, Step, Target, Trail};
use crate::error::ErrorCode;
use crate::path::NodePath;

/// The most diagnostics that are kept; more are counted.
const MAX_KEPT: usize = 200;

/// Something found, before it is said where.
#[derive(Debug)]
pub(crate) struct Finding {
    code: ErrorCode,
    severity: Severity,
    message: String,
    advice: Option<String>,
    target: Target,
    part: Option<Range<usize>>,
}

impl Finding {
    /// Something that keeps the blueprint from running.
    pub(crate) fn error(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            advice: None,
            target: Target::Value,
            part: None,
        }
    }

    /// Something that is probably not meant.
    pub(crate) fn warning(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// What to do.
    pub(crate) fn advise(mut self, advice: impl Into<Option<String>>) -> Self {
        self.advice = advice.into();
        self
    }

    /// It is about the key, not the value.
    pub(crate) fn on_key(mut self) -> Self {
        self.target = Target::Key;
        self
    }

    /// It is about a part of the text there: a range of its bytes.
    pub(crate) fn within(mut self, part: Option<Range<usize>>) -> Self {
        self.part = part;
        self
    }
}

/// Diagnostics while they are collected.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: RefCell<Vec<Diagnostic>>,
    omitted: Cell<usize>,
    errors: Cell<usize>,
    told: RefCell<Vec<Vec<Step>>>,
}

impl Report {
    /// Takes a finding at its place.
    pub(crate) fn add(&self, trail: &Trail<'_>, finding: Finding) {
        if self.takes(&finding) {
            self.keep(trail.place(), trail.path(), trail.field(), finding);
        }
    }

    /// Takes a finding at a place that no trail leads to.
    pub(crate) fn add_at(
        &self,
        place: Place,
        path: Option<NodePath>,
        field: Option<String>,
        finding: Finding,
    ) {
        if self.takes(&finding) {
            self.keep(place, path, field, finding);
        }
    }

    /// Takes a finding at a position of the text.
    pub(crate) fn add_in_text(&self, position: Position, finding: Finding) {
        if self.takes(&finding) {
            self.keep(Place::default(), None, None, finding);
            if let Some(last) = self.kept.borrow_mut().last_mut() {
                last.position = Some(position);
            }
        }
    }

    /// Counts a finding and tells whether there is room for it.
    fn takes(&self, finding: &Finding) -> bool {
        if finding.severity == Severity::Error {
            self.errors.set(self.errors.get() + 1);
        }
        let has_room = self.has_room();
        if !has_room {
            self.omitted.set(self.omitted.get() + 1);
        }
        has_room
    }

    fn keep(&self, place: Place, path: Option<NodePath>, field: Option<String>, finding: Finding) {
        let Finding { code, severity, message, advice, target, part } = finding;
        let place = Place { target, part, ..place };
        let diagnostic = Diagnostic { code, severity, message, path, field, position: None, advice, place };
        self.kept.borrow_mut().push(diagnostic);
    }

    /// Whether something of this code was found at a place.
    pub(crate) fn tells(&self, trail: &Trail<'_>, code: ErrorCode) -> bool {
        let steps = trail.place().steps;
        self.kept.borrow().iter().any(|found| found.code == code && found.place.steps == steps)
    }

    /// Notes a place whose problem is told by a diagnostic about another place.
    pub(crate) fn tell_elsewhere(&self, steps: Vec<Step>) {
        self.told.borrow_mut().push(steps);
    }

    /// The places whose problems are told elsewhere.
    pub(crate) fn told_elsewhere(&self) -> Vec<Vec<Step>> {
        self.told.take()
    }

    /// Whether a further diagnostic would be kept, so that it is worth working out advice.
    pub(crate) fn has_room(&self) -> bool {
        self.kept.borrow().len() < MAX_KEPT
    }

    /// The number of errors so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// What was found, in the order it was found.
    pub(crate) fn finish(self) -> Diagnostics {
        Diagnostics::collected(self.kept.into_inner(), self.omitted.get())
    }
}
