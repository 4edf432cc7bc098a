//! What is known of the outputs of nodes before they run: the shapes the kinds promise, the schemas that are
//! declared.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::Index;
use super::shape::{self, Types};
use crate::blueprint::{ApprovalType, Node, NodeKind, RecursiveNode};
use crate::schema::normalize;
use crate::value::{Map, Value};

/// The schemas of outputs that were asked for, by the node's address.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    known: HashMap<*const Node, Option<Value>>,
}

impl Outputs {
    /// The JSON Schema of a node's output as others see it, if anything is known of it.
    pub(super) fn schema(&mut self, node: &Node, catalog: &Index<'_>) -> Option<Value> {
        let key: *const Node = node;
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let own = self.own_schema(node, catalog);
        let schema = if node.base.output_mappings.is_empty() && node.base.output_selection.is_none() {
            own
        } else {
            renamed(node, own)
        };
        self.known.insert(key, schema.clone());
        schema
    }

    /// The same before `output_mappings` and `output_selection`.
    pub(super) fn own_schema(&mut self, node: &Node, catalog: &Index<'_>) -> Option<Value> {
        let declared = &node.base.output_schema;
        let is_declared = declared.as_map().is_some_and(|schema| !schema.is_empty());
        let declared = is_declared.then(|| normalize(declared).ok()).flatten();
        match &node.kind {
            NodeKind::Tool(tool) => {
                declared.or_else(|| catalog.tool(&tool.tool_name).map(|spec| spec.output_schema.clone()))
            }
            NodeKind::Llm(llm) => {
                let asks = llm.json_schema.as_map().is_some_and(|schema| !schema.is_empty());
                let asked = asks.then(|| normalize(&llm.json_schema).ok()).flatten();
                Some(llm_output(asked.or(declared).as_ref()))
            }
            NodeKind::Condition(condition) => {
                let ids = condition.true_path.iter().chain(&condition.false_path);
                Some(closed([
                    ("result", typed("boolean")),
                    ("branch", typed("string")),
                    ("branch_outputs", closed_ids(ids)),
                ]))
            }
            NodeKind::Loop(looped) => {
                let item = looped.body.last().and_then(|last| self.schema(last, catalog));
                Some(Value::map([
                    ("type", Value::from("array")),
                    ("items", item.unwrap_or(Value::Bool(true))),
                ]))
            }
            NodeKind::Parallel(parallel) => {
                let results = ("branch_results", typed("array"));
                let merged = ("merged", closed_ids(parallel.branches.iter().flatten()));
                Some(if parallel.merge_outputs { closed([results, merged]) } else { closed([results]) })
            }
            NodeKind::Workflow(workflow) => {
                if !workflow.exposed_outputs.is_empty() {
                    return Some(closed(
                        workflow.exposed_outputs.keys().map(|name| (name.as_str(), Value::Bool(true))),
                    ));
                }
                let spec = catalog.blueprint(&workflow.workflow_ref)?;
                Some(closed(spec.nodes.iter().map(|id| (id.as_str(), Value::Bool(true)))))
            }
            NodeKind::Human(human) => Some(human_output(human.approval_type, declared)),
            NodeKind::Agent(_) => Some(agent_output(declared.as_ref())),
            NodeKind::Swarm(_) => Some(declared.unwrap_or_else(swarm_output)),
            NodeKind::Recursive(recursive) => Some(recursive_output(recursive, catalog)),
            NodeKind::Monitor(_) => Some(monitor_output()),
            NodeKind::Code(_) => declared,
        }
    }
}

/// A schema with the aliases of `output_mappings`, cut down to `output_selection`.
fn renamed(node: &Node, own: Option<Value>) -> Option<Value> {
    let mut schema: Map = own.as_ref().and_then(Value::as_map).cloned().unwrap_or_default();
    let types = shape::types_of(&schema);
    if !types.is_empty() && !types.intersects(Types::OBJECT) {
        return Some(Value::from(schema));
    }
    let mut properties = schema.get("properties").and_then(Value::as_map).cloned().unwrap_or_default();
    for alias in node.base.output_mappings.keys() {
        properties.insert(Arc::from(alias.as_str()), Value::Bool(true));
    }
    if let Some(selection) = &node.base.output_selection {
        properties.retain(|name, _| selection.iter().any(|selected| **selected == **name));
        for name in selection {
            // Whether the output has it is not known, unless the schema allows no more than it names.
            if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                properties.insert_new(name.as_str(), || Value::Bool(true));
            }
        }
        schema.insert(Arc::from("additionalProperties"), Value::Bool(false));
    } else if schema.is_empty() {
        return None;
    }
    schema.insert(Arc::from("properties"), Value::from(properties));
    Some(Value::from(schema))
}

