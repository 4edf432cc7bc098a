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
        let inner = at.entry((*segment).to_owned()).or_insert_with(|| Value::Object(Map::new()));
        if !inner.is_object() {
            return Err(format!("`{segment}` in `{path}` is {inner}, which has no fields"));
        }
        at = inner.as_object_mut().ok_or("what has fields is an object")?;
    }
    at.insert((*last).to_owned(), serde_json::to_value(value).map_err(text)?);
    *blueprint = IceValue::from_serialize(&document).map_err(|error| error.to_string())?;
    Ok(())
}

/// The node that a path begins with, the innermost one, and the rest of the path.
fn node_at<'v, 'p>(
    nodes: &'v mut Value,
    path: &'p [&'p str],
) -> Option<(&'v mut Map<String, Value>, &'p [&'p str])> {
    let (id, rest) = path.split_first()?;
    let node = nodes.as_array_mut()?.iter_mut().find(|node| is_named(node, id))?;
    let below = rest.get(1..).unwrap_or_default();
    let nested = rest.first().and_then(|segment| nested(segment));
    // A field may have the name of a path: it is one if such a node stands there.
    match nested.filter(|name| node.get(*name).is_some_and(|nodes| lists(nodes, below).is_some())) {
        Some(name) => {
            let nodes = node.get_mut(name)?;
            match lists(nodes, below)? {
                None => node_at(nodes, below),
                Some(branch) => node_at(nodes.get_mut(branch)?, below),
            }
        }
        None => Some((node.as_object_mut()?, rest)),
    }
}

/// The field that holds the nodes below a segment of a path.
fn nested(segment: &str) -> Option<&'static str> {
    match segment {
        "body" => Some("body"),
        "true" => Some("true_path"),
        "false" => Some("false_path"),
        "branches" => Some("branches"),
        _ => None,
    }
}

/// Whether a list of nodes has the node a path begins with: `Some(None)` if it stands there, the number of the branch if the
/// list is one of branches.
fn lists(nodes: &Value, path: &[&str]) -> Option<Option<usize>> {
    let (id, list) = (path.first()?, nodes.as_array()?);
    let has = |nodes: &[Value]| nodes.iter().any(|node| is_named(node, id));
    if has(list) {
        return Some(None);
    }
    list.iter().position(|branch| branch.as_array().is_some_and(|nodes| has(nodes))).map(Some)
}

fn is_named(node: &Value, id: &str) -> bool {
    node.get("id").and_then(Value::as_str) == Some(id)
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
