//! Spans that tests look at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// The fields of a span.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// The spans that were seen, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(u64, Fields)>>>);

impl Seen {
    /// Sees every span of this thread until the guard is dropped.
    pub(crate) fn begin() -> (Self, tracing::dispatcher::DefaultGuard) {
        let seen = Self::default();
        let subscriber = tracing::Dispatch::new(Registry::default().with(seen.clone()));
        (seen, tracing::dispatcher::set_default(&subscriber))
    }

    /// The only span of this name.
    pub(crate) fn named(&self, name: &str) -> Fields {
        let all = self.0.lock().unwrap();
        let mut found = all.iter().filter(|(_, fields)| fields.get("otel.name").is_some_and(|of| of == name));
        let (Some((_, fields)), None) = (found.next(), found.next()) else { panic!("{name}: {all:#?}") };
        fields.clone()
    }
}

impl Layer<Registry> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, Registry>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reading(&mut fields));
        self.0.lock().unwrap().push((id.into_u64(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, Registry>) {
        let mut all = self.0.lock().unwrap();
        // Ids are used again: the last one is open.
        let (_, fields) = all.iter_mut().rev().find(|(of, _)| *of == id.into_u64()).unwrap();
        values.record(&mut Reading(fields));
    }
}

struct Reading<'f>(&'f mut Fields);

impl Visit for Reading<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
