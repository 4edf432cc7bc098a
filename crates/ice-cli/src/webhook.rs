//! Alerts over a web hook: posted with the tool that fetches, so that what the run was granted holds for them, too.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ice_core::alert::{Alert, AlertSink};
use ice_core::error::ErrorCode;
use ice_core::tools::{Tool, ToolContext, ToolError};
use ice_core::value::Value;

/// Posts alerts as JSON, with the idempotency key as a header.
pub(crate) struct Webhook {
    /// May hold a secret, and is neither shown nor kept.
    url: String,
    fetch: Arc<dyn Tool>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}

impl Webhook {
    /// Posts to this URL with a tool that takes what `http_fetch` does.
    pub(crate) const fn new(url: String, fetch: Arc<dyn Tool>) -> Self {
        Self { url, fetch }
    }
}

#[async_trait]
impl AlertSink for Webhook {
    async fn send(&self, ctx: &ToolContext, alert: &Alert) -> Result<(), ToolError> {
        let body = Value::from_serialize(alert)
            .map_err(|error| ToolError::failed(ErrorCode::Unknown, error.to_string()))?;
        let headers = Value::map([("idempotency-key", Value::from(alert.idempotency_key.as_str()))]);
        let request = Value::map([
            ("url", Value::from(self.url.as_str())),
            ("method", Value::from("POST")),
            ("headers", headers),
            ("body", body),
        ]);
        let mut sent = self.fetch.call(ctx, request).await;
        if let Err(error) = &mut sent {
            error.message = error.message.replace(&self.url, "the web hook");
        }
        sent.map(drop)
    }
}
