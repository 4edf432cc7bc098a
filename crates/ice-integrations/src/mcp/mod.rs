//! MCP servers: their tools, resources and prompts as tools of ice.
//!
//! A [`ServerManifest`] names a server, which is a program in a cage or reached over HTTP. A [`Server`] is connected with when
//! it is first needed; [`Server::tools`] gives its tools for a registry. What a server says of itself is believed in nothing
//! that matters: its tools are irreversible unless the manifest says otherwise, and everything that it sends is bounded.
//!
//! ```no_run
//! use ice_core::registry::Registry;
//! use ice_integrations::mcp::{Outside, Server, ServerManifest};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example(manifest: ServerManifest, outside: Outside) -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new(manifest, outside);
//! let mut registry = Registry::default();
//! for tool in server.tools(&CancellationToken::new()).await?.tools {
//!     registry.tools.register(tool)?;
//! }
//! # Ok(())
//! # }
//! ```

mod auth;
mod bounded;
mod connector;
mod content;
mod error;
mod failure;
mod fate;
mod handler;
#[cfg(unix)]
mod kept;
mod loopback;
mod manifest;
mod names;
mod offer;
mod outside;
mod ports;
mod program;
mod remote;
mod server;
mod session;
mod telemetry;
#[cfg(test)]
mod tests;
mod tools;
mod watched;

pub use error::Error;
#[cfg(unix)]
pub use kept::FileTokens;
pub use loopback::Loopback;
pub use manifest::{
    Endpoint, OAuth, Patience, Program, Protocol, Remote, Secret, ServerManifest, ToolOverride,
};
pub use offer::{Named, Offer, OfferedTool};
pub use outside::Outside;
pub use ports::{Answer, People, Question, SecretText, Secrets, Tokens, TraceContext, Traces, Visit};
pub use server::{Server, Tools};
pub use tools::{McpTool, PromptTool, ResourceTool};

use outside::secret;
