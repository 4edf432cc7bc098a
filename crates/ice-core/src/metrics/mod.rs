//! Every metric ice emits: one enum with kind, unit, labels, help and alert. Nothing else names metrics.
//!
//! The Prometheus rules in `docs/generated/` are made from this enum. Only binaries install a recorder;
//! without one every call here does nothing.

mod buckets;
mod emit;
mod name;

pub use emit::{counter, describe_all, gauge, histogram};
pub use name::{Alert, Kind, MetricName, Severity, Unit};
