//! Spans on their way out: how many ended, how many were sent, and why others were not.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ice_core::redact::Redactor;
use ice_core::telemetry::names;
use ice_core::value;
use opentelemetry::trace::Status;
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::logs::is_id;

/// What became of spans.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ended: AtomicU64,
    sent: AtomicU64,
    /// Why sending came to nothing the first time it did.
    failure: OnceLock<String>,
}

impl Tally {
    /// How many have ended that are to be sent.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// How many of these were not sent.
    pub(super) fn lost(&self, of: u64) -> u64 {
        of.saturating_sub(self.sent.load(Ordering::Relaxed))
    }

    /// Why spans could not be sent, if that is so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}

/// Counts the spans that end: the queue behind it drops what it has no room for, and says so to nobody.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) inner: BatchSpanProcessor,
    pub(super) tally: Arc<Tally>,
}

impl SpanProcessor for Counting {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.tally.ended.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Sends spans, and remembers why that came to nothing.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) inner: SpanExporter,
    pub(super) tally: Arc<Tally>,
    /// What is sent goes through it.
    pub(super) redactor: Redactor,
}

impl opentelemetry_sdk::trace::SpanExporter for Sending {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            redact(&self.redactor, span);
            span.attributes.iter_mut().for_each(list);
        }
        let spans = batch.len() as u64;
        let sent = self.inner.export(batch).await;
        match &sent {
            Ok(()) => drop(self.tally.sent.fetch_add(spans, Ordering::Relaxed)),
            Err(error) => drop(self.tally.failure.get_or_init(|| {
                tracing::warn!(%error, "traces could not be sent");
                error.to_string()
            })),
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Leaves of a span what may be seen.
fn redact(redactor: &Redactor, span: &mut SpanData) {
    if let Cow::Owned(clean) = redactor.text(&span.name) {
        span.name = clean.into();
    }
    let events = span.events.events.iter_mut().flat_map(|event| &mut event.attributes);
    for attribute in span.attributes.iter_mut().chain(events) {
        if let Value::String(text) = &attribute.value
            && let Some(clean) = seen(redactor, attribute.key.as_str(), text.as_str())
        {
            attribute.value = clean.into();
        }
    }
    for event in &mut span.events.events {
        if let Cow::Owned(clean) = redactor.text(&event.name) {
            event.name = clean.into();
        }
    }
    if let Status::Error { description } = &mut span.status
        && let Cow::Owned(clean) = redactor.text(description)
    {
        *description = clean.into();
    }
}

/// A text as it may be seen, if that is another. What is JSON stays JSON.
fn seen(redactor: &Redactor, key: &str, text: &str) -> Option<String> {
    if is_id(text) {
        return None;
    }
    if text.starts_with(['[', '{'])
        && let Ok(json) = serde_json::from_str::<value::Value>(text)
    {
        return redactor.value(&json).map(|clean| clean.to_string());
    }
    let word = key.rsplit('.').next().unwrap_or(key);
    let named = value::Value::map([(word, value::Value::from(text))]);
    Some(redactor.value(&named)?.get(word)?.as_str()?.to_owned())
}

/// Makes a list of what fields of spans can only hold as text.
fn list(attribute: &mut KeyValue) {
    if names::LISTS.contains(&attribute.key.as_str())
        && let Ok(items) = serde_json::from_str::<Vec<String>>(&attribute.value.as_str())
    {
        let items = items.into_iter().map(Into::into).collect();
        attribute.value = Value::Array(Array::String(items));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_may_be_seen() {
        let redactor = Redactor::preset(ice_core::redact::Preset::Strict).unwrap();
        let seen = |key: &str, text: &str| seen(&redactor, key, text);
        assert_eq!(seen("a.message", "to ada@example.org").as_deref(), Some("to [redacted: email]"));
        let json = r#"[{"content":"say \"ada@example.org\""}]"#;
        assert_eq!(seen("a", json).as_deref(), Some(r#"[{"content":"say \"[redacted: email]\""}]"#));
        assert_eq!(seen("ice.run.id", "0192f0c1-2f6e-7c3a-9a51-0c8f5d3f2a10"), None);
        assert_eq!(seen("gen_ai.request.model", "gpt-4.1-mini"), None);
    }

    #[test]
    fn texts_that_are_lists_become_lists() {
        let mut attribute = KeyValue::new(names::RESPONSE_FINISH_REASONS, "[\"stop\"]");
        list(&mut attribute);
        assert_eq!(attribute.value, Value::Array(Array::String(vec!["stop".into()])));
        let mut other = KeyValue::new(names::REQUEST_MODEL, "[\"m\"]");
        list(&mut other);
        assert_eq!(other.value, Value::from("[\"m\"]"));
    }
}
