//! What nodes declare of their input, and of a model's answer.

use super::shape;
use super::walk::Checker;
use crate::blueprint::{LlmNode, Node, NodeKind};
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;
use crate::schema::normalize;
use crate::value::Value;

/// What stands in the output of every llm node. `text` is not among them: an answer may have its own.
const OF_LLM: [&str; 4] = ["response", "prompt", "model", "usage"];
/// What stands in the output of every agent node, but for `text`.
const OF_AGENT: [&str; 8] = [
    "response",
    "reasoning",
    "tool_history",
    "iterations",
    "status",
    "agent_package",
    "agent_executed",
    "usage",
];

impl Checker<'_> {
    /// The schemas a node declares must be some, and be of use.
    pub(super) fn declared(&mut self, node: &Node, at: &Trail<'_>) {
        let base = &node.base;
        for (name, schema) in [("input_schema", &base.input_schema), ("output_schema", &base.output_schema)] {
            if schema.as_map().is_some() {
                self.schema(&at.key(name), schema);
            }
        }
        let takes_mapped_names = match &node.kind {
            NodeKind::Llm(llm) => {
                self.schema_of_llm(llm, at);
                let declared = [("json_schema", &llm.json_schema), ("output_schema", &base.output_schema)];
                self.answer(node, &declared, &OF_LLM, at);
                true
            }
            NodeKind::Agent(_) => {
                self.answer(node, &[("output_schema", &base.output_schema)], &OF_AGENT, at);
                false
            }
            NodeKind::Condition(_)
            | NodeKind::Loop(_)
            | NodeKind::Parallel(_)
            | NodeKind::Recursive(_)
            | NodeKind::Workflow(_) => true,
            NodeKind::Tool(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_)
            | NodeKind::Swarm(_) => false,
        };
        let has_schema = base.input_schema.as_map().is_some_and(|schema| !schema.is_empty());
        if takes_mapped_names && has_schema && base.input_mappings.is_empty() {
            let message = format!("`input_schema` has no effect: `{}` has no `input_mappings`", node.id);
            let advice = "map what the node is given, or remove it".to_owned();
            let finding = Finding::warning(ErrorCode::RuleViolation, message).advise(advice);
            self.report.add(&at.key("input_schema"), finding);
        }
    }

    fn schema_of_llm(&mut self, llm: &LlmNode, at: &Trail<'_>) {
        if llm.json_schema.as_map().is_some() {
            self.schema(&at.key("json_schema"), &llm.json_schema);
        }
    }

    /// The schema of an answer, the first that says something, must name no field that stands in the output anyway.
    fn answer(&self, node: &Node, declared: &[(&str, &Value)], fixed: &[&str], at: &Trail<'_>) {
        let says_something = |schema: &Value| schema.as_map().is_some_and(|schema| !schema.is_empty());
        let Some((field, schema)) = declared.iter().copied().find(|(_, schema)| says_something(schema))
        else {
            return;
        };
        let Ok(normal) = normalize(schema) else { return };
        let top = shape::dereference(&normal, &normal);
        let properties = top.and_then(|top| top.get("properties")).and_then(Value::as_map);
        for name in properties.into_iter().flat_map(|properties| properties.keys()) {
            if !fixed.contains(&&**name) {
                continue;
            }
            let kind = node.kind.name();
            let message = format!(
                "the answer's field `{name}` would be lost: the output of every {kind} node has a `{name}`"
            );
            let advice = format!("give it another name, such as `answer_{name}`");
            let finding = Finding::error(ErrorCode::RuleViolation, message).advise(advice);
            let at = at.key(field);
            if schema.get("properties").and_then(|known| known.get(name)).is_some() {
                self.report.add(&at.key("properties").key(name), finding);
            } else {
                self.report.add(&at.key(name), finding);
            }
        }
    }
}
