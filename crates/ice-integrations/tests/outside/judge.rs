//! What is asked of a server that speaks as vendors do.

use async_trait::async_trait;
use ice_core::llm::Usage;
use ice_integrations::llm::Protocol;

use super::case::Case;

/// A server that does as it is told, and remembers what it was asked.
#[async_trait]
pub(crate) trait Judge: Send + Sync {
    fn name(&self) -> &'static str;

    /// Where it speaks a protocol.
    fn base_url(&self, protocol: Protocol) -> String;

    /// Has it do something with the requests for the model of a pair.
    async fn arrange(&self, protocol: Protocol, case: Case);

    /// How often the model of a pair was asked for.
    async fn asked(&self, protocol: Protocol, case: Case) -> usize;

    /// What it says that an answer has spent; what is not said is `None`.
    fn usage(&self, protocol: Protocol, case: Case) -> Option<Usage>;
}

/// The model of a pair: what is arranged for one is no other's.
pub(crate) fn model(protocol: Protocol, case: Case) -> String {
    format!("m-{}-{case:?}", protocol.as_str()).to_lowercase()
}
