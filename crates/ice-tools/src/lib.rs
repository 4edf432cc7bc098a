//! The built-in tools of ice. Each has a folder of its own with the same files inside: `tool.rs` (what it takes,
//! gives and does) and `tests.rs`.
//!
//! [`all`] makes every tool of this build. Files are reached only within granted folders, by handles of these
//! folders; hosts only if they are granted. `docs/tools.md` describes each tool with an example.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ice_core::time::{SystemClock, SystemIds};
//! use ice_core::tools::ToolContext;
//! use ice_core::value::Value;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tools = ice_tools::all();
//! let tool = tools.iter().find(|tool| tool.spec().name == "regex_extract").ok_or("no such tool")?;
//! let run = ice_core::id::RunId::new(&SystemIds);
//! let context = ToolContext::detached(run, "extract".parse()?, Arc::new(SystemClock));
//! let input = Value::map([("text", Value::from("a=1, b=2")), ("pattern", Value::from(r"=(\d)"))]);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let output = runtime.block_on(tool.call(&context, input))?;
//! assert_eq!(output.get("values").map(ToString::to_string), Some(r#"["1","2"]"#.to_owned()));
//! # Ok(())
//! # }
//! ```

mod access;
#[cfg(feature = "ingest")]
pub mod ingest;
mod list;
pub mod reference;
mod support;

pub mod chunk_text;
#[cfg(feature = "ingest")]
pub mod extract_text;
pub mod hash;
pub mod hello;
#[cfg(feature = "http")]
pub mod http_fetch;
pub mod list_files;
pub mod memory_forget;
pub mod memory_read;
pub mod memory_search;
pub mod memory_summarize;
pub mod memory_write;
pub mod now;
pub mod query_json;
pub mod query_rows;
pub mod read_csv;
pub mod read_json;
pub mod read_text;
pub mod recent_session;
pub mod regex_extract;
pub mod sleep;
pub mod text_stats;
pub mod write_csv;
pub mod write_json;
pub mod write_text;

pub use list::{Entry, all, entries};
pub use support::memory::Remembered;
