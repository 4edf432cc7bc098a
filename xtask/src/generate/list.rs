//! The list of generators. A new one is one file and one line here.

use super::{Generator, error_index, metric_rules, metrics_page, schemas};

/// JSON Schemas of the public documents.
pub(crate) const SCHEMAS: Generator = schemas::GENERATOR;
/// Prometheus rules and the table of the metrics.
pub(crate) const METRICS: [Generator; 2] = [metric_rules::GENERATOR, metrics_page::GENERATOR];
/// The index of the error codes.
pub(crate) const ERROR_INDEX: Generator = error_index::GENERATOR;

/// Every generator.
pub(crate) const ALL: &[Generator] =
    &[schemas::GENERATOR, metric_rules::GENERATOR, metrics_page::GENERATOR, error_index::GENERATOR];
