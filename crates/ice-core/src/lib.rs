//! The vocabulary and the ports of ice.
//!
//! Blueprints and their check, templates, the registry, the ports for tools, language models, embedders and
//! storage, metric names and error codes live here. Nothing here opens a socket or spawns a process;
//! the only disk touched is the embedded store's.

pub mod alert;
pub mod blueprint;
pub mod budget;
pub mod check;
pub mod diagnostic;
pub mod document;
pub mod embedding;
pub mod error;
pub mod id;
pub mod llm;
pub mod manifest;
pub mod memory;
pub mod mention;
pub mod metrics;
pub mod near;
pub mod network;
pub mod path;
pub mod plain;
pub mod process;
pub mod quantity;
pub mod redact;
pub mod registry;
pub mod schedule;
pub mod schema;
pub mod seal;
pub mod segments;
pub mod store;
pub mod telemetry;
pub mod template;
pub mod text;
pub mod time;
pub mod tools;
pub mod value;
pub mod vault;
pub mod vector;
