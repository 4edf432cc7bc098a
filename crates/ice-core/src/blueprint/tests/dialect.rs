//! The first dialect, read into the present form.

use crate::blueprint::{Blueprint, Format, Node, NodeKind, SchemaVersion, read};
use crate::diagnostic::Trail;

fn upgraded(nodes: &str) -> Blueprint {
    let text = format!("schema_version: \"1.1.0\"\nnodes:\n{nodes}");
    let reading = read(&text, Format::Yaml, "test");
    assert_eq!(reading.diagnostics.to_string(), "");
    Blueprint::clone(&reading.blueprint.unwrap())
}

/// What is wrong with the nodes of a document of the first dialect.
fn problems(nodes: &str) -> Vec<String> {
    let text = format!("schema_version: \"1.1.0\"\nnodes:\n{nodes}");
    read(&text, Format::Yaml, "test").diagnostics.iter().map(ToString::to_string).collect()
}

fn when(node: &Node) -> Option<(String, bool)> {
    node.when.as_ref().map(|when| (when.condition.to_string(), when.branch))
}

#[test]
fn branches_of_ids_stay_flat_and_are_marked() {
    let blueprint = upgraded(
        "- {id: c, type: condition, expression: 'true', true_branch: [a], false_branch: [b]}\n\
         - {id: a, type: tool, tool_name: x}\n\
         - {id: b, type: tool, tool_name: x, dependencies: [c]}\n\
         - {id: d, type: tool, tool_name: x}\n",
    );
    let marks: Vec<_> = blueprint.nodes.iter().map(when).collect();
    assert_eq!(marks, [None, Some(("c".to_owned(), true)), Some(("c".to_owned(), false)), None]);
    assert_eq!(blueprint.schema_version, SchemaVersion::V1_2);
    let again = serde_json::to_string(&blueprint).unwrap();
    assert_eq!(*read(&again, Format::Json, "again").blueprint.unwrap(), blueprint);
}

#[test]
fn bodies_take_their_nodes_in_the_order_of_the_list() {
    let blueprint = upgraded(
        "- {id: a, type: tool, tool_name: x, dependencies: [l]}\n\
         - {id: l, type: loop, items_source: inputs.rows, body_nodes: [b, a]}\n\
         - {id: b, type: tool, tool_name: x}\n",
    );
    let [Node { kind: NodeKind::Loop(looped), .. }] = blueprint.nodes.as_slice() else {
        panic!("{blueprint:?}")
    };
    let ids: Vec<&str> = looped.body.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids, ["b", "a"]);
    assert!(looped.body[1].base.dependencies.is_empty(), "what contains a node comes first anyway");
}

#[test]
fn both_dialects_mix_in_files_of_the_first() {
    let blueprint = upgraded(
        "- id: p\n  type: parallel\n  branches:\n  - [a]\n  - - {id: c, type: condition, expression: 'true', true_path: [{id: d, type: tool, tool_name: x}]}\n\
         - {id: a, type: tool, tool_name: x}\n",
    );
    let NodeKind::Parallel(parallel) = &blueprint.nodes[0].kind else { panic!("{blueprint:?}") };
    assert_eq!(parallel.branches[0][0].id.as_str(), "a");
    assert_eq!(parallel.branches[1][0].id.as_str(), "c");
}

#[test]
fn what_lists_cannot_mean_is_told() {
    assert_eq!(
        problems(
            "- {id: l, type: loop, items_source: x, body_nodes: [l, aa, b, 7]}\n\
             - {id: m, type: loop, items_source: x, body_nodes: [b]}\n\
             - {id: b, type: tool, tool_name: x}\n\
             - {id: a, type: tool, tool_name: x}\n"
        ),
        [
            "3:53: error[RULE_VIOLATION]: l: body_nodes.0: `l` lists itself",
            "3:56: error[UNKNOWN_NODE]: l: body_nodes.1: there is no node `aa`",
            "3:63: error[WRONG_TYPE]: l: body_nodes.3: expected the id of a node, found the number 7",
            "4:53: error[DUPLICATE_ID]: m: body_nodes.0: `b` is listed by `l` already; \
             a node can be in one body or branch",
        ]
    );
    assert_eq!(
        problems(
            "- {id: c, type: condition, expression: 'true', true_branch: [a], false_branch: [a]}\n\
             - {id: a, type: tool, tool_name: x}\n"
        ),
        ["3:81: error[DUPLICATE_ID]: c: false_branch.0: `a` is in a branch of `c` already; \
             a node can be in one branch"]
    );
    assert_eq!(
        problems(
            "- {id: l, type: loop, items_source: x, body_nodes: [m]}\n\
             - {id: m, type: loop, items_source: x, body_nodes: [l]}\n"
        ),
        ["3:3: error[RULE_VIOLATION]: l: `l` is listed within its own body"]
    );
    assert_eq!(
        problems(
            "- {id: l, type: loop, items_source: x, body_nodes: [c]}\n\
             - {id: c, type: condition, expression: 'true', true_branch: [a]}\n\
             - {id: a, type: tool, tool_name: x}\n"
        ),
        ["4:62: error[RULE_VIOLATION]: c: true_branch.0: `c` and its branch must be in the same body; \
             list both in one body or branch, or neither"]
    );
    assert_eq!(
        problems(
            "- {id: l, type: loop, items_source: x, body_nodes: [a], body: []}\n- {id: a, type: tool, tool_name: x}\n"
        ),
        ["3:40: error[RULE_VIOLATION]: l: body_nodes: `body_nodes` and `body` exclude each other"]
    );
}

