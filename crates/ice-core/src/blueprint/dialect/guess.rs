//! Telling the dialect of a document that does not state it.

use crate::value::Value;

/// Whether a document uses fields that only the first dialect has.
pub(crate) fn looks_legacy(document: &Value) -> bool {
    document.get("nodes").and_then(Value::as_list).is_some_and(|nodes| nodes.iter().any(is_legacy))
}

fn is_legacy(node: &Value) -> bool {
    let has = |name| node.get(name).is_some_and(|value| !value.is_null());
    let branches_of_ids = || {
        let branches = node.get("branches").and_then(Value::as_list).unwrap_or_default();
        let mut items = branches.iter().filter_map(Value::as_list).flatten();
        items.any(|item| item.as_str().is_some())
    };
    let kind = node.get("type").and_then(Value::as_str);
    match kind {
        Some("condition") => has("true_branch") || has("false_branch"),
        Some("loop") => has("body_nodes"),
        Some("parallel") => branches_of_ids(),
        Some(_) | None => false,
    }
}
