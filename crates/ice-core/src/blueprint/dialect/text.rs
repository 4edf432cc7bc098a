//! Texts of the first dialect: `{name}` placeholders and bare names of inputs.

use std::collections::HashSet;
use std::sync::Arc;

use crate::template::legacy;
use crate::value::Value;

/// The names in a document of the first dialect that are not names of inputs.
#[derive(Debug, Default)]
pub(crate) struct LegacyNames {
    taken: HashSet<String>,
    /// The inputs the document declares, if it does.
    declared: Option<HashSet<String>>,
}

impl LegacyNames {
    /// Gathers the names: ids of nodes, input mappings, loop variables.
    pub(crate) fn of(document: &Value) -> Self {
        let mut taken: HashSet<String> =
            ["inputs", "nodes", "item", "loop_index", "branch_index", "condition_result"]
                .map(str::to_owned)
                .into();
        gather(document.get("nodes").unwrap_or(&Value::Null), &mut taken);
        let properties = document.get("input_schema").and_then(|schema| schema.get("properties"));
        let declared = properties.and_then(Value::as_map);
        let declared = declared.map(|names| names.keys().map(|name| (**name).to_owned()).collect());
        Self { taken, declared }
    }

    /// Whether a bare name means an input.
    fn is_input(&self, name: &str) -> bool {
        !self.taken.contains(name) && self.declared.as_ref().is_none_or(|names| names.contains(name))
    }

    /// A template in the present dialect.
    pub(crate) fn template(&self, source: &str) -> String {
        legacy::upgrade(source, &|name| self.is_input(name))
    }

    /// An expression in the present dialect.
    pub(crate) fn expression(&self, source: &str) -> String {
        legacy::upgrade_expression(source, &|name| self.is_input(name))
    }

    /// The same, for one in which a bare name means an input only if that is declared.
    pub(crate) fn open_expression(&self, source: &str) -> String {
        legacy::upgrade_expression(source, &|name| self.declared.is_some() && self.is_input(name))
    }

    /// A dotted path or template in the present dialect.
    pub(crate) fn path(&self, source: &str) -> String {
        let root = source.split('.').next().unwrap_or_default().trim();
        let is_bare = !source.contains('{') && !root.is_empty();
        if is_bare && self.is_input(root) {
            format!("inputs.{}", source.trim())
        } else {
            self.template(source)
        }
    }

    /// A value whose texts are templates, in the present dialect.
    pub(crate) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(source) => Value::from(self.template(source)),
            Value::List(items) => Value::list(items.iter().map(|item| self.value(item))),
            Value::Map(entries) => {
                Value::map(entries.iter().map(|(key, item)| (Arc::clone(key), self.value(item))))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => value.clone(),
        }
    }
}

/// Gathers names from nodes, nested ones included.
fn gather(nodes: &Value, taken: &mut HashSet<String>) {
    for node in nodes.as_list().unwrap_or_default() {
        let named = ["id", "item_var", "context_key"].map(|field| node.get(field).and_then(Value::as_str));
        taken.extend(named.into_iter().flatten().map(str::to_owned));
        if node.get("type").and_then(Value::as_str) == Some("recursive") {
            taken.insert("recursive_context".to_owned());
        }
        if node.get("type").and_then(Value::as_str) == Some("monitor") {
            taken.insert("run".to_owned());
        }
        let mappings = node.get("input_mappings").and_then(Value::as_map);
        taken.extend(mappings.into_iter().flatten().map(|(name, _)| (**name).to_owned()));
        for field in ["true_path", "false_path", "body"] {
            gather(node.get(field).unwrap_or(&Value::Null), taken);
        }
        for branch in node.get("branches").and_then(Value::as_list).unwrap_or_default() {
            gather(branch, taken);
        }
    }
}
