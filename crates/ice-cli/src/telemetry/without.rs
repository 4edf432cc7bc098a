//! What there is of traces in an `ice` that was built without the feature `otel`: nothing.

use ice_core::redact::Redactor;
use tracing::Span;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::Registry;

use super::Settings;
use crate::screen::{Screen, YELLOW, styled};

/// Nobody makes one.
#[derive(Debug)]
pub(super) enum Tracing {}

impl Tracing {
    pub(super) fn begin(
        settings: &Settings,
        _needs_ids: bool,
        _: &Redactor,
        screen: &Screen,
    ) -> Option<Self> {
        if settings.endpoint.is_some() && !settings.is_off {
            let warning = styled(YELLOW, "warning:");
            screen.note(format_args!(
                "{warning} no traces are sent: this `ice` was built without the feature `otel`"
            ));
        }
        None
    }

    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        match *self {}
    }

    pub(super) fn adopt(&self, _: &Span) {
        match *self {}
    }

    pub(super) fn end(self, _: &Screen) {
        match self {}
    }
}
