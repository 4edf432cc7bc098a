//! The tool that `ice new tool` writes compiles, and its own tests pass: it is compiled here as it is.

#[expect(unreachable_pub, reason = "it is the root of a crate of its own")]
#[path = "../templates/tool/lib.rs"]
mod my_tool;
