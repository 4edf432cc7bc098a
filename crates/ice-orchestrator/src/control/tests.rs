//! Documents that refer to one another.

use ice_core::registry::{NamedBlueprint, Registry};

use super::{Assembled, Assembly, Document, MAX_DOCUMENTS};

fn runs(names: &[&str]) -> String {
    let nodes = names
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{{id: n{at}, type: workflow, workflow_ref: {name}}}"));
    format!("nodes: [{}]", nodes.collect::<Vec<_>>().join(", "))
}

const LEAF: &str = "nodes: [{id: c, type: condition, expression: 'true', true_path: [{id: d, type: condition, expression: 'false', false_path: [{id: e, type: llm, provider: echo, model: echo, prompt: x}]}]}]";

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.providers.register(std::sync::Arc::new(ice_core::llm::Echo)).unwrap();
    registry
}

fn assemble(registry: &Registry, files: &[(&str, &str)]) -> Assembled {
    let mut assembly = Assembly::new(registry);
    for (name, text) in files {
        assembly.add(&Document::new(*name, *text));
    }
    assembly.check(crate::executable_kinds())
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    let registry = registry();
    let assembled = assemble(&registry, files);
    let found: Vec<String> = assembled
        .diagnostics()
        .iter()
        .flat_map(|list| list.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(assembled.checked.is_some(), expected.is_empty());
}

#[test]
fn references_are_read_from_where_they_stand() {
    let (top, middle) = (runs(&["sub/m.yaml"]), runs(&["../x/leaf.yaml", "leaf.yaml"]));
    check(&[("a.yaml", &top), ("sub/m.yaml", &middle), ("x/leaf.yaml", LEAF), ("sub/leaf.yaml", LEAF)], &[]);
}

#[test]
fn what_was_put_together_can_be_compiled() {
    let registry = registry();
    let (top, middle) = (runs(&["sub/m.yaml"]), runs(&["leaf.yaml"]));
    let assembled =
        assemble(&registry, &[("a.yaml", &top), ("sub/m.yaml", &middle), ("sub/leaf.yaml", LEAF)]);
    crate::workflow::compile(assembled.checked.as_ref().unwrap(), &assembled.registry).unwrap();
}

#[test]
fn a_registered_blueprint_needs_no_document() {
    let mut registry = registry();
    let leaf = ice_core::blueprint::read(LEAF, ice_core::blueprint::Format::Yaml, "leaf").blueprint.unwrap();
    registry.blueprints.register(NamedBlueprint::new("leaf", leaf)).unwrap();
    let mut assembly = Assembly::new(&registry);
    assert_eq!(assembly.add(&Document::new("a.yaml", runs(&["leaf", "b.yaml"]))), ["b.yaml"]);
    assert!(!assembly.has("b.yaml"));
    assembly.add(&Document::new("b.yaml", LEAF));
    assert!(assembly.has("b.yaml"));
    assert!(assembly.check(crate::executable_kinds()).checked.is_some());
}

#[test]
fn every_document_of_a_circle_is_told_once() {
    let (a, b, c) = (runs(&["b.yaml"]), runs(&["c.yaml"]), runs(&["b.yaml"]));
    check(
        &[("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &c)],
        &[
            "b.yaml:1:48: error[CYCLIC_TOOL_COMPOSITION]: n0: workflow_ref: the blueprint would run itself: \
             b.yaml → c.yaml → b.yaml; repeat with a loop or a recursive node",
            "c.yaml:1:48: error[CYCLIC_TOOL_COMPOSITION]: n0: workflow_ref: the blueprint would run itself: \
             c.yaml → b.yaml → c.yaml; repeat with a loop or a recursive node",
        ],
    );
    check(
        &[("a.yaml", &b), ("c.yaml", &runs(&["a.yaml"]))],
        &[
            "a.yaml:1:48: error[CYCLIC_TOOL_COMPOSITION]: n0: workflow_ref: the blueprint would run itself: \
             a.yaml → c.yaml → a.yaml; repeat with a loop or a recursive node",
            "c.yaml:1:48: error[CYCLIC_TOOL_COMPOSITION]: n0: workflow_ref: the blueprint would run itself: \
             c.yaml → a.yaml → c.yaml; repeat with a loop or a recursive node",
        ],
    );
    check(
        &[("a.yaml", &runs(&["a.yaml"]))],
        &["a.yaml:1:48: error[CYCLIC_TOOL_COMPOSITION]: n0: workflow_ref: the blueprint would run itself: \
           a.yaml → a.yaml; repeat with a loop or a recursive node"],
    );
}

#[test]
fn two_ways_to_one_document_are_no_circle() {
    let (a, b, c) = (runs(&["b.yaml", "c.yaml"]), runs(&["d.yaml"]), runs(&["d.yaml"]));
    check(&[("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &c), ("d.yaml", LEAF)], &[]);
}

#[test]
fn what_is_wrong_is_told_where_it_is_wrong() {
    let a = runs(&["b.yaml", "c.yaml"]);
    let registry = registry();
    let assembled =
        assemble(&registry, &[("a.yaml", &a), ("b.yaml", "nodes: [{id: x, type: tol}]"), ("c.yaml", "{")]);
    let sources: Vec<Option<String>> =
        assembled.diagnostics().iter().map(|list| list.source().map(str::to_owned)).collect();
    assert_eq!(sources, [Some("a.yaml".to_owned()), Some("b.yaml".to_owned()), Some("c.yaml".to_owned())]);
    let first = assembled.diagnostics()[0].to_string();
    assert!(first.contains("the blueprint `c.yaml` cannot be read") && !first.contains("b.yaml`"), "{first}");
}

#[test]
fn there_is_a_limit_to_the_documents() {
    let registry = registry();
    let mut assembly = Assembly::new(&registry);
    for number in 0..MAX_DOCUMENTS {
        assert!(!assembly.is_full());
        assembly.add(&Document::new(format!("{number}.yaml"), LEAF));
    }
    assert!(assembly.is_full());
}
