//! Traces over OTLP, HTTP with protobuf: to whom the environment says, as the variables of OpenTelemetry have it.
//!
//! The SDK sends them on a thread of its own that no runtime of ours drives, so with a client that blocks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ice_core::redact::Redactor;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::Registry;

use super::Settings;
use super::address::{is_usable, shown};
use super::sending::{Counting, Sending, Tally};
use crate::screen::{Screen, YELLOW, styled};

/// How long the end of the command waits for what is left to be sent.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// The only protocol that is spoken.
pub(super) const PROTOCOL: &str = "http/protobuf";

/// Traces under way.
#[derive(Debug)]
pub(super) struct Tracing {
    provider: SdkTracerProvider,
    /// Where they are sent, and what became of them.
    sends: Option<(String, Arc<Tally>)>,
    parent: Context,
}

impl Tracing {
    /// Begins with traces, if they are sent somewhere, or if only their ids are needed. What of the settings cannot be used is
    /// told on the screen.
    pub(super) fn begin(
        settings: &Settings,
        needs_ids: bool,
        redactor: &Redactor,
        screen: &Screen,
    ) -> Option<Self> {
        let warn = |text: std::fmt::Arguments<'_>| {
            screen.note(format_args!("{} {text}", styled(YELLOW, "warning:")))
        };
        let endpoint = settings.endpoint.as_ref().filter(|_| !settings.is_off);
        let exporter = endpoint.and_then(|endpoint| match exporter(endpoint, settings) {
            Ok(exporter) => Some((shown(endpoint), exporter)),
            Err(why) => {
                warn(format_args!("no traces are sent: {why}"));
                None
            }
        });
        if exporter.is_none() && !needs_ids {
            return None;
        }
        let parent = parent(settings);
        if parent.is_none() && settings.traceparent.is_some() {
            warn(format_args!("TRACEPARENT is no trace context: a trace of its own begins"));
        }
        let mut builder = SdkTracerProvider::builder().with_resource(resource());
        let mut sends = None;
        if let Some((endpoint, inner)) = exporter {
            let tally = Arc::<Tally>::default();
            let sending = Sending { inner, tally: Arc::clone(&tally), redactor: redactor.clone() };
            let batches = BatchSpanProcessor::builder(sending).build();
            builder = builder.with_span_processor(Counting { inner: batches, tally: Arc::clone(&tally) });
            sends = Some((endpoint, tally));
        }
        Some(Self { provider: builder.build(), sends, parent: parent.unwrap_or_default() })
    }

    /// What makes them of the spans of ice: those of others are not of interest, and the exporter's own would have no end.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let of_ice = filter_fn(|of| of.target().starts_with("ice") && *of.level() <= Level::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("ice"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(of_ice.with_max_level_hint(LevelFilter::INFO))
            .boxed()
    }

    /// Makes a span a part of what the command is a part of.
    pub(super) fn adopt(&self, span: &Span) {
        if self.parent.has_active_span() {
            // It has just been made, so that nothing of it is fixed yet.
            let _adopted = span.set_parent(self.parent.clone());
        }
    }

    /// Sends what is left, for as long as that may take. What was not sent is told once.
    pub(super) fn end(self, screen: &Screen) {
        // What ends from here on is late.
        let ended = self.sends.as_ref().map_or(0, |(_, tally)| tally.ended());
        let closed = self.provider.shutdown_with_timeout(LAST_WAIT);
        let Some((endpoint, tally)) = self.sends else { return };
        let lost = tally.lost(ended);
        let why = match (tally.failure(), closed) {
            (Some(why), _) => why.to_owned(),
            (None, Err(error)) => error.to_string(),
            (None, Ok(())) if lost == 0 => return,
            (None, Ok(())) => {
                "more ended at a time than `OTEL_BSP_MAX_QUEUE_SIZE` lets wait (2048 unless set)".to_owned()
            }
        };
        let warning = styled(YELLOW, "warning:");
        screen.note(format_args!(
            "{warning} not all traces could be sent to {endpoint}: {why}; {lost} of {ended} spans are lost"
        ));
    }
}

/// What the command is a part of; nothing if nobody said so in a way that can be read.
fn parent(settings: &Settings) -> Option<Context> {
    let traceparent = settings.traceparent.clone()?;
    let mut carrier = HashMap::from([("traceparent".to_owned(), traceparent)]);
    carrier.extend(settings.tracestate.clone().map(|state| ("tracestate".to_owned(), state)));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.has_active_span().then_some(context)
}

/// What sends, as the variables of OpenTelemetry say. Why there is none holds nothing of the address: it may have a key in it.
fn exporter(endpoint: &str, settings: &Settings) -> Result<SpanExporter, String> {
    if !is_usable(endpoint) {
        return Err(
            "what OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says is no address of \
                    a collector, such as `http://localhost:4318`"
                .to_owned(),
        );
    }
    if let Some(protocol) = settings.protocol.as_deref().filter(|said| *said != PROTOCOL) {
        return Err(format!("the protocol is `{protocol}`, and only `{PROTOCOL}` is spoken here"));
    }
    let builder = SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        // A command that is over does not wait for a collector that may come back.
        .with_retry_policy(RetryPolicy::recommended().with_max_retries(1));
    builder.build().map_err(|_| {
        "the variables OTEL_EXPORTER_OTLP_… cannot be used: look at the endpoint, the headers and the compression".to_owned()
    })
}

/// Whose traces they are: `ice`, unless the environment says otherwise.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    let builder =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match name {
        Some(name) if !name.starts_with("unknown_service") => builder.build(),
        Some(_) | None => builder.with_service_name("ice").build(),
    }
}

/// The trace that a call is a part of.
#[cfg(feature = "mcp")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current;

#[cfg(feature = "mcp")]
impl ice_integrations::mcp::Traces for Current {
    fn current(&self) -> Option<ice_integrations::mcp::TraceContext> {
        let context = Context::current();
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        Some(ice_integrations::mcp::TraceContext {
            traceparent: carrier.remove("traceparent")?,
            tracestate: carrier.remove("tracestate").filter(|state| !state.is_empty()),
        })
    }
}
