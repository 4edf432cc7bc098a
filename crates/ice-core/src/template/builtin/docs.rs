//! Keeps `docs/templates.md` true.

use super::super::engine::MAX_SLOTS;
use super::super::lower::{MAX_BLOCKS, MAX_GROWING, MAX_LITERAL, MAX_NESTING};
use super::super::scan::{MAX_BRACKETS, MAX_ELIF, MAX_LINE, MAX_OPERATORS, MAX_SOURCE};
use super::super::scope::Limits;
use super::operator::MAX_RANGE;
use super::table::{Builtin, Kind, TABLE};

const DOCS: &str = include_str!("../../../../../docs/templates.md");

fn row(builtin: &Builtin) -> String {
    let parameters = builtin.parameters.iter().map(|parameter| match *parameter {
        "*" => "…".to_owned(),
        optional => optional.replace('=', "=?"),
    });
    let parameters: Vec<String> = parameters.collect();
    let call = if parameters.is_empty() {
        builtin.name.to_owned()
    } else {
        format!("{}({})", builtin.name, parameters.join(", "))
    };
    format!("| `{call}` | {} |\n", builtin.about)
}

fn table(kind: Kind) -> String {
    TABLE.iter().filter(|builtin| builtin.kind == kind).map(row).collect()
}

#[test]
fn the_docs_list_every_built_in_and_limit() {
    for kind in [Kind::Filter, Kind::Test, Kind::Function, Kind::Method] {
        let rows = table(kind);
        assert!(
            DOCS.contains(&format!("|---|---|\n{rows}\n")),
            "docs/templates.md needs, for {kind:?}:\n{rows}"
        );
    }
    for (limit, value) in [
        ("Source", format!("{} KiB", MAX_SOURCE >> 10)),
        ("One line of it", format!("{MAX_LINE} bytes")),
        ("Brackets within each other", MAX_BRACKETS.to_string()),
        ("Operators above each other", MAX_OPERATORS.to_string()),
        ("`elif` in a template", MAX_ELIF.to_string()),
        ("Blocks within each other", MAX_BLOCKS.to_string()),
        ("Different paths, names bound", format!("{MAX_SLOTS} each")),
        ("Items of a list or map literal", MAX_LITERAL.to_string()),
        ("Numbers of `range`", MAX_RANGE.to_string()),
        ("Growing operators", MAX_GROWING.to_string()),
        ("Nesting expressions", MAX_NESTING.to_string()),
        ("Steps of one evaluation", Limits::DEFAULT.steps.to_string()),
        ("Bytes built by one evaluation", format!("{} MiB", Limits::DEFAULT.bytes >> 20)),
    ] {
        let row = format!("| {limit} | {value} |");
        assert!(DOCS.contains(&row), "docs/templates.md needs: {row}");
    }
}

#[test]
fn the_table_is_sorted_and_names_are_unique() {
    for kind in [Kind::Filter, Kind::Test, Kind::Function, Kind::Method, Kind::Operator] {
        let names: Vec<&str> =
            TABLE.iter().filter(|builtin| builtin.kind == kind).map(|one| one.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted, "{kind:?}");
    }
}

#[test]
fn every_example_of_the_docs_holds() {
    use crate::template::Template;
    use crate::value::{Map, Value};
    let scope = r#"{"inputs": {"topic": "tea"}, "fetch": {"rows": [{"id": 1, "title": "one"}, {"id": 2, "title": "two"}],
        "score": 0.75}, "my-node": {"text": "hello"}, "skipped": null}"#;
    let scope: Value = serde_json::from_str(scope).unwrap();
    let scope: &Map = scope.as_map().unwrap();
    let mut examples = 0;
    for line in DOCS.lines().filter(|line| line.starts_with("| `{")) {
        let cells: Vec<&str> =
            line.trim_matches('|').split("` | `").map(|cell| cell.trim_matches([' ', '`'])).collect();
        let [source, expected] = cells.as_slice() else { panic!("{line}") };
        let source = source.replace("\\|", "|");
        let rendered =
            Template::compile(&source).and_then(|template| template.render(scope, &Limits::DEFAULT));
        assert_eq!(rendered.unwrap().to_string(), *expected, "{source}");
        examples += 1;
    }
    assert!(examples > 8, "{examples} examples");
}
