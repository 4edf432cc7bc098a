//! What is known of the outputs of nodes before they run: the shapes the kinds promise, the schemas that are
//! declared.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::Index;
use crate::blueprint::{Node, NodeKind};
use crate::schema::normalize;
use crate::value::{Map, Value};

/// The schemas of outputs that were asked for, by the node's address.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    known: HashMap<*const Node, Option<Value>>,
}

impl Outputs {
    /// The JSON Schema of a node's output, if anything is known of it.
    pub(super) fn schema(&mut self, node: &Node, catalog: &Index<'_>) -> Option<Value> {
        let key: *const Node = node;
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let schema = self.find(node, catalog);
        self.known.insert(key, schema.clone());
        schema
    }

    fn find(&mut self, node: &Node, catalog: &Index<'_>) -> Option<Value> {
        let declared = &node.base.output_schema;
        let declared = (!declared.is_null()).then(|| normalize(declared).ok()).flatten();
        match &node.kind {
            NodeKind::Tool(tool) => {
                declared.or_else(|| catalog.tool(&tool.tool_name).map(|spec| spec.output_schema.clone()))
            }
            NodeKind::Llm(llm) => {
                let asked = (!llm.json_schema.is_null()).then(|| normalize(&llm.json_schema).ok()).flatten();
                Some(llm_output(declared.or(asked).as_ref()))
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
            NodeKind::Agent(_)
            | NodeKind::Recursive(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_)
            | NodeKind::Swarm(_) => declared,
        }
    }
}

/// The fixed part of a model's answer, and the fields of the schema it was asked to follow.
fn llm_output(declared: Option<&Value>) -> Value {
    let fixed = [
        ("response", if declared.is_some() { Value::Bool(true) } else { typed("string") }),
        ("text", if declared.is_some() { Value::Bool(true) } else { typed("string") }),
        ("prompt", typed("string")),
        ("model", typed("string")),
        ("usage", typed("object")),
    ];
    let Some(declared) = declared else { return closed(fixed) };
    let Some(schema) = declared.as_map() else { return Value::Bool(true) };
    let mut schema: Map = schema.clone();
    let mut properties = schema.get("properties").and_then(Value::as_map).cloned().unwrap_or_default();
    for (name, known) in fixed {
        properties.entry(Arc::from(name)).or_insert(known);
    }
    schema.insert(Arc::from("properties"), Value::from(properties));
    Value::from(schema)
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