/// The fixed part of a model's answer, and the fields of the schema it was asked to follow.
fn llm_output(declared: Option<&Value>) -> Value {
    let always = [
        ("response", typed("string")),
        ("prompt", typed("string")),
        ("model", typed("string")),
        ("usage", typed("object")),
    ];
    answer_output(always, declared)
}

/// The fixed part of what an agent gives, and the fields of the schema that its answer follows.
fn agent_output(declared: Option<&Value>) -> Value {
    let always = [
        ("response", typed("string")),
        ("reasoning", typed("string")),
        ("tool_history", typed("array")),
        ("iterations", typed("integer")),
        ("status", typed("string")),
        ("agent_package", typed("string")),
        ("agent_executed", typed("boolean")),
        ("usage", typed("object")),
    ];
    answer_output(always, declared)
}

/// What a swarm gives.
fn swarm_output() -> Value {
    closed([
        ("final_result", Value::Bool(true)),
        ("consensus_reached", typed("boolean")),
        ("consensus_confidence", typed("number")),
        ("rounds_completed", typed("integer")),
        ("coordination_strategy", typed("string")),
        ("all_proposals", typed("array")),
        ("winner", typed("string")),
        ("usage", typed("object")),
    ])
}

fn answer_output<const N: usize>(always: [(&'static str, Value); N], declared: Option<&Value>) -> Value {
    let text = ("text", typed("string"));
    let Some(declared) = declared else { return closed(always.into_iter().chain([text])) };
    let Some(mut schema) = declared.as_map().cloned() else { return Value::Bool(true) };
    let types = shape::types_of(&schema);
    if !types.is_empty() && !types.intersects(Types::OBJECT) {
        // An answer that is no object stands under `value`.
        return closed(always.into_iter().chain([text, ("value", declared.clone())]));
    }
    let mut properties = schema.get("properties").and_then(Value::as_map).cloned().unwrap_or_default();
    properties.insert_new(text.0, || text.1);
    properties.extend(always.into_iter().map(|(name, known)| (Arc::from(name), known)));
    schema.insert(Arc::from("properties"), Value::from(properties));
    Value::from(schema)
}

/// What a person's answer comes to. The response is a text where nobody answered in time.
fn human_output(wanted: ApprovalType, declared: Option<Value>) -> Value {
    let response = match (wanted, declared) {
        (ApprovalType::InputRequired, Some(declared)) => {
            Value::map([("anyOf", Value::list([declared, typed("string")]))])
        }
        (ApprovalType::InputRequired, None) => Value::Bool(true),
        (ApprovalType::ApproveReject | ApprovalType::Choice, _) => typed("string"),
    };
    closed([
        ("approved", typed("boolean")),
        ("response", response),
        ("response_received", typed("boolean")),
        ("timeout_occurred", typed("boolean")),
        ("escalated", typed("boolean")),
        ("response_time_seconds", typed("number")),
        ("answered_by", typed("string")),
        ("comment", Value::Bool(true)),
    ])
}

/// What a recursive node comes to, or has come to so far.
fn recursive_output(recursive: &RecursiveNode, catalog: &Index<'_>) -> Value {
    let blueprint = recursive.workflow_ref.as_deref().and_then(|name| catalog.blueprint(name));
    let result = blueprint.map_or(Value::Bool(true), |spec| {
        closed(spec.nodes.iter().map(|id| (id.as_str(), Value::Bool(true))))
    });
    closed([
        ("converged", typed("boolean")),
        ("reason", Value::Bool(true)),
        ("iterations", typed("integer")),
        ("final_context", Value::Bool(true)),
        ("result", result),
    ])
}

/// The metrics of a run, which monitors see under `run`.
pub(super) fn metrics() -> Value {
    closed([
        ("elapsed_seconds", typed("number")),
        ("tokens", typed("integer")),
        ("cost_usd", typed("number")),
        ("nodes_succeeded", typed("integer")),
        ("nodes_failed", typed("integer")),
        ("attempts", typed("integer")),
    ])
}

/// What a monitor comes to.
fn monitor_output() -> Value {
    closed([
        ("monitoring_active", typed("boolean")),
        ("checks_performed", typed("integer")),
        ("triggers_fired", typed("integer")),
        ("alerts_sent", typed("integer")),
        ("action_taken", Value::Bool(true)),
        ("final_status", typed("string")),
        ("monitoring_duration_seconds", typed("number")),
        ("metric_evaluated", typed("string")),
        ("triggered", typed("boolean")),
    ])
}

fn typed(name: &str) -> Value {
    Value::map([("type", Value::from(name))])
}

fn closed<'n>(properties: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    Value::map([
        ("type", Value::from("object")),
        ("properties", Value::map(properties)),
        ("additionalProperties", Value::Bool(false)),
    ])
}

/// An object with the outputs of these nodes.
fn closed_ids<'n>(nodes: impl Iterator<Item = &'n Node>) -> Value {
    closed(nodes.map(|node| (node.id.as_str(), Value::Bool(true))))
}
