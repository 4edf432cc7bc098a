//! What a model's answer may be asked to look like.

use super::shape;
use super::walk::Checker;
use crate::blueprint::{LlmNode, NodeBase};
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;
use crate::schema::normalize;
use crate::value::Value;

/// What stands in the output of every llm node. `text` is not among them: an answer may have its own.
const FIXED: [&str; 4] = ["response", "prompt", "model", "usage"];

impl Checker<'_> {
    /// The schema of an answer must be one, and name no field that stands in the output anyway.
    pub(super) fn answer(&mut self, llm: &LlmNode, base: &NodeBase, at: &Trail<'_>) {
        if llm.json_schema.as_map().is_some() {
            self.schema(&at.key("json_schema"), &llm.json_schema);
        }
        let declared = [("json_schema", &llm.json_schema), ("output_schema", &base.output_schema)];
        let Some((field, schema)) =
            declared.into_iter().find(|(_, schema)| schema.as_map().is_some_and(|schema| !schema.is_empty()))
        else {
            return;
        };
        let Ok(normal) = normalize(schema) else { return };
        let top = shape::dereference(&normal, &normal);
        let properties = top.and_then(|top| top.get("properties")).and_then(Value::as_map);
        for name in properties.into_iter().flat_map(|properties| properties.keys()) {
            if !FIXED.contains(&&**name) {
                continue;
            }
            let message = format!(
                "the answer's field `{name}` would be lost: the output of every llm node has a `{name}`"
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
