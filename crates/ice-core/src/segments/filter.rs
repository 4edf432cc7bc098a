//! Which items are wanted.

use super::Attributes;
use super::attributes::{field_term, kind_term, millis, scope_term, tag_term};
use crate::time::Moment;

/// Which items are wanted. What passes is exact, however an index searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of these hold; with none of them, everything passes.
    All(Vec<Self>),
    /// At least one of these holds; with none of them, nothing passes.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// It has this scope, kind, tag or field: made by [`Filter::scope`] and its like.
    Has(Term),
    /// Its time is at or after `from` and before `until`. What has no time does not pass.
    Time {
        /// The earliest; any if left out.
        from: Option<Moment>,
        /// The first that is too late; none if left out.
        until: Option<Moment>,
    },
}

/// A scope, kind, tag or field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term(pub(super) String);

/// A filter is nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a filter is nested more than {} times: write it flatter", Filter::MAX_DEPTH)]
pub struct FilterTooDeep;

impl Default for Filter {
    /// Everything passes.
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Filter {
    /// How deep filters may be nested.
    pub const MAX_DEPTH: usize = 32;

    /// What belongs to a scope.
    #[must_use]
    pub fn scope(scope: &str) -> Self {
        Self::Has(Term(scope_term(scope)))
    }

    /// What is of a kind.
    #[must_use]
    pub fn kind(kind: &str) -> Self {
        Self::Has(Term(kind_term(kind)))
    }

    /// What has a tag.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self::Has(Term(tag_term(tag)))
    }

    /// What has a field of this value.
    #[must_use]
    pub fn field(name: &str, value: &str) -> Self {
        Self::Has(Term(field_term(name, value)))
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(filters) if filters.is_empty())
    }

    /// Refuses what is nested too deeply.
    ///
    /// # Errors
    /// [`FilterTooDeep`] beyond [`Filter::MAX_DEPTH`].
    pub fn check(&self) -> Result<(), FilterTooDeep> {
        // Level by level: what is too deep is not walked down.
        let mut level = vec![self];
        for _ in 0..Self::MAX_DEPTH {
            level = level
                .into_iter()
                .flat_map(|filter| match filter {
                    Self::All(inner) | Self::Any(inner) => inner.as_slice(),
                    Self::Not(inner) => std::slice::from_ref(&**inner),
                    Self::Has(_) | Self::Time { .. } => &[],
                })
                .collect();
            if level.is_empty() {
                return Ok(());
            }
        }
        Err(FilterTooDeep)
    }

    /// Whether attributes pass.
    #[must_use]
    pub fn accepts(&self, attributes: &Attributes) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.accepts(attributes)),
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(attributes)),
            Self::Not(filter) => !filter.accepts(attributes),
            Self::Has(term) => attributes.terms().contains(&term.0),
            Self::Time { from, until } => {
                attributes.time.is_some() && is_within(attributes.millis(), *from, *until)
            }
        }
    }
}

/// Whether a time that is there lies between.
pub(super) fn is_within(time: i64, from: Option<Moment>, until: Option<Moment>) -> bool {
    from.is_none_or(|from| time >= millis(Some(from))) && until.is_none_or(|until| time < millis(Some(until)))
}
