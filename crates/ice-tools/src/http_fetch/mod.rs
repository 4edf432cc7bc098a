//! `http_fetch`: asks a granted host over HTTP.
//!
//! A name is resolved here, each of its addresses is checked, and the connection goes to the addresses that were
//! checked and to no others; the same for every redirect. There are no proxies, cookies or compressed bodies.

mod body;
mod exchange;
mod guard;
mod resolver;
mod tool;

#[cfg(test)]
mod tests;

pub use resolver::{HostResolver, SystemResolver};
pub use tool::{Input, Method, Output, tool, tool_with};
