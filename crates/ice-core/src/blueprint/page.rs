//! Tests that `docs/blueprints.md` names exactly the fields that blueprints have.

use std::collections::{BTreeMap, BTreeSet};

use crate::blueprint::{
    Blueprint, ContextRule, InputMapping, KindName, LlmConfig, NodeBase, NodeKind, RetryPolicy,
};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;

const PAGE: &str = include_str!("../../../../docs/blueprints.md");

type Fields = BTreeSet<String>;

/// The names in the first column of the tables, by the heading they stand under.
fn documented() -> BTreeMap<String, Fields> {
    let mut sections: BTreeMap<String, Fields> = BTreeMap::new();
    let (mut heading, mut in_table, mut in_code) = ("", false, false);
    for line in PAGE.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if let Some(title) = line.strip_prefix('#').filter(|_| !in_code) {
            heading = title.trim_start_matches('#').trim();
        } else if line.starts_with("| field |") {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next())
            && in_table
        {
            let section = sections.entry(heading.to_owned()).or_default();
            assert!(section.insert(name.to_owned()), "{heading}: {name} twice");
        }
    }
    sections
}

fn properties(schema: &Value) -> Fields {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn fields<T: JsonSchema>() -> Fields {
    properties(schema_for!(T).as_value())
}

/// The fields of each kind, from the schema of the tagged union.
fn fields_of_kinds() -> BTreeMap<String, Fields> {
    let schema = schema_for!(NodeKind);
    let definitions = &schema.as_value()["$defs"];
    let variants = schema.as_value()["oneOf"].as_array().unwrap();
    let read = |variant: &Value| {
        let name = variant["properties"]["type"]["const"].as_str().unwrap().to_owned();
        let mut all = properties(variant);
        if let Some(reference) = variant["$ref"].as_str() {
            all.extend(properties(&definitions[reference.rsplit('/').next().unwrap()]));
        }
        all.remove("type");
        (name, all)
    };
    variants.iter().map(read).collect()
}

#[test]
fn the_page_names_the_fields_that_exist() {
    let mut expected: BTreeMap<String, Fields> = fields_of_kinds();
    assert_eq!(expected.len(), KindName::ALL.len());
    let mut nodes = fields::<NodeBase>();
    nodes.extend(["id", "type"].map(str::to_owned));
    let mapping = schema_for!(InputMapping);
    let mappings = properties(&mapping.as_value()["anyOf"][0]);
    for (heading, fields) in [
        ("The document", fields::<Blueprint>()),
        ("Nodes", nodes),
        ("Retries", fields::<RetryPolicy>()),
        ("Input and output mappings", mappings),
        ("Context rules", fields::<ContextRule>()),
        ("Settings of a provider", fields::<LlmConfig>()),
    ] {
        expected.insert(heading.to_owned(), fields);
    }
    assert_eq!(documented(), expected);
}

/// What is wrong with a blueprint in YAML, apart from what only a catalog can tell.
fn problems(yaml: &str) -> String {
    let reading = crate::blueprint::read(yaml, crate::blueprint::Format::Yaml, "page");
    reading.diagnostics.to_string()
}

#[test]
fn the_examples_on_the_page_can_be_read() {
    let blocks: Vec<&str> =
        PAGE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        let whole = if block.starts_with("- ") { format!("nodes:\n{block}") } else { block.to_owned() };
        assert_eq!(problems(&whole), "", "{block}");
    }
}

#[test]
fn the_examples_of_the_project_can_be_read() {
    for example in [
        include_str!("../../../../examples/hello.yaml"),
        include_str!("../../../../examples/airports.yaml"),
        include_str!("../../../../examples/digest.yaml"),
        include_str!("../../../../examples/digest_one.yaml"),
    ] {
        assert_eq!(problems(example), "", "{example}");
    }
}
