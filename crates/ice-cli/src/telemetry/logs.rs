//! Logs on standard error: for people, or a JSON object a line.

use std::fmt;

use ice_core::time::{Clock, SystemClock};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{EnvFilter, Layer};

use crate::fault::Fault;
use crate::screen::Screen;

/// The word of `ICE_LOG` that asks for JSON.
const JSON: &str = "json";

/// What is logged, and how.
#[derive(Debug)]
pub(super) struct Logs {
    filter: EnvFilter,
    is_json: bool,
}

impl Logs {
    /// Reads `ICE_LOG`: a filter of `tracing`, with `json` before it or alone.
    ///
    /// # Errors
    /// [`Fault`] if it is no filter.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let (is_json, filter) = match text.split_once(',') {
            Some((JSON, filter)) => (true, filter),
            None if text == JSON => (true, "info"),
            Some(_) | None => (false, text),
        };
        // What the library of MCP writes has whole messages in it: who wants that says so.
        let filter = EnvFilter::try_new(format!("rmcp=error,{filter}")).map_err(|error| {
            Fault::usage(format!("ICE_LOG is not a filter: {error}"))
                .help("for example ICE_LOG=info, ICE_LOG=ice=debug or ICE_LOG=json,info")
        })?;
        Ok(Self { filter, is_json })
    }

    /// Whether its lines carry the ids of traces.
    pub(super) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// What writes the lines. Spans have no part in it: their fields would stand before every line.
    pub(super) fn layer(self, screen: &Screen) -> Box<dyn Layer<Registry> + Send + Sync> {
        let filter = self.filter.and(filter_fn(|of| of.is_event()));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        if self.is_json {
            lines.with_ansi(false).event_format(Lines).with_filter(filter).boxed()
        } else {
            lines.with_ansi(screen.colors_on_stderr()).with_filter(filter).boxed()
        }
    }
}

/// Writes an event as a JSON object on a line of its own.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        event.record(&mut Fields(&mut line));
        let of = event.metadata();
        line.insert("timestamp".to_owned(), Value::from(SystemClock.now().to_string()));
        line.insert("level".to_owned(), Value::from(of.level().as_str()));
        line.insert("target".to_owned(), Value::from(of.target()));
        if let Some((trace, span)) = ids() {
            line.insert("trace_id".to_owned(), Value::from(trace));
            line.insert("span_id".to_owned(), Value::from(span));
        }
        writeln!(to, "{}", Value::from(line))
    }
}

/// The ids of the trace and of the span that are entered.
#[cfg(feature = "otel")]
fn ids() -> Option<(String, String)> {
    use opentelemetry::trace::TraceContextExt;

    let context = opentelemetry::Context::current();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| (span.trace_id().to_string(), span.span_id().to_string()))
}

#[cfg(not(feature = "otel"))]
const fn ids() -> Option<(String, String)> {
    None
}

struct Fields<'l>(&'l mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_before_the_filter() {
        let read = |text: &str| Logs::read(text).map(|logs| (logs.is_json, logs.filter.to_string()));
        assert_eq!(read("json").unwrap(), (true, "rmcp=error,info".to_owned()));
        assert_eq!(read("json,ice=debug").unwrap(), (true, "rmcp=error,ice=debug".to_owned()));
        assert!(!read("info,json=debug").unwrap().0);
        assert!(read("ice=loud").is_err());
    }
}
