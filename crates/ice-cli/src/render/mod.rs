//! How things look on a terminal.

pub(crate) mod diagnostics;
pub(crate) mod table;
