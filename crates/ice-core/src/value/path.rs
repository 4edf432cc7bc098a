//! Dotted paths into values: `rows.0.name`, with `.` for the whole value.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Value;

/// A dotted path into a value. Numeric segments index lists (and name keys in maps); `.` is the whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ValuePath(Arc<[Arc<str>]>);

/// What a path asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{segment}` (segment {position} of `{path}`) was not found in {found}")]
pub struct PathNotFound {
    /// The whole path.
    pub path: String,
    /// The segment that was not found.
    pub segment: String,
    /// Its position, from 1.
    pub position: usize,
    /// What stood there instead, for example `an object with the keys a, b`.
    pub found: String,
}

impl PathNotFound {
    /// The same, seen from around the value that `root` names: that name begins the path.
    #[must_use]
    pub fn below(self, root: &str) -> Self {
        Self { path: format!("{root}.{}", self.path), position: self.position + 1, ..self }
    }
}

impl ValuePath {
    /// The segments; none for the whole value.
    #[must_use]
    pub fn segments(&self) -> &[Arc<str>] {
        &self.0
    }

    /// Follows the path. Attributes of null are null, so that the output of a skipped node reads as null
    /// at every depth.
    ///
    /// # Errors
    /// [`PathNotFound`], naming the first segment that has no value.
    pub fn follow<'v>(&self, value: &'v Value) -> Result<&'v Value, PathNotFound> {
        let mut here = value;
        for (index, segment) in self.0.iter().enumerate() {
            let next = match here {
                Value::Null => return Ok(&Value::Null),
                Value::Map(entries) => entries.get(segment),
                Value::List(items) => segment.parse::<usize>().ok().and_then(|at| items.get(at)),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => None,
            };
            here = next.ok_or_else(|| PathNotFound {
                path: self.to_string(),
                segment: (**segment).to_owned(),
                position: index + 1,
                found: describe(here),
            })?;
        }
        Ok(here)
    }
}

/// What stands somewhere, for a message: `an object with the keys a, b`, `a string`.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Map(entries) if entries.is_empty() => "an empty object".to_owned(),
        Value::Map(entries) => {
            let names: Vec<&str> = entries.keys().take(8).map(|key| &**key).collect();
            let more = if entries.len() > names.len() { ", …" } else { "" };
            format!("an object with the keys {}{more}", names.join(", "))
        }
        Value::List(items) => format!("an array of {} items", items.len()),
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Blob(_) => "a blob".to_owned(),
    }
}

impl FromStr for ValuePath {
    type Err = std::convert::Infallible;

    /// Every text is a path: `.` and the empty text are the whole value.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text == "." {
            return Ok(Self::default());
        }
        Ok(Self(text.split('.').map(Arc::from).collect()))
    }
}

impl From<&str> for ValuePath {
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_default()
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str(".") } else { f.write_str(&self.0.join(".")) }
    }
}

impl Serialize for ValuePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValuePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(&*std::borrow::Cow::<'de, str>::deserialize(deserializer)?))
    }
}

impl schemars::JsonSchema for ValuePath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ValuePath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Dotted path; `.` is the whole value." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Result<&str, &str>) {
        let value: Value =
            serde_json::from_str(r#"{"rows":[{"name":"a"},{"name":"b"}],"none":null}"#).unwrap();
        let found = ValuePath::from(path).follow(&value).map(ToString::to_string).map_err(|e| e.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{path}");
    }

    #[test]
    fn paths_lead_through_maps_and_lists() {
        check("rows.1.name", Ok("\"b\""));
        check("rows.0", Ok(r#"{"name":"a"}"#));
        check("none.deep.er", Ok("null"));
        check("rows.2", Err("`2` (segment 2 of `rows.2`) was not found in an array of 2 items"));
        check("row", Err("`row` (segment 1 of `row`) was not found in an object with the keys rows, none"));
        assert_eq!(ValuePath::from(".").follow(&Value::from(1)).unwrap(), &Value::from(1));
    }

    #[test]
    fn an_error_names_the_root_that_it_is_told_of() {
        let error = ValuePath::from("x").follow(&Value::empty_map()).unwrap_err();
        assert_eq!(
            error.below("inputs").to_string(),
            "`x` (segment 2 of `inputs.x`) was not found in an empty object"
        );
    }
}
