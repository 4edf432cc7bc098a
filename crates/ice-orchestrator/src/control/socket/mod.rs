//! The control socket: requests and answers as lines of JSON over a Unix socket in the data folder.
//!
//! Each side begins with a line that names the version of the protocol it speaks. Then the client sends one
//! request per line and reads its answers before it sends the next; after a request for events it only reads.
//! Both sides look at the other's user: only the same user, or root, is talked to.

mod client;
mod error;
mod frame;
mod place;
mod server;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use error::SocketError;
pub use frame::{MAX_LINE_BYTES, PROTOCOL};
pub use place::SOCKET;
pub use server::{MAX_CLIENTS, Server};
