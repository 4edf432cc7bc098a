//! Names that people write for fields that are called something else, known from other systems: too far from the
//! right name to be found by its letters.

/// What people write, and the fields they may mean, the likeliest first. Which of them it is depends on the object: only
/// a field that it has is proposed.
const SYNONYMS: &[(&str, &[&str])] = &[
    // The document.
    ("actions", &["nodes"]),
    ("api_version", &["schema_version"]),
    ("format_version", &["schema_version"]),
    ("graph", &["nodes"]),
    ("jobs", &["nodes"]),
    ("meta", &["metadata"]),
    ("stages", &["nodes"]),
    ("steps", &["nodes", "body", "branches"]),
    ("tasks", &["nodes", "body", "branches"]),
    ("workflow", &["workflow_ref", "nodes"]),
    // What goes in and out, of the document and of a node.
    ("args", &["tool_args", "input_mappings", "input_schema"]),
    ("arguments", &["tool_args", "input_mappings", "input_schema"]),
    ("in", &["items_source", "tool_args", "input_mappings", "input_schema"]),
    ("input", &["tool_args", "input_mappings", "input_schema"]),
    ("inputs", &["tool_args", "input_mappings", "input_schema"]),
    ("out", &["output_mappings"]),
    ("output", &["output_mappings"]),
    ("outputs", &["output_mappings"]),
    ("parameters", &["tool_args", "input_mappings", "input_schema"]),
    ("params", &["tool_args", "input_mappings", "input_schema"]),
    ("schema", &["output_schema", "input_schema"]),
    ("variables", &["input_mappings", "input_schema"]),
    ("vars", &["input_mappings", "input_schema"]),
    ("with", &["tool_args", "input_mappings"]),
    // Every node.
    ("after", &["dependencies"]),
    ("depends", &["dependencies"]),
    ("depends_on", &["dependencies"]),
    ("kind", &["type"]),
    ("key", &["id"]),
    ("max_retries", &["retries"]),
    ("needs", &["dependencies"]),
    ("node_type", &["type"]),
    ("requires", &["dependencies"]),
    ("retry", &["retry_policy"]),
    ("timeout", &["timeout_seconds", "wall"]),
    // Single kinds.
    ("as", &["item_var"]),
    ("blueprint", &["workflow_ref"]),
    ("blueprint_ref", &["workflow_ref"]),
    ("concurrency", &["max_concurrency"]),
    ("condition", &["expression"]),
    ("do", &["body"]),
    ("else", &["false_path"]),
    ("foreach", &["items_source"]),
    ("function", &["tool_name"]),
    ("if", &["expression"]),
    ("instructions", &["prompt"]),
    ("items", &["items_source"]),
    ("max_parallel", &["max_concurrency"]),
    ("message", &["prompt_message", "prompt"]),
    ("nodes", &["body", "branches"]),
    ("options", &["choices"]),
    ("over", &["items_source"]),
    ("paths", &["branches"]),
    ("question", &["prompt_message", "prompt"]),
    ("script", &["code"]),
    ("then", &["true_path"]),
    ("tool", &["tool_name"]),
    ("use", &["tool_name", "workflow_ref"]),
    ("uses", &["tool_name", "workflow_ref"]),
    // The manifest of a tool.
    ("cmd", &["command"]),
    ("env", &["environment"]),
    ("exec", &["execute", "command"]),
    ("interpreter", &["profile"]),
    ("network", &["hosts"]),
    ("permissions", &["grants"]),
    ("program", &["command"]),
    ("ram", &["memory"]),
    ("run", &["command"]),
    ("runtime", &["profile"]),
    ("side_effect", &["effect"]),
];

/// The longest name that is looked up, in bytes.
const MAX_LENGTH: usize = 32;

