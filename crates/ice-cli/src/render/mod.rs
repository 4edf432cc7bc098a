//! How things look on a terminal.

pub(crate) mod cage;
pub(crate) mod chat;
pub(crate) mod diagnostics;
pub(crate) mod event;
pub(crate) mod progress;
pub(crate) mod question;
pub(crate) mod run;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod value;
