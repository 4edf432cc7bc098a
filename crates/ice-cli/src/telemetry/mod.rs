//! Logs and traces of the command: which are wanted, where they go, and their end.

#[cfg(feature = "otel")]
mod address;
mod logs;
#[cfg(feature = "otel")]
mod otlp;
#[cfg(feature = "otel")]
mod sending;
#[cfg(not(feature = "otel"))]
mod without;

use ice_core::telemetry::{MessageContent, names};
use secrecy::{ExposeSecret, SecretString};
use tracing::Span;
use tracing::field::Empty;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

#[cfg(all(feature = "otel", feature = "mcp"))]
pub(crate) use otlp::Current;

#[cfg(feature = "otel")]
use self::otlp::Tracing;
#[cfg(not(feature = "otel"))]
use self::without::Tracing;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::screen::Screen;
use crate::toolbox::Toolbox;

/// What is handed to the one subscriber of the process.
type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// What the environment says of telemetry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT`: where traces are sent. None are without.
    pub(crate) endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL`.
    #[cfg(feature = "otel")]
    pub(crate) protocol: Option<String>,
    /// `OTEL_SDK_DISABLED`, or `OTEL_TRACES_EXPORTER=none`.
    pub(crate) is_off: bool,
    /// `TRACEPARENT`: what the command is a part of.
    #[cfg(feature = "otel")]
    pub(crate) traceparent: Option<String>,
    /// `TRACESTATE`.
    #[cfg(feature = "otel")]
    pub(crate) tracestate: Option<String>,
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    pub(crate) content: MessageContent,
    /// `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, in which keys of collectors are.
    headers: Vec<SecretString>,
}

impl Settings {
    /// Reads the variables that `get` knows.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let of_traces = |name: &str| {
            get(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| get(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let is = |name: &str, words: &[&str]| {
            get(name).is_some_and(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
        };
        let captures = ["true", "span_only", "span_and_event"];
        let content = if is("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", &captures) {
            MessageContent::Captured
        } else {
            MessageContent::Omitted
        };
        Self {
            endpoint: of_traces("ENDPOINT"),
            #[cfg(feature = "otel")]
            protocol: of_traces("PROTOCOL"),
            is_off: is("OTEL_SDK_DISABLED", &["true"]) || is("OTEL_TRACES_EXPORTER", &["none"]),
            #[cfg(feature = "otel")]
            traceparent: get("TRACEPARENT"),
            #[cfg(feature = "otel")]
            tracestate: get("TRACESTATE"),
            content,
            headers: ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]
                .into_iter()
                .filter_map(|name| get(name).map(SecretString::from))
                .collect(),
        }
    }

    /// The values of headers, which are secrets, and what of them stands behind a word such as `Bearer`.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let headers = self.headers.iter().flat_map(|headers| headers.expose_secret().split(','));
        let values = headers.filter_map(|header| header.split_once('=')).flat_map(|(_, value)| {
            let decoded = percent_decoded(value.trim());
            let credential = decoded.split_once(' ').map(|(_, rest)| rest.trim().to_owned());
            [Some(value.trim().to_owned()), Some(decoded), credential]
        });
        values.flatten().collect()
    }
}

/// A text of which `%41` is `A`.
fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(feature = "otel", feature = "mcp"))]
impl Settings {
    /// Whether traces are sent somewhere, as far as the settings say.
    pub(crate) fn sends(&self) -> bool {
        let is_spoken = self.protocol.as_deref().is_none_or(|said| said == otlp::PROTOCOL);
        !self.is_off && is_spoken && self.endpoint.as_deref().is_some_and(address::is_usable)
    }
}

/// Logs and traces under way.
#[derive(Debug)]
pub(crate) struct Telemetry {
    traces: Option<Tracing>,
}

impl Telemetry {
    /// Begins with what is wanted. Traces that cannot be sent are a warning and nothing else.
    ///
    /// # Errors
    /// [`Fault`] if `ICE_LOG` is no filter, or what may be seen cannot be told.
    pub(crate) fn begin(
        environment: &Environment,
        toolbox: &Toolbox,
        screen: &Screen,
    ) -> Result<Self, Fault> {
        let logs = environment.log.as_deref().map(logs::Logs::read).transpose()?;
        let needs_ids = logs.as_ref().is_some_and(logs::Logs::is_json);
        if logs.is_none() && environment.telemetry.endpoint.is_none() {
            return Ok(Self { traces: None });
        }
        let redactor = toolbox.redaction()?.views.redactor();
        let traces = Tracing::begin(&environment.telemetry, needs_ids, redactor, screen);
        let mut layers = Layers::new();
        layers.extend(traces.as_ref().map(Tracing::layer));
        layers.extend(logs.map(|logs| logs.layer(redactor, screen)));
        if !layers.is_empty() {
            tracing_subscriber::registry().with(layers).init();
        }
        Ok(Self { traces })
    }

    /// Does something as a part of what the environment says it is a part of, under a span of its own if it is told one's name.
    pub(crate) fn within(&self, name: Option<&str>, work: impl FnOnce() -> Exit) -> Exit {
        let (Some(traces), Some(name)) = (&self.traces, name) else { return work() };
        let span = tracing::info_span!(
            "command",
            { names::SPAN_NAME } = name,
            { names::SPAN_KIND } = names::INTERNAL,
            { names::STATUS_CODE } = Empty,
            { names::PROCESS_EXECUTABLE_NAME } = "ice",
            { names::PROCESS_EXIT_CODE } = Empty,
        );
        traces.adopt(&span);
        let exit = span.in_scope(work);
        tell(&span, exit);
        exit
    }

    /// Sends what is left, for as long as that may take, and says so if it could not be sent.
    pub(crate) fn end(self, screen: &Screen) {
        if let Some(traces) = self.traces {
            traces.end(screen);
        }
    }
}

fn tell(span: &Span, exit: Exit) {
    span.record(names::PROCESS_EXIT_CODE, i64::from(exit.number()));
    if !matches!(exit, Exit::Succeeded | Exit::Waiting | Exit::Cancelled) {
        span.record(names::STATUS_CODE, names::ERROR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(known: &[(&str, &str)]) -> Settings {
        let get = |name: &str| known.iter().find(|(of, _)| *of == name).map(|(_, said)| (*said).to_owned());
        Settings::read(get)
    }

    #[test]
    fn what_is_said_of_traces_goes_before_what_is_said_of_all() {
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces"),
        ]);
        assert_eq!(settings.endpoint.as_deref(), Some("http://traces"));
        assert!(!settings.is_off && !settings.content.is_captured());
    }

    #[test]
    fn headers_are_secrets_in_every_form() {
        let settings =
            read(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret-s3cret,x-key=other-key")]);
        let secrets = settings.secrets();
        for secret in ["Bearer%20s3cret-s3cret", "Bearer s3cret-s3cret", "s3cret-s3cret", "other-key"] {
            assert!(secrets.iter().any(|one| one == secret), "{secret}");
        }
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn only_clear_words_turn_something_on_or_off() {
        const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
        for (said, is_captured) in
            [("true", true), ("TRUE", true), ("span_only", true), ("false", false), ("1", false)]
        {
            assert_eq!(read(&[(CAPTURE, said)]).content.is_captured(), is_captured, "{said}");
        }
        assert!(
            read(&[("OTEL_SDK_DISABLED", "True")]).is_off && read(&[("OTEL_TRACES_EXPORTER", "none")]).is_off
        );
        assert!(!read(&[("OTEL_SDK_DISABLED", "no"), ("OTEL_TRACES_EXPORTER", "otlp")]).is_off);
    }
}
