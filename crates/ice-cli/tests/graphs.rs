//! What `ice graph` tells of a blueprint besides a picture.

#[cfg(test)]
mod common;

use common::Desk;
use serde_json::{Value, json};

const DIAMOND: &str = r#"
nodes:
  - {id: begin, type: tool, tool_name: now, timeout_seconds: 1}
  - {id: slow, type: tool, tool_name: sleep, tool_args: {seconds: 0.2}, timeout_seconds: 10, dependencies: [begin]}
  - {id: quick, type: tool, tool_name: now, timeout_seconds: 4, dependencies: [begin]}
  - {id: end, type: tool, tool_name: now, timeout_seconds: 2, dependencies: [slow, quick]}
"#;

#[test]
fn the_critical_path_and_where_the_time_of_a_run_went() {
    let desk = Desk::new();
    desk.write("diamond.yaml", DIAMOND);
    desk.ice(&["run", "diamond.yaml"]).code(0);
    let given = desk.ice(&["graph", "diamond.yaml", "--analyze", "--run", "last"]).code(0);
    for expected in [
        "begin → slow → end",
        "at worst 13",
        "spends at most $0, 0 tokens, 0 model calls, 4 tool calls",
        "at most 2 under way at once",
        "THE RUN WAITED FOR",
    ] {
        assert!(given.out.contains(expected), "no `{expected}` in {given:#?}");
    }
    let found = desk.ice(&["graph", "diamond.yaml", "--analyze", "--run", "last", "--json"]).code(0).json();
    assert_eq!(found["critical_path"], json!(["begin", "slow", "end"]));
    assert_eq!(found["worst_time"]["bounded_ms"], 13_000);
    assert_eq!(found["worst_spend"]["tool_calls"], 4);
    let steps: Vec<&Value> =
        found["measured"]["steps"].as_array().unwrap().iter().map(|step| &step["node"]).collect();
    assert_eq!(steps, ["begin", "slow", "end"]);
    assert!(found["measured"]["steps"][1]["took_ms"].as_u64().unwrap() >= 200, "{found}");
    desk.write("free.yaml", "nodes: [{id: n, type: tool, tool_name: now}]");
    let free = desk.ice(&["graph", "free.yaml", "--analyze"]).code(0);
    assert!(free.out.contains("no bound (1 node)"), "{free:#?}");
}

#[test]
fn what_depends_on_a_node() {
    let desk = Desk::new();
    desk.write("diamond.yaml", DIAMOND);
    let found = desk.ice(&["graph", "diamond.yaml", "--impact", "begin", "--json"]).code(0).json();
    assert_eq!(
        (&found["direct"], &found["all"]),
        (&json!(["slow", "quick"]), &json!(["slow", "quick", "end"]))
    );
    let given =
        desk.ice(&["graph", "diamond.yaml", "--impact", "begin"]).code(0).says("3 nodes depend on begin");
    assert!(given.out.contains("end  (through others)"), "{given:#?}");
    desk.ice(&["graph", "diamond.yaml", "--impact", "quik"]).code(2).says("did you mean `quick`?");
    desk.ice(&["graph", "diamond.yaml", "--impact", "quick", "--format", "svg"]).code(2);
}

#[test]
fn no_more_of_a_network_is_under_way_than_it_lets() {
    let desk = Desk::new();
    desk.write("one.yaml", "nodes: [{id: n, type: tool, tool_name: now}]");
    desk.write(
        "net.yaml",
        "api_version: network.v0\nname: wide\nmax_concurrent: 2\nworkflows:\n- {ref: one.yaml, id: a}\n- {ref: one.yaml, id: b}\n- {ref: one.yaml, id: c}\n",
    );
    let given = desk.ice(&["graph", "net.yaml", "--analyze"]).code(0);
    assert!(given.out.contains("at most 2 under way at once"), "{given:#?}");
}
