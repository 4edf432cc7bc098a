//! The one place that walks a parsed template. It checks that only what is allowed is there, notes what
//! the template refers to, and writes a new tree for the engine in which every name is a slot and whatever
//! can grow or take long is a call of a metered built-in.

mod arguments;
mod binding;
mod chain;
mod expression;
mod growth;
mod statement;
mod tree;
mod whole;

#[cfg(test)]
pub(super) use expression::MAX_LITERAL;
#[cfg(test)]
pub(super) use growth::{MAX_GROWING, MAX_NESTING};
#[cfg(test)]
pub(super) use statement::MAX_BLOCKS;
pub(super) use whole::{Body, Lowered, Part, expression, is_expression, syntax_error, template};
