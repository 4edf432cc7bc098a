//! Comparing what came of two runs.

use ice_core::value::Value;
use serde_json::Value as Json;

use crate::replay::{Difference, differences};

/// The most fields that are named.
const MAX_FIELDS: usize = 5;

/// Parts of outputs that are not compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignored(Vec<Vec<String>>);

impl Ignored {
    pub(super) fn add(&mut self, path: &str) {
        self.0.push(path.split('.').map(str::to_owned).collect());
    }

    /// What differs in two outputs, in words; nothing if they are the same.
    pub(super) fn differ(&self, before: &Value, after: &Value) -> Option<String> {
        let (mut before, mut after) = (Json::from(before), Json::from(after));
        for path in &self.0 {
            remove(&mut before, path);
            remove(&mut after, path);
        }
        let mut found = Vec::new();
        differences("", &before, &after, MAX_FIELDS, &mut found);
        let told = found
            .iter()
            .map(|Difference { field, before, after }| format!("`{field}` was {before} and is {after}"));
        (!found.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
    }
}

fn remove(value: &mut Json, path: &[String]) {
    let [first, rest @ ..] = path else { return };
    let parts: Vec<&mut Json> = match value {
        Json::Object(fields) if rest.is_empty() => {
            fields.retain(|name, _| name != first && first != "*");
            return;
        }
        Json::Object(fields) => {
            let named = fields.iter_mut().filter(|(name, _)| *name == first || first == "*");
            named.map(|(_, value)| value).collect()
        }
        Json::Array(items) => {
            let named = items.iter_mut().enumerate();
            named.filter(|(at, _)| at.to_string() == *first || first == "*").map(|(_, value)| value).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return,
    };
    for part in parts {
        match rest {
            [] => *part = Json::Null,
            _ => remove(part, rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, before: &str, after: &str, same: bool) {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let mut ignored = Ignored::default();
        ignored.add(path);
        let differ = ignored.differ(&value(before), &value(after));
        assert_eq!(differ.is_none(), same, "{path}: {differ:?}");
    }

    #[test]
    fn what_is_ignored_may_differ_and_nothing_else() {
        check("m.took", r#"{"m": {"took": 1, "n": 2}}"#, r#"{"m": {"took": 3, "n": 2}}"#, true);
        check("m.took", r#"{"m": {"took": 1, "n": 2}}"#, r#"{"m": {"n": 2}}"#, true);
        check("m.took", r#"{"m": {"took": 1, "n": 2}}"#, r#"{"m": {"took": 1, "n": 3}}"#, false);
        check("m.*.t", r#"{"m": [{"t": 1}, {"t": 2}]}"#, r#"{"m": [{"t": 3}, {"t": 4}]}"#, true);
        check("m.1.t", r#"{"m": [{"t": 1}, {"t": 2}]}"#, r#"{"m": [{"t": 3}, {"t": 4}]}"#, false);
        check("m.*", r#"{"m": [1]}"#, r#"{"m": [2]}"#, true);
    }
}