#[test]
fn the_version_is_guessed_from_the_fields() {
    let dialect =
        |nodes: &str| read(&format!("nodes:\n{nodes}"), Format::Yaml, "test").diagnostics.to_string();
    assert_eq!(
        dialect(
            "- {id: l, type: loop, items_source: x, body_nodes: [a]}\n- {id: a, type: tool, tool_name: x}\n"
        ),
        ""
    );
    assert_eq!(
        dialect("- {id: p, type: parallel, branches: [[a]]}\n- {id: a, type: tool, tool_name: x}\n"),
        ""
    );
}

#[test]
fn the_present_dialect_refuses_fields_of_the_first() {
    let text = "schema_version: 1.2.0\nnodes:\n- {id: l, type: loop, items_source: x, body_nodes: [a], body: [{id: a, type: tool, tool_name: x}]}\n";
    assert_eq!(
        read(text, Format::Yaml, "test").diagnostics.to_string(),
        "test:3:40: error[UNKNOWN_FIELD]: l: body_nodes: `body_nodes` belongs to schema version 1.1.0; \
         put the nodes themselves into `body`, or set `schema_version: \"1.1.0\"`"
    );
    for (version, shown) in [("\"2.0\"", "\"2.0\""), ("1.2", "1.2"), ("[]", "[]")] {
        let text = format!("schema_version: {version}\nnodes: [{{id: a, type: tool, tool_name: x}}]\n");
        assert_eq!(
            read(&text, Format::Yaml, "test").diagnostics.to_string(),
            format!(
                "test:1:17: error[SCHEMA_VERSION]: schema_version: schema version {shown} cannot be read; \
                 write `schema_version: \"1.2.0\"`, or leave it out"
            )
        );
    }
}

#[test]
fn placeholders_and_bare_inputs_are_rewritten() {
    let blueprint = upgraded(
        "- {id: ask, type: llm, model: '{model}', prompt: 'Sum up {topic} from {fetch-all.text} and {{ url }}', llm_config: {}}\n\
         - {id: fetch-all, type: tool, tool_name: x, tool_args: {list: ['{url}', 3], json: '{\"a\": 1}'}}\n\
         - {id: test, type: condition, expression: 'score > 3 and ask.text != url'}\n\
         - {id: each, type: loop, items_source: rows.items, item_var: row, body_nodes: [use]}\n\
         - {id: use, type: llm, model: m, prompt: '{row} {loop_index} {mapped}', llm_config: {}, input_mappings: {mapped: 3}}\n",
    );
    let mut texts = Vec::new();
    for node in blueprint.nodes.iter().chain(&blueprint.nodes[3].kind.scopes()[0].1.to_vec()) {
        node.kind.texts(&Trail::START, &mut |_, text| texts.push(text.source.to_owned()));
    }
    assert_eq!(
        texts,
        [
            "{{ inputs.model }}",
            "Sum up {{ inputs.topic }} from {{ nodes['fetch-all'].text }} and {{ inputs.url }}",
            "{{ inputs.url }}",
            "{\"a\": 1}",
            "inputs.score > 3 and ask.text != inputs.url",
            "inputs.rows.items",
            "m",
            "{{ row }} {{ loop_index }} {{ mapped }}",
        ]
    );
}

#[test]
fn declared_inputs_are_the_only_ones() {
    let text = "schema_version: \"1.1.0\"\ninput_schema: {properties: {url: {type: string}}}\nnodes:\n\
                - {id: a, type: tool, tool_name: x, tool_args: {u: '{url}', v: '{ulr}'}}\n";
    let blueprint = read(text, Format::Yaml, "test").blueprint.unwrap();
    let NodeKind::Tool(tool) = &blueprint.nodes[0].kind else { panic!("{blueprint:?}") };
    assert_eq!(tool.tool_args.to_string(), r#"{"u":"{{ inputs.url }}","v":"{{ ulr }}"}"#);
}
