//! The tool that `ice new tool` writes compiles, and its own tests pass: it is compiled here as it is.

#[path = "../templates/tool/lib.rs"]
mod my_tool;
