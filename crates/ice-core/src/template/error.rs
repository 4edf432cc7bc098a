//! What can be wrong with a template, and where in its text.

use std::fmt;
use std::ops::Range;

use crate::error::ErrorCode;

/// A stretch of a template's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The byte range in the source.
    pub range: Range<usize>,
    /// The line on which the range begins, from 1.
    pub line: usize,
    /// The character within the line at which the range begins, from 1.
    pub column: usize,
}

impl Place {
    /// The place of a byte range; offsets beyond the source or within a character are moved back.
    #[must_use]
    pub fn of(source: &str, range: Range<usize>) -> Self {
        let floor = |at: usize| source.floor_char_boundary(at.min(source.len()));
        let start = floor(range.start);
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            range: start..floor(range.end).max(start),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Why a template cannot be compiled or evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: ErrorCode,
    message: String,
    /// The name that is not in scope.
    unknown: Option<String>,
    near: Option<String>,
    place: Option<Place>,
    within: Option<String>,
}

impl TemplateError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            unknown: None,
            near: None,
            place: None,
            within: None,
        }))
    }

    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemplateSyntax, message)
    }

    pub(super) fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemplateNotAllowed, message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemplateTooLarge, message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemplateFailed, message)
    }

    pub(super) fn unknown_reference(name: &str) -> Self {
        let mut error = Self::new(ErrorCode::UnknownReference, format!("nothing named `{name}` is in scope"));
        error.0.unknown = Some(name.to_owned());
        error
    }

    pub(super) fn with_near(mut self, near: Option<&str>) -> Self {
        self.0.near = near.map(str::to_owned);
        self
    }

    /// Says where, unless that is already known.
    pub(super) fn at(mut self, place: impl FnOnce() -> Place) -> Self {
        if self.0.place.is_none() {
            self.0.place = Some(place());
        }
        self
    }

    pub(super) fn within(mut self, within: &str) -> Self {
        self.0.within = Some(within.to_owned());
        self
    }

    /// The code: `TEMPLATE_SYNTAX`, `TEMPLATE_NOT_ALLOWED`, `TEMPLATE_TOO_LARGE`, `TEMPLATE_FAILED` or
    /// `UNKNOWN_REFERENCE`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What was wrong, without the place and without the advice.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The name that is not in scope, of an `UNKNOWN_REFERENCE`.
    #[must_use]
    pub fn unknown_name(&self) -> Option<&str> {
        self.0.unknown.as_deref()
    }

    /// The known name nearest to the one that was not found.
    #[must_use]
    pub fn near(&self) -> Option<&str> {
        self.0.near.as_deref()
    }

    /// Where in the template's source.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// In a [`ValueTemplate`](super::ValueTemplate): the path of the string that holds the template, for
    /// example `rows.0.title`; empty for the value itself.
    #[must_use]
    pub fn within_path(&self) -> Option<&str> {
        self.0.within.as_deref()
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(near) = &self.0.near {
            write!(f, "; did you mean `{near}`?")?;
        }
        match (&self.0.place, self.0.within.as_deref()) {
            (Some(place), None | Some("")) => {
                write!(f, " (line {}, column {} of the template)", place.line, place.column)
            }
            (Some(place), Some(within)) => {
                write!(f, " (in `{within}`, line {}, column {} of the template)", place.line, place.column)
            }
            (None, Some(within)) if !within.is_empty() => write!(f, " (in `{within}`)"),
            (None, None | Some(_)) => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = "ä\nüb{{ x }}";
        assert_eq!(Place::of(source, 6..13), Place { range: 6..13, line: 2, column: 3 });
        assert_eq!(Place::of(source, 1..99), Place { range: 0..source.len(), line: 1, column: 1 });
    }

    #[test]
    fn the_text_names_place_and_advice() {
        let error = TemplateError::unknown_reference("titel")
            .with_near(Some("title"))
            .at(|| Place::of("{{ titel }}", 3..8))
            .within("rows.0");
        assert_eq!(
            error.to_string(),
            "nothing named `titel` is in scope; did you mean `title`? (in `rows.0`, line 1, column 4 of the template)"
        );
    }
}
