//! Making blueprints step by step.

use super::*;
use crate::check::tests::catalog::catalog;
use crate::time::TestIds;
use crate::value::Value;

fn node(json: &str) -> PartialNode {
    serde_json::from_str(json).unwrap()
}

/// A blueprint in the making and what it says after each step.
struct Making {
    partial: PartialBlueprint,
}

impl Making {
    fn new() -> Self {
        Self { partial: PartialBlueprint::new(&TestIds::new(7)) }
    }

    fn step(&mut self, update: PartialUpdate) -> (bool, Vec<String>, Vec<String>) {
        self.partial.apply(update, &catalog()).unwrap();
        let errors = self.partial.validation_errors().errors();
        let errors = errors.map(|error| format!("{} {}", error.code, error.message)).collect();
        let suggestions = self.partial.next_suggestions().iter().map(ToString::to_string).collect();
        (self.partial.is_complete(), errors, suggestions)
    }

    fn add(&mut self, json: &str) -> (bool, Vec<String>, Vec<String>) {
        self.step(PartialUpdate::AddNode { node: node(json) })
    }
}

#[test]
fn a_blueprint_is_made_in_steps() {
    let mut making = Making::new();
    let (complete, errors, suggestions) = making.step(PartialUpdate::Suggest);
    assert!(!complete);
    assert_eq!(errors, ["RULE_VIOLATION a blueprint needs at least one node"]);
    assert_eq!(suggestions, ["add a first node, for example with one of the tools read_csv, hello, take"]);

    let (complete, errors, suggestions) =
        making.add(r#"{"id":"use","type":"tool","tool_name":"take","pending_inputs":["rows"]}"#);
    assert!(!complete);
    assert_eq!(errors, ["BLUEPRINT_INCOMPLETE the input `rows` is not connected yet"]);
    assert_eq!(suggestions, [""; 0]);

    let (_, _, suggestions) =
        making.add(r#"{"id":"read","type":"tool","tool_name":"read_csv","tool_args":{"path":"x"}}"#);
    assert_eq!(suggestions, ["use: connect `rows`, for example to `{{ read.rows }}`"]);

    let updates = serde_json::from_str(r#"{"tool_args":{"rows":"{{ read.rows }}"},"pending_inputs":null}"#);
    let update = PartialUpdate::UpdateNode { node_id: "use".parse().unwrap(), updates: updates.unwrap() };
    assert_eq!(making.step(update), (true, vec![], vec!["ready to finalise".to_owned()]));

    let checked = making.partial.to_blueprint(&catalog()).unwrap();
    assert_eq!(checked.scope().nodes[0].dependencies, [1]);
    let id = making.partial.blueprint_id.as_str();
    assert!(id.starts_with("partial_bp_") && id.len() == 19, "{id}");
    assert_eq!(checked.blueprint().blueprint_id.as_str(), id.trim_start_matches("partial_"));
}

#[test]
fn duplicates_circles_and_missing_nodes_are_told_and_go_again() {
    let mut making = Making::new();
    making.add(r#"{"id":"a","type":"tool","tool_name":"hello","dependencies":["b"]}"#);
    let (_, errors, _) =
        making.add(r#"{"id":"b","type":"tool","tool_name":"hello","dependencies":["a","b","c"]}"#);
    assert_eq!(
        errors,
        [
            "CYCLIC_TOOL_COMPOSITION `b` depends on itself",
            "UNKNOWN_NODE `b` names the node `c`, but there is none of that id in scope",
            "CYCLIC_TOOL_COMPOSITION cycle: a → b → a"
        ]
    );
    let before = making.partial.next_suggestions().to_vec();
    making.step(PartialUpdate::Suggest);
    assert_eq!(making.partial.next_suggestions(), before, "suggestions do not pile up");
    assert!(making.partial.to_blueprint(&catalog()).unwrap_err().errors().count() == 3);

    let node_id: crate::id::NodeId = "b".parse().unwrap();
    making.step(PartialUpdate::RemoveNode { node_id: node_id.clone() });
    let (_, errors, _) = making.add(r#"{"id":"a","type":"tool","tool_name":"hello"}"#);
    assert_eq!(
        errors,
        [
            "DUPLICATE_ID another node of this scope has the id `a`",
            "UNKNOWN_NODE `a` names the node `b`, but there is none of that id in scope"
        ]
    );
    let refused = making.partial.apply(PartialUpdate::RemoveNode { node_id }, &catalog());
    assert_eq!(refused.unwrap_err().to_string(), "there is no node `b`");
}

#[test]
fn it_survives_being_stored() {
    let mut making = Making::new();
    making.add(r#"{"id":"a","type":"tool","tool_name":"hello","pending_outputs":["x"],"suggestions":["rename it"],"level":2}"#);
    let json = serde_json::to_string(&making.partial).unwrap();
    let read: PartialBlueprint = serde_json::from_str(&json).unwrap();
    assert_eq!(read, making.partial);
    assert_eq!(read.nodes()[0].id(), Some("a"));
    let update: PartialUpdate =
        serde_json::from_str(r#"{"action":"update_node","node_id":"a","updates":{"level":null}}"#).unwrap();
    assert!(matches!(&update, PartialUpdate::UpdateNode { updates: Value::Map(_), .. }));
}
