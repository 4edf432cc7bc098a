//! The filters, tests, functions and operators of templates: each is a function over values that pays the
//! meter for what it visits and builds.

mod call;
mod check;
mod convert;
#[cfg(test)]
mod docs;
mod format;
mod items;
mod json;
mod list;
mod number;
mod operator;
mod order;
mod select;
mod table;
mod text;

pub(super) use call::{Call, absent};
pub(super) use table::{Builtin, Kind, TABLE, find};
