//! The generated files: JSON Schemas, Prometheus rules, the table of metrics, the index of error codes.
//! One file per generator; each makes its files in memory, so that checking and writing are the same.

mod error_index;
mod generator;
mod list;
mod metric_rules;
mod metrics_page;
mod schemas;

pub(crate) use generator::{GeneratedFile, Generator};
pub(crate) use list::{ALL, ERROR_INDEX, METRICS, SCHEMAS};
pub(crate) use metric_rules::{RULES_FILE, count as rule_count};
