//! Handles on metrics: the only place that calls the `metrics` crate.

use metrics::{Counter, Gauge, Histogram, Label};

use super::{Kind, MetricName, Unit};

fn labels(pairs: &[(&'static str, &str)]) -> Vec<Label> {
    pairs.iter().map(|(key, value)| Label::new(*key, (*value).to_owned())).collect()
}

/// A counter. Keep the handle where it is used often.
#[expect(clippy::disallowed_macros, reason = "this is the one place the raw macros are for")]
pub fn counter(name: MetricName, pairs: &[(&'static str, &str)]) -> Counter {
    debug_assert!(name.kind() == Kind::Counter && name.has_labels(pairs), "{name:?} {pairs:?}");
    metrics::counter!(name.name(), labels(pairs))
}

/// A gauge. Keep the handle where it is used often.
#[expect(clippy::disallowed_macros, reason = "this is the one place the raw macros are for")]
pub fn gauge(name: MetricName, pairs: &[(&'static str, &str)]) -> Gauge {
    debug_assert!(name.kind() == Kind::Gauge && name.has_labels(pairs), "{name:?} {pairs:?}");
    metrics::gauge!(name.name(), labels(pairs))
}

/// A histogram. Keep the handle where it is used often.
#[expect(clippy::disallowed_macros, reason = "this is the one place the raw macros are for")]
pub fn histogram(name: MetricName, pairs: &[(&'static str, &str)]) -> Histogram {
    debug_assert!(name.kind() == Kind::Histogram && name.has_labels(pairs), "{name:?} {pairs:?}");
    metrics::histogram!(name.name(), labels(pairs))
}

/// Tells the installed recorder the kind, unit and help of every metric, and sets those that are always
/// present ([`MetricName::is_always_present`]) to zero. Binaries call it once, after they installed their
/// recorder.
#[expect(clippy::disallowed_macros, reason = "this is the one place the raw macros are for")]
pub fn describe_all() {
    for name in MetricName::ALL {
        let unit = match name.unit() {
            Unit::Count => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
            Unit::Bytes => metrics::Unit::Bytes,
        };
        match name.kind() {
            Kind::Counter => metrics::describe_counter!(name.name(), unit, name.help()),
            Kind::Gauge => metrics::describe_gauge!(name.name(), unit, name.help()),
            Kind::Histogram => metrics::describe_histogram!(name.name(), unit, name.help()),
        }
        if name.is_always_present() {
            counter(*name, &[]).increment(0);
        }
    }
}
