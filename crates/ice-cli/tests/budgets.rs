//! Budgets that runs share, from the command line.

#[cfg(test)]
mod common;

use common::Desk;
use serde_json::json;

const TWO: &str = "
blueprint_id: two
nodes:
- {id: a, type: tool, tool_name: now}
- {id: b, type: tool, tool_name: now, dependencies: [a]}
";

#[test]
fn runs_of_a_blueprint_share_what_was_set_for_it() {
    let desk = Desk::new();
    desk.write("two.yaml", TWO);
    desk.ice(&["budgets", "list"]).code(0).says("no budget is shared");
    desk.ice(&["budgets", "set"]).code(2).says("nothing is limited");
    desk.ice(&["budgets", "remove"]).code(2).says("the tenant has no budget");
    let set = ["budgets", "set", "--blueprint", "two", "--max-tool-calls", "3", "--per", "month"];
    let given = desk.ice(&set).code(0);
    assert!(given.out.contains("tool calls") && given.out.contains("month"), "{given:#?}");
    desk.ice(&["run", "two.yaml"]).code(0);
    // Even the least is more than what is left: it is not begun.
    desk.ice(&["run", "two.yaml"])
        .code(1)
        .says("cannot succeed within the budget of the blueprint `two`: it takes at least 2 tool calls, and 1 of 3 are left");
    desk.ice(&["budgets", "set", "--max-tool-calls", "100"]).code(0);
    let listed = desk.ice(&["budgets", "list", "--json"]).code(0).json();
    let numbers = |at: usize| (&listed[at]["limit"]["tool_calls"], &listed[at]["spent"]["tool_calls"]);
    assert_eq!(listed[0]["payer"], json!({"blueprint": "two"}));
    assert_eq!(numbers(0), (&json!(3), &json!(2)));
    assert_eq!((&listed[1]["payer"], numbers(1)), (&json!("tenant"), (&json!(100), &json!(null))));
    desk.ice(&["budgets", "remove", "--blueprint", "two"]).code(0);
    desk.ice(&["run", "two.yaml"]).code(0);
    let listed = desk.ice(&["budgets", "list"]).code(0);
    assert!(listed.out.contains("all runs") && !listed.out.contains("two"), "{listed:#?}");
}

#[test]
fn a_fork_goes_on_with_a_larger_budget() {
    let desk = Desk::new();
    desk.write(
        "cond.yaml",
        "
nodes:
- id: if
  type: condition
  expression: inputs.n == 1
  true_path:
  - {id: a, type: tool, tool_name: now}
  - {id: b, type: tool, tool_name: now, dependencies: [a]}
",
    );
    desk.ice(&["run", "cond.yaml", "-i", "n=1", "--max-tool-calls", "1"]).code(1).says("BUDGET_EXCEEDED");
    desk.ice(&["runs", "fork", "last", "--at", "if.true.b"]).code(1).says("BUDGET_EXCEEDED");
    desk.ice(&["runs", "fork", "last", "--at", "if.true.b", "--max-tool-calls", "2"]).code(0);
}
