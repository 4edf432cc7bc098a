//! Templates and expressions: text with `{{ }}` and `{% %}` over the values of a run.
//!
//! [`Template`] is text; one that is a single expression keeps the value's type. [`Expression`] is the
//! bare form of conditions. [`ValueTemplate`] is a JSON value whose strings are templates. All three are
//! compiled once, tell what they [refer](Reference) to, and are evaluated against a [`Scope`] within
//! [`Limits`].
//!
//! The language is Jinja as minijinja parses and runs it, cut down to what is bounded: before a template
//! is translated, `scan` bounds its nesting and `lower` checks every construct and puts a metered
//! operation of `builtin` in the place of everything that can grow or take long. What is allowed stands
//! in `docs/templates.md`.

mod builtin;
mod compare;
mod engine;
mod error;
mod expression;
pub mod legacy;
mod lower;
mod meter;
mod path;
mod reference;
mod scan;
mod scope;
mod sharing;
#[expect(clippy::module_inception, reason = "the noun of this file is the template itself")]
mod template;
#[cfg(test)]
mod tests;
mod text;
mod value_template;
mod view;

pub use error::{Place, TemplateError};
pub use expression::Expression;
pub use reference::{Reference, Segment};
pub use scope::{Limits, Scope};
pub use template::Template;
pub use value_template::ValueTemplate;
