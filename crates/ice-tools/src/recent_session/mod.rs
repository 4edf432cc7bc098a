//! `recent_session`: what was said last in a session.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, Said, tool};
