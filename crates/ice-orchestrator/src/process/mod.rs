//! Tools that are programs of their own: what describes them, how they are called, and what their ends mean.

mod answer;
mod command;
mod failure;
mod manifest;
mod sink;

pub use command::CommandTool;
pub use manifest::{ManifestGrants, ToolManifest};
