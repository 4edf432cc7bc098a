//! Logs on standard error: for people, or a JSON object a line.

use std::fmt;

use ice_core::redact::Redactor;
use ice_core::time::{Clock, SystemClock};
use ice_core::value;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
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
    /// What is written goes through the redactor before.
    pub(super) fn layer(
        self,
        redactor: &Redactor,
        screen: &Screen,
    ) -> Box<dyn Layer<Registry> + Send + Sync> {
        let filter = self.filter.and(filter_fn(|of| of.is_event()));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        if self.is_json {
            lines.with_ansi(false).event_format(Lines(redactor.clone())).with_filter(filter).boxed()
        } else {
            let lines = lines.fmt_fields(Plain(redactor.clone()));
            lines.with_ansi(screen.colors_on_stderr()).with_filter(filter).boxed()
        }
    }
}

/// Writes an event as a JSON object on a line of its own.
struct Lines(Redactor);

/// Writes the fields of an event behind its message, as a person reads them.
struct Plain(Redactor);

impl<'w> FormatFields<'w> for Plain {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Map::new();
        fields.record(&mut Fields(&mut line));
        let mut line = seen(&self.0, line);
        let message = line.remove("message");
        if let Some(message) = &message {
            write!(to, "{}", plain(message))?;
        }
        for (at, (name, value)) in line.iter().enumerate() {
            let space = if at > 0 || message.is_some() { " " } else { "" };
            write!(to, "{space}{name}={}", plain(value))?;
        }
        Ok(())
    }
}

/// A value as it stands in a line for people.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), |text| text.escape_debug().to_string().replace("\\\"", "\""))
}

/// The fields of an event as they may be seen: its texts, with their names as words before them. What is an id stays.
fn seen(redactor: &Redactor, fields: Map<String, Value>) -> Map<String, Value> {
    let text = |(name, value): (String, Value)| {
        let clean = match &value {
            Value::String(text) if !is_id(text) => {
                let named = value::Value::map([(name.as_str(), value::Value::from(text.as_str()))]);
                let clean = redactor.value(&named);
                clean.and_then(|clean| Some(Value::from(clean.get(&name)?.as_str()?)))
            }
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        (name, clean.unwrap_or(value))
    };
    fields.into_iter().map(text).collect()
}

/// Whether a text is an id or a hash, which tells of nobody.
pub(super) fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    matches!(text.len(), 36 | 64)
        && text.bytes().all(is_digit)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        event.record(&mut Fields(&mut line));
        line = seen(&self.0, line);
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
    fn fields_are_shown_as_the_policy_lets_them_be() {
        let redactor = Redactor::preset(ice_core::redact::Preset::Strict).unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let id = "0192f0c1-2f6e-7c3a-9a51-0c8f5d3f2a10";
        let fields =
            [field("message", "sent to ada@example.org"), field("password", "hunter2!x"), field("run", id)];
        let seen = seen(&redactor, fields.into_iter().collect());
        assert_eq!(seen["message"], "sent to [redacted: email]");
        assert_eq!(
            (&seen["password"], &seen["run"]),
            (&Value::from("[redacted: password]"), &Value::from(id))
        );
    }

    #[test]
    fn json_is_asked_for_before_the_filter() {
        let read = |text: &str| Logs::read(text).map(|logs| (logs.is_json, logs.filter.to_string()));
        assert_eq!(read("json").unwrap(), (true, "rmcp=error,info".to_owned()));
        assert_eq!(read("json,ice=debug").unwrap(), (true, "rmcp=error,ice=debug".to_owned()));
        assert!(!read("info,json=debug").unwrap().0);
        assert!(read("ice=loud").is_err());
    }
}
