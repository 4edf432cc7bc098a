//! Changing a field of a node of a blueprint.

use ice_core::value::Value as IceValue;
use serde_json::{Map, Value};

/// Changes a field in a blueprint as JSON in the present dialect. The path is that of a node without indices, then that of
/// the field: `ask.prompt`, `each.body.clean.tool_args.text`.
///
/// # Errors
/// What is wrong with the path.
pub fn set_field(blueprint: &mut IceValue, path: &str, value: &IceValue) -> Result<(), String> {
    let text = |error: serde_json::Error| error.to_string();
    let mut document = serde_json::to_value(&*blueprint).map_err(text)?;
    let segments: Vec<&str> = path.split('.').collect();
    let nodes = document.get_mut("nodes").ok_or("the blueprint has no nodes")?;
    let (node, field) = node_at(nodes, &segments).ok_or_else(|| format!("`{path}` begins with no node"))?;
    let (last, outer) = field.split_last().ok_or_else(|| format!("`{path}` names a node, but no field"))?;
    if ["id", "type"].contains(last) && outer.is_empty() {
        return Err(format!("the `{last}` of a node cannot be changed"));
    }
    let mut at = node;
    for segment in outer {
        at = match at.entry((*segment).to_owned()).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(inner) => inner,
            other => return Err(format!("`{segment}` in `{path}` is {other}, which has no fields")),
        };
    }
    at.insert((*last).to_owned(), serde_json::to_value(value).map_err(text)?);
    *blueprint = IceValue::from_serialize(&document).map_err(|error| error.to_string())?;
    Ok(())
}

/// The node that a path begins with, the innermost one, and the rest of the path.
fn node_at<'v, 'p>(nodes: &'v mut Value, path: &'p [&'p str]) -> Option<(&'v mut Map<String, Value>, &'p [&'p str])> {
    let (id, rest) = path.split_first()?;
    let list = nodes.as_array_mut()?;
    let node = list.iter_mut().find(|node| node.get("id").and_then(Value::as_str) == Some(*id))?;
    let nested = match rest.first() {
        Some(&"body") => vec!["body"],
        Some(&"true") => vec!["true_path"],
        Some(&"false") => vec!["false_path"],
        Some(&"branches") => vec!["branches"],
        Some(_) | None => Vec::new(),
    };
    for name in nested {
        let below = rest.get(1..).unwrap_or_default();
        let found = node.get(name).is_some_and(|inner| has_node(inner, below));
        if found {
            let inner = node.get_mut(name)?;
            if name != "branches" {
                return node_at(inner, below);
            }
            return inner.as_array_mut()?.iter_mut().find(|nodes| has_node(nodes, below)).and_then(|nodes| node_at(nodes, below));
        }
    }
    Some((node.as_object_mut()?, rest))
}

/// Whether a list of nodes, or one of several such lists, has the node a path begins with.
fn has_node(nodes: &Value, path: &[&str]) -> bool {
    nodes.as_array().into_iter().flatten().any(|node| match node {
        Value::Array(_) => has_node(node, path),
        other => path.first().is_some_and(|id| other.get("id").and_then(Value::as_str) == Some(*id)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str) -> Result<Value, String> {
        let json = serde_json::json!({"nodes": [
            {"id": "a", "type": "tool", "tool_args": {"text": "x"}},
            {"id": "each", "type": "loop", "body": [{"id": "a", "type": "tool"}]},
            {"id": "both", "type": "parallel", "branches": [[{"id": "x", "type": "tool"}], [{"id": "y", "type": "tool"}]]},
        ]});
        let mut blueprint = IceValue::from_serialize(&json).unwrap();
        set_field(&mut blueprint, path, &IceValue::from(7))?;
        Ok(serde_json::to_value(&blueprint).unwrap())
    }

    #[test]
    fn fields_of_nodes_anywhere_are_changed() {
        assert_eq!(changed("a.tool_args.text").unwrap()["nodes"][0]["tool_args"]["text"], 7);
        assert_eq!(changed("a.timeout_seconds").unwrap()["nodes"][0]["timeout_seconds"], 7);
        assert_eq!(changed("each.body.a.tool_args.n").unwrap()["nodes"][1]["body"][0]["tool_args"]["n"], 7);
        assert_eq!(changed("both.branches.y.x").unwrap()["nodes"][2]["branches"][1][0]["x"], 7);
    }

    #[test]
    fn what_names_no_field_is_refused() {
        assert!(changed("b.x").unwrap_err().contains("no node"));
        assert!(changed("a").unwrap_err().contains("no field"));
        assert!(changed("a.id").unwrap_err().contains("cannot be changed"));
        assert!(changed("a.type.x").unwrap_err().contains("has no fields"));
    }
}
