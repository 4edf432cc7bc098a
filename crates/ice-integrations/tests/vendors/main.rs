//! Every vendor against a server in this process that speaks its protocol: what is asked, what is answered, what goes wrong.

#![cfg(feature = "llm")]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod server;
#[cfg(test)]
mod wire;

use std::sync::Arc;

use futures::StreamExt;
use ice_core::llm::{Chunk, LlmContext, LlmError, LlmProvider, Request, Response};
use ice_core::process::SecretRef;
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Protocol, ProviderSettings, Vendor};
use ice_integrations::secrets::{SecretError, SecretSource};
use secrecy::SecretString;
use server::Server;

/// The key that every vendor is given.
const KEY: &str = "sk-test-0123456789";

#[derive(Debug)]
struct OneKey;

impl SecretSource for OneKey {
    fn secret(&self, _reference: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(SecretString::from(KEY))
    }
}

#[cfg(test)]
fn settings(protocol: Protocol, server: &Server) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(server.url().parse().unwrap()),
        api_key: Some(SecretRef::new("env:KEY")),
        ..ProviderSettings::of(protocol)
    }
}

#[cfg(test)]
fn vendor(protocol: Protocol, server: &Server) -> Vendor {
    let prices = Arc::new(PriceTable::built_in());
    Vendor::new(protocol.as_str(), settings(protocol, server), Arc::new(OneKey), prices)
}

/// What a stream gives: the deltas of text, those of reasoning, and how it ends.
#[cfg(test)]
async fn heard(
    provider: &dyn LlmProvider,
    ctx: &LlmContext,
    request: Request,
) -> (String, String, Result<Response, LlmError>) {
    let (mut text, mut reasoning) = (String::new(), String::new());
    let mut chunks = match provider.stream(ctx, request).await {
        Ok(chunks) => chunks,
        Err(error) => return (text, reasoning, Err(error)),
    };
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(Chunk::Text { delta }) => text.push_str(&delta),
            Ok(Chunk::Reasoning { delta }) => reasoning.push_str(&delta),
            Ok(Chunk::Done { response }) => {
                assert!(chunks.next().await.is_none(), "nothing comes after the end");
                return (text, reasoning, Ok(response));
            }
            Err(error) => {
                assert!(chunks.next().await.is_none(), "nothing comes after an error");
                return (text, reasoning, Err(error));
            }
        }
    }
    panic!("the stream has no end")
}