/// The field that a name from elsewhere means, if it is one of `fields`. Case, `-` and `_` make no difference:
/// `dependsOn` and `depends_on` are the same.
pub(super) fn meant<'f>(
    written: &str,
    fields: impl IntoIterator<Item = &'f str, IntoIter: Clone>,
) -> Option<&'f str> {
    if written.len() > MAX_LENGTH {
        return None;
    }
    let written = plain(written);
    let (_, meant) = SYNONYMS.iter().find(|(synonym, _)| plain(synonym) == written)?;
    let fields = fields.into_iter();
    meant.iter().find_map(|name| fields.clone().find(|field| field == name))
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::blueprint::{Format, read};

    /// The advice on the one unknown field of a document.
    #[track_caller]
    fn check(text: &str, advice: Option<&str>) {
        let found = read(text, Format::Auto, "t").diagnostics;
        let [only] = found.iter().collect::<Vec<_>>()[..] else { panic!("{text}: {found}") };
        assert_eq!((only.code.name(), only.advice.as_deref()), ("UNKNOWN_FIELD", advice), "{text}");
    }

    #[test]
    fn names_from_elsewhere_are_told_with_the_field_that_is_meant() {
        let node = "{id: a, type: tool, tool_name: hello}";
        for name in ["inputs", "input", "Inputs", "parameters", "params", "args", "variables", "schema"] {
            check(&format!("{name}: {{x: str}}\nnodes: [{node}]"), Some("did you mean `input_schema`?"));
        }
        for name in ["steps", "tasks", "jobs", "stages", "actions", "graph", "workflow", "Node"] {
            check(&format!("{{\"{name}\": []}}"), Some("did you mean `nodes`?"));
        }
        check(&format!("api-version: 1\nnodes: [{node}]"), Some("did you mean `schema_version`?"));
        check(&format!("apiVersion: 1\nnodes: [{node}]"), Some("did you mean `schema_version`?"));
        check(&format!("meta: {{}}\nnodes: [{node}]"), Some("did you mean `metadata`?"));
    }

    #[test]
    fn which_field_is_meant_depends_on_the_object() {
        let tool = |rest: &str| format!("nodes: [{{id: a, type: tool, {rest}}}]");
        check(&tool("tool: hello"), Some("did you mean `tool_name`?"));
        check(&tool("tool_name: hello, inputs: {}"), Some("did you mean `tool_args`?"));
        check(&tool("tool_name: hello, tool_args: {}, inputs: {}"), Some("did you mean `input_mappings`?"));
        check(&tool("tool_name: hello, dependsOn: []"), Some("did you mean `dependencies`?"));
        check(&tool("tool_name: hello, timeout: 3"), Some("did you mean `timeout_seconds`?"));
        let each = |rest: &str| format!("nodes: [{{id: a, type: loop, {rest}}}]");
        check(&each("items: inputs.x, body: []"), Some("did you mean `items_source`?"));
        check(&each("items_source: inputs.x, steps: []"), Some("did you mean `body`?"));
        check("nodes: [{id: a, kind: tool}]", Some("did you mean `type`?"));
    }

    #[test]
    fn what_is_there_already_or_known_nowhere_is_not_proposed() {
        let node = "{id: a, type: tool, tool_name: hello}";
        check(&format!("input_schema: {{}}\ninputs: {{}}\nnodes: [{node}]"), None);
        check(&format!("steps: []\nnodes: [{node}]"), None);
        check(&format!("outputs: {{}}\nnodes: [{node}]"), None);
        check(
            &format!(
                "{{\"{}\": 1, \"nodes\": [{{\"id\": \"a\", \"type\": \"tool\", \"tool_name\": \"x\"}}]}}",
                "s".repeat(100_000)
            ),
            None,
        );
        check(&format!("'': 1\nnodes: [{node}]"), None);
        check(&format!("'__-': 1\nnodes: [{node}]"), None);
    }

    #[test]
    fn every_synonym_stands_once() {
        let names: HashSet<String> = SYNONYMS.iter().map(|(name, _)| plain(name)).collect();
        assert_eq!(names.len(), SYNONYMS.len());
        assert!(names.iter().all(|name| !name.is_empty() && name.len() <= MAX_LENGTH));
    }
}
