//! `query_rows`: filters, groups, sorts and cuts rows.

mod aggregate;
mod condition;
mod group;
mod held;
mod kept;
mod order;
mod rows;
mod tool;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Function};
pub use condition::{Condition, Operator};
pub use order::SortKey;
pub use tool::{Input, Output, tool};
