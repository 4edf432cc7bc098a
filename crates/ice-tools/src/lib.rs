//! The built-in tools of ice. Each has a folder of its own with the same files inside: `tool.rs` (what it takes,
//! gives and does) and `tests.rs`.
//!
//! [`all`] makes every tool of this build. Files are reached only within granted folders, by handles of these
//! folders; hosts only if they are granted. `docs/tools.md` describes each tool with an example.

mod access;
mod list;
mod support;

pub mod chunk_text;
pub mod hash;
pub mod hello;
pub mod list_files;
pub mod now;
pub mod query_json;
pub mod query_rows;
pub mod read_csv;
pub mod read_json;
pub mod read_text;
pub mod regex_extract;
pub mod sleep;
pub mod text_stats;
pub mod write_csv;
pub mod write_json;
pub mod write_text;

pub use list::all;
