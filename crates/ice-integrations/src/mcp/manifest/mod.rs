//! The manifest of an MCP server: a file that names it, says how it is reached, and what may be asked of it.

mod model;
mod read;
#[cfg(test)]
mod tests;

pub use model::{Endpoint, OAuth, Patience, Program, Protocol, Remote, Secret, ServerManifest, ToolOverride};
