//! The `ice` command with much of everything: only a long run of CI does this.

#[cfg(test)]
mod common;

use std::fmt::Write as _;

use common::Desk;
use serde_json::{Value, json};

/// The most rows that `read_csv` gives.
#[cfg(test)]
const ROWS: u64 = 100_000;
#[cfg(test)]
const NODES: u64 = 20_000;
#[cfg(test)]
const ITEMS: u64 = 100_000;

#[test]
#[ignore = "slow: a hundred thousand rows through the journal"]
fn a_table_as_large_as_allowed_goes_through_a_run() {
    let desk = Desk::new();
    let mut text = String::from("id,kind,amount\n");
    for id in 0..ROWS {
        writeln!(text, "{id},kind {},{}", id % 3, id % 10).unwrap();
    }
    desk.write("rows.csv", &text);
    desk.write(
        "rows.yaml",
        r#"
nodes:
  - {id: read, type: tool, tool_name: read_csv, tool_args: {path: rows.csv}}
  - id: sums
    type: tool
    tool_name: query_rows
    tool_args:
      rows: "{{ read.rows }}"
      group_by: [kind]
      aggregate: [{function: count, as: count}, {function: sum, column: amount, as: total}]
      sort: [{column: kind}]
  - {id: all, type: tool, tool_name: write_csv, tool_args: {path: out.csv, rows: "{{ read.rows }}"}}
"#,
    );
    let given = desk.ice(&["run", "rows.yaml", "--rw", "."]).code(0);
    let sums = given.json()["sums"]["rows"].clone();
    let expected: Vec<_> = (0..3_u64)
        .map(|kind| {
            let ids = (kind..ROWS).step_by(3);
            let total: u64 = ids.clone().map(|id| id % 10).sum();
            json!({"kind": format!("kind {kind}"), "count": ids.count(), "total": total})
        })
        .collect();
    assert_eq!(sums, Value::Array(expected));
    assert_eq!(desk.read("out.csv").lines().count() as u64, ROWS + 1);
}

#[test]
#[ignore = "slow: twenty thousand nodes in a line"]
fn a_blueprint_of_thousands_of_nodes_runs_to_its_end() {
    let desk = Desk::new();
    let mut text = String::from("nodes:\n");
    for node in 0..NODES {
        let name = match node {
            0 => "Ada".to_owned(),
            _ => format!("no. {{{{ n{}.message | length }}}}", node - 1),
        };
        writeln!(text, "- {{id: n{node}, type: tool, tool_name: hello, tool_args: {{name: \"{name}\"}}}}")
            .unwrap();
    }
    desk.write("line.yaml", &text);
    let output = desk.ice(&["run", "line.yaml"]).code(0).json();
    assert_eq!(output.as_object().unwrap().len() as u64, NODES);
    // `Hello, Ada!` has eleven letters, `Hello, no. 11!` fourteen.
    assert_eq!(output[format!("n{}", NODES - 1)]["message"], "Hello, no. 14!");
}

#[test]
#[ignore = "slow: a hundred thousand items side by side"]
fn a_loop_over_a_hundred_thousand_items_keeps_their_order() {
    let desk = Desk::new();
    desk.write(
        "loop.yaml",
        r#"
nodes:
  - id: each
    type: loop
    items_source: inputs.items
    item_var: item
    parallel: true
    body:
      - {id: greet, type: tool, tool_name: hello, tool_args: {name: "{{ item }}"}}
"#,
    );
    let names: Vec<String> = (0..ITEMS).map(|item| format!("guest {item}")).collect();
    let inputs = json!({ "items": names });
    desk.write("inputs.json", &inputs.to_string());
    let output = desk.ice(&["run", "loop.yaml", "--input", "@inputs.json"]).code(0).json();
    let greetings: Vec<_> = names.iter().map(|name| json!({"message": format!("Hello, {name}!")})).collect();
    assert_eq!(output["each"], Value::Array(greetings));
}
