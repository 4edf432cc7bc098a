//! A provider as data: what its server speaks, where it is, where its key is kept, and how it is treated.

use std::num::NonZeroU32;
use std::time::Duration;

use ice_core::process::SecretRef;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Protocol;

/// A provider as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// What its server speaks.
    pub protocol: Protocol,
    /// Where its server is; where the inventor of the protocol serves it, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// Where its key is kept, such as `env:VARIABLE` or `file:PATH`; sent without a key if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// The models it has; any name is taken if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// How it is treated.
    #[serde(default)]
    pub limits: Limits,
}

impl ProviderSettings {
    /// The provider that a protocol is named after, with its key in the usual variables.
    #[must_use]
    pub fn of(protocol: Protocol) -> Self {
        let variables = protocol.key_variables().join("|");
        let api_key = (!variables.is_empty()).then(|| SecretRef::new(format!("env:{variables}")));
        Self { protocol, base_url: None, api_key, models: None, limits: Limits::default() }
    }

    /// Where its server is, with a slash at the end.
    #[must_use]
    pub fn address(&self) -> String {
        let address = self.base_url.as_ref().map_or(self.protocol.base_url(), Url::as_str);
        if address.ends_with('/') { address.to_owned() } else { format!("{address}/") }
    }
}

/// How a provider is treated. The counts hold for all calls of this process together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest it may take to connect, in seconds.
    pub connect_seconds: NonZeroU32,
    /// The longest it may take until something of the answer is there, in seconds.
    pub first_token_seconds: NonZeroU32,
    /// The longest pause within an answer, in seconds.
    pub between_tokens_seconds: NonZeroU32,
    /// The longest a call may take with all that belongs to it, in seconds.
    pub whole_seconds: NonZeroU32,
    /// Calls under way at once; further ones wait.
    pub concurrency: NonZeroU32,
    /// Calls begun within a minute; no bound if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens asked for within a minute, as estimated; no bound if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU32>,
    /// How often a call that failed for a passing reason is repeated, if the request says nothing.
    pub retries: u32,
    /// Repetitions within a minute, of all calls and by all who repeat; beyond it calls fail at once.
    pub retries_per_minute: NonZeroU32,
    /// Of so many calls in a row half must fail for passing reasons for the provider to be left alone for a while.
    pub breaker_calls: NonZeroU32,
    /// How long it is left alone then, in seconds.
    pub breaker_seconds: NonZeroU32,
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_seconds: count(10),
            first_token_seconds: count(300),
            between_tokens_seconds: count(120),
            whole_seconds: count(1_800),
            concurrency: count(64),
            requests_per_minute: None,
            tokens_per_minute: None,
            retries: 2,
            retries_per_minute: count(60),
            breaker_calls: count(20),
            breaker_seconds: count(15),
        }
    }
}

/// Seconds as a span.
pub(super) const fn seconds(number: NonZeroU32) -> Duration {
    Duration::from_secs(number.get() as u64)
}
