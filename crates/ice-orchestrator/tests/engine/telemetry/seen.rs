//! Keeps the spans that are made on this thread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// A span as it was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) fields: BTreeMap<&'static str, String>,
    parent: Option<usize>,
    pub(crate) closed: bool,
}

impl Span {
    pub(crate) fn name(&self) -> &str {
        self.get("otel.name")
    }

    /// A field, empty if it was not recorded.
    pub(crate) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

/// The spans that were seen, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Span>>>);

/// The number of a span, kept with it.
struct Number(usize);

impl Seen {
    /// Sees every span of this thread until the guard is dropped.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        let seen = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
        (seen, guard)
    }

    pub(crate) fn all(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }

    /// The only span of this name.
    pub(crate) fn named(&self, name: &str) -> Span {
        let all = self.all();
        let mut found = all.iter().filter(|span| span.name() == name);
        let (Some(span), None) = (found.next(), found.next()) else { panic!("{name}: {}", self.tree()) };
        span.clone()
    }

    /// The names of all spans, each below the one that it is within.
    pub(crate) fn tree(&self) -> String {
        let all = self.all();
        let mut text = String::new();
        for (at, span) in all.iter().enumerate() {
            if span.parent.is_none() {
                write(&all, at, 0, &mut text);
            }
        }
        text
    }
}

fn write(all: &[Span], at: usize, depth: usize, text: &mut String) {
    text.push_str(&format!("{}{}\n", "  ".repeat(depth), all[at].name()));
    for (child, _) in all.iter().enumerate().filter(|(_, span)| span.parent == Some(at)) {
        write(all, child, depth + 1, text);
    }
}

impl Layer<Registry> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, Registry>) {
        let of = ctx.span(id).unwrap();
        let parent = of.parent().map(|parent| parent.extensions().get::<Number>().unwrap().0);
        let mut span = Span { parent, ..Span::default() };
        attributes.record(&mut Fields(&mut span.fields));
        let mut all = self.0.lock().unwrap();
        of.extensions_mut().insert(Number(all.len()));
        all.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, Registry>) {
        let number = ctx.span(id).unwrap().extensions().get::<Number>().unwrap().0;
        values.record(&mut Fields(&mut self.0.lock().unwrap()[number].fields));
    }

    fn on_close(&self, id: Id, ctx: Context<'_, Registry>) {
        let number = ctx.span(&id).unwrap().extensions().get::<Number>().unwrap().0;
        self.0.lock().unwrap()[number].closed = true;
    }
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
