//! Compiled schemas.

use std::fmt;
use std::sync::Arc;

use jsonschema::PatternOptions;
use jsonschema::error::ValidationErrorKind;

use super::bounds::{self, Extent};
use super::representation::{Fuel, InPlace, Place};
use super::{SchemaError, SchemaViolation, choices};
use crate::value::Value;

/// The most memory one pattern may compile to, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// The most violations that are reported.
const MAX_VIOLATIONS: usize = 20;
/// The most objects and arrays that are opened in search of violations.
const VIOLATION_FUEL: u64 = 200_000;
/// Above this weight only the first violation of a value is looked for: collecting all of them takes memory
/// for each.
const ALL_VIOLATIONS_BYTES: usize = 1 << 20;

/// A compiled JSON Schema. Cheap to clone and to share between threads.
#[derive(Clone)]
pub struct Validator {
    compiled: Arc<jsonschema::Validator<InPlace>>,
    extent: Extent,
}

impl Validator {
    /// Compiles a schema, in the simple or the full form. Draft 2020-12 unless `$schema` names an older one;
    /// `format` is an annotation.
    ///
    /// # Errors
    /// [`SchemaError`] if it breaks the rules of its draft, has a pattern that linear time cannot match
    /// (look-around, back-references), refers to anything outside of itself, or exceeds a bound: 128 levels, 1 MiB,
    /// 10,000 sub-schemas that apply to one place of a value.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        bounds::check_size(schema)?;
        let schema = super::normalize(schema)?;
        let extent = bounds::check_references(&schema)?;
        let compiled = jsonschema::ValidationOptions::<Arc<dyn jsonschema::Retrieve>, InPlace>::default()
            .offline()
            .with_pattern_options(
                PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .build(&serde_json::Value::from(&schema))
            .map_err(|error| SchemaError::invalid(error.instance_path().as_str(), error.to_string()))?;
        Ok(Self { compiled: Arc::new(compiled), extent })
    }

    /// Checks a value in place. Blocks for a time that grows with the value.
    ///
    /// # Errors
    /// The places at which it departs from the schema: at most 20, and the first alone for a value beyond
    /// 1 MiB.
    pub fn validate(&self, value: &Value) -> Result<(), Vec<SchemaViolation>> {
        if let Some(limit) = self.extent.value_depth.filter(|limit| bounds::depth_exceeds(value, *limit)) {
            return Err(vec![whole(format!("the value nests deeper than {limit} levels"))]);
        }
        if self.compiled.is_valid(Place::new(value, None)) {
            return Ok(());
        }
        let fuel = Fuel::new(VIOLATION_FUEL);
        let place = Place::new(value, Some(&fuel));
        let found: Vec<SchemaViolation> = if value.weight(ALL_VIOLATIONS_BYTES) > ALL_VIOLATIONS_BYTES {
            self.compiled.validate(place).err().iter().map(|error| violation(value, error)).collect()
        } else {
            let errors = self.compiled.iter_errors(place);
            errors.take(MAX_VIOLATIONS).map(|error| violation(value, &error)).collect()
        };
        if fuel.get() == 0 || found.is_empty() {
            return Err(vec![whole("the value does not fit the schema".to_owned())]);
        }
        Err(found)
    }
}

fn whole(message: String) -> SchemaViolation {
    SchemaViolation { path: String::new(), message }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

fn violation(value: &Value, error: &jsonschema::ValidationError<'_>) -> SchemaViolation {
    let path = error.instance_path().as_str().to_owned();
    let found = at_pointer(value, &path);
    let message = if let ValidationErrorKind::AdditionalItems { limit } = error.kind() {
        format!("only {limit} items are allowed")
    } else if let Some(message) = choices::describe(error, found) {
        message
    } else {
        let placeholder = found.map_or("the value", |found| match found {
            Value::Null => "null",
            Value::Bool(_) => "the boolean",
            Value::Number(_) => "the number",
            Value::String(_) => "the string",
            Value::List(_) => "the array",
            Value::Map(_) => "the object",
            Value::Blob(_) => "the blob",
        });
        error.masked_with(placeholder).to_string()
    };
    SchemaViolation { path, message }
}

fn at_pointer<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    pointer.split('/').skip(1).try_fold(value, |here, segment| match here {
        Value::Map(entries) => entries.get(&segment.replace("~1", "/").replace("~0", "~")),
        Value::List(items) => items.get(segment.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => None,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
