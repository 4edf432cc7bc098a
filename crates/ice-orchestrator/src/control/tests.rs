//! Documents that refer to one another.

use ice_core::error::ErrorCode;
use ice_core::registry::{NamedBlueprint, Registry};

use super::{Assembled, Assembly, Document, Located, MAX_DOCUMENTS};
use crate::journal::{Failure, NodeFailure};

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

/// Where failures of nodes stand, as `file:line:column message` with what is marked there; `-` for one that stands nowhere.
fn located(assembled: &Assembled, failures: &[(&str, Option<&str>)]) -> Vec<String> {
    let failures: Vec<NodeFailure> = failures
        .iter()
        .map(|(node, field)| {
            let failure = Failure::new(ErrorCode::ToolFailed, "no");
            let failure = field.map_or(failure.clone(), |field| failure.about(field));
            NodeFailure { node: node.parse().unwrap(), failure }
        })
        .collect();
    let shown = |located: &Located| {
        let part = &assembled.parts[located.part];
        let position = located.diagnostic.position.unwrap();
        let line = part.reading.source.text().lines().nth(position.line as usize - 1).unwrap();
        let marked = line.chars().skip(position.column as usize - 1).take(position.length as usize);
        format!("{}:{}:{} {}", part.name, position.line, position.column, marked.collect::<String>())
    };
    let found = assembled.locate(&failures);
    found.iter().map(|located| located.as_ref().map_or_else(|| "-".to_owned(), shown)).collect()
}

#[test]
fn failures_are_found_in_the_document_that_their_node_stands_in() {
    let registry = registry();
    let (top, middle) = (runs(&["sub/m.yaml", "sub/leaf.yaml"]), runs(&["leaf.yaml"]));
    let files = [("a.yaml", top.as_str()), ("sub/m.yaml", middle.as_str()), ("sub/leaf.yaml", LEAF)];
    let assembled = assemble(&registry, &files);
    assert!(assembled.checked.is_some());
    assert_eq!(
        located(
            &assembled,
            &[
                ("n0", None),
                ("n0", Some("workflow_ref")),
                ("n0.run.n0.run.c.true.d.false.e", Some("prompt")),
                ("n1.run.c", Some("expression")),
                ("n1.run.gone", Some("expression")),
                ("gone", None),
                ("n9.run.c", Some("expression")),
            ]
        ),
        [
            "a.yaml:1:14 n0",
            "a.yaml:1:48 sub/m.yaml",
            "sub/leaf.yaml:1:181 x",
            "sub/leaf.yaml:1:46 'true'",
            "a.yaml:1:66 n1",
            "-",
            "-",
        ]
    );
}

#[test]
fn failures_in_a_registered_blueprint_stand_at_the_node_that_runs_it() {
    let mut registry = registry();
    let leaf = ice_core::blueprint::read(LEAF, ice_core::blueprint::Format::Yaml, "leaf");
    registry.blueprints.register(NamedBlueprint::new("leaf", leaf.blueprint.unwrap())).unwrap();
    let assembled = assemble(&registry, &[("a.yaml", &runs(&["leaf"]))]);
    assert!(assembled.checked.is_some());
    assert_eq!(located(&assembled, &[("n0.run.c", Some("expression"))]), ["a.yaml:1:14 n0"]);
}

#[test]
fn of_very_many_failures_the_first_are_found_and_the_others_counted() {
    let registry = registry();
    let assembled = assemble(&registry, &[("a.yaml", LEAF)]);
    let failed =
        NodeFailure { node: "c".parse().unwrap(), failure: Failure::new(ErrorCode::ToolFailed, "no") };
    let found = assembled.locate(&vec![failed; 100_000]);
    assert_eq!((found.len(), found.iter().flatten().count()), (100_000, 200));
    let diagnostics = assembled.located_diagnostics(&found);
    assert_eq!(
        diagnostics.iter().map(|list| (list.len(), list.omitted())).collect::<Vec<_>>(),
        [(200, 99_800)]
    );
}
