//! Embedders: [`http`] asks a server, [`local`] runs a model in this process.

#[cfg(feature = "embed-http")]
pub mod http;
#[cfg(feature = "embed-local")]
pub mod local;
