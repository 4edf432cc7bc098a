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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use metrics::{Key, KeyName, Metadata, Recorder, SharedString};

    use super::*;

    /// Keeps the names of what was described, and of the counters that were made.
    #[derive(Default)]
    struct Names {
        described: Mutex<BTreeSet<String>>,
        counters: Mutex<BTreeSet<String>>,
    }

    impl Names {
        fn describe(&self, name: &KeyName) {
            self.described.lock().unwrap().insert(name.as_str().to_owned());
        }
    }

    impl Recorder for Names {
        fn describe_counter(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
            self.describe(&name);
        }

        fn describe_gauge(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
            self.describe(&name);
        }

        fn describe_histogram(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
            self.describe(&name);
        }

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.counters.lock().unwrap().insert(key.name().to_owned());
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn describing_makes_what_must_always_be_there() {
        let names = Arc::new(Names::default());
        metrics::with_local_recorder(names.as_ref(), describe_all);
        let all = |wanted: fn(&MetricName) -> bool| -> BTreeSet<String> {
            MetricName::ALL.iter().filter(|name| wanted(name)).map(|name| name.name().to_owned()).collect()
        };
        assert_eq!(*names.described.lock().unwrap(), all(|_| true));
        assert_eq!(*names.counters.lock().unwrap(), all(|name| name.is_always_present()));
    }
}
