//! Adapters to other people's servers, one folder and one feature each. They implement the ports of `ice-core`; nothing of a
//! vendor's own types is seen from outside.

#[cfg(any(feature = "embed-http", feature = "embed-local"))]
pub mod embed;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(feature = "mcp")]
pub mod mcp;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "llm")]
pub mod secrets;
#[cfg(test)]
#[cfg(any(feature = "mcp", feature = "embed-http"))]
mod seen;
#[cfg(feature = "tokens")]
pub mod tokens;
