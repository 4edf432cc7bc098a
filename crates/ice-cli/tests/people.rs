//! Runs that ask people, through the real binary.

#[cfg(test)]
mod common;

use common::{Desk, project};
use serde_json::{Value, json};

const ASKS: &str = "nodes:
- {id: ask, type: human, prompt_message: 'ship it?'}
- {id: pick, type: human, prompt_message: which?, approval_type: choice, choices: [red, blue], dependencies: [ask]}
- {id: done, type: condition, expression: ask.approved, dependencies: [pick]}
";

#[cfg(test)]
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("asks.yaml", ASKS);
    desk
}

/// The questions that wait.
#[cfg(test)]
fn open(desk: &Desk) -> Vec<(String, String)> {
    let open = desk.ice(&["runs", "answer", "last", "--json"]).code(0).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    open.as_array().unwrap().iter().map(|asked| (text(&asked["node"]), text(&asked["message"]))).collect()
}

#[test]
fn a_run_is_left_at_its_questions_and_goes_on_with_each_answer() {
    let desk = desk();
    let left = desk.ice(&["run", "asks.yaml"]).code(4);
    assert!(left.err.contains("ship it?") && left.err.contains("approve|reject"), "{}", left.err);
    assert_eq!(open(&desk), [("ask".to_owned(), "ship it?".to_owned())]);
    desk.ice(&["runs", "answer", "last", "perhaps"]).code(2).says("error[ANSWER_INVALID]");
    desk.ice(&["runs", "answer", "last", "approve", "--comment", "go"]).code(4);
    assert_eq!(open(&desk), [("pick".to_owned(), "which?".to_owned())]);
    desk.ice(&["runs", "answer", "last", "approve", "--node", "ask"]).code(1).says("answered before: by ");
    let output = desk.ice(&["runs", "answer", "last", "blue"]).code(0).json();
    assert_eq!((&output["ask"]["approved"], &output["ask"]["comment"]), (&json!(true), &json!("go")));
    assert_eq!((&output["pick"]["response"], &output["done"]["result"]), (&json!("blue"), &json!(true)));
    assert!(open(&desk).is_empty());
    desk.ice(&["runs", "answer", "last", "red"]).code(1).says("error[QUESTION_CLOSED]");
}

#[test]
fn an_answer_comes_from_another_terminal() {
    let desk = desk();
    let mut run = desk.start(&["run", "asks.yaml", "--wait"]);
    run.until_said("ship it?");
    let told = desk.ice(&["runs", "answer", "last", "reject"]).code(0);
    assert!(told.out.starts_with("answered "), "{}", told.out);
    run.until_said("which?");
    desk.ice(&["runs", "answer", "last", "red"]).code(0);
    let given = run.finish().code(0);
    assert_eq!(given.json()["ask"]["approved"], false);
}

#[test]
fn of_two_answers_at_once_one_counts_and_the_run_goes_on() {
    for _ in 0..3 {
        let desk = Desk::new();
        desk.write("asks.yaml", "nodes: [{id: ask, type: human, prompt_message: ok?}]");
        desk.ice(&["run", "asks.yaml"]).code(4);
        let both = ["approve", "reject"].map(|answer| desk.start(&["runs", "answer", "last", answer]));
        let ended = both.map(common::Running::finish);
        let counted = ended.iter().filter(|given| given.code == Some(0)).count();
        let told = ended.iter().any(|given| given.err.contains("answered before: by "));
        assert!(counted == 1 && told, "{} / {}", ended[0].err, ended[1].err);
        let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
        assert_eq!(shown["status"], "succeeded");
        assert_eq!(shown["output"]["ask"]["approved"], ended[0].code == Some(0));
    }
}

#[test]
fn a_question_survives_the_end_of_its_process() {
    let desk = desk();
    let mut run = desk.start(&["run", "asks.yaml", "--wait"]);
    run.until_said("ship it?");
    drop(run);
    assert_eq!(open(&desk), [("ask".to_owned(), "ship it?".to_owned())]);
    desk.ice(&["runs", "answer", "last", "yes"]).code(4);
    let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    let asked = &shown["nodes"][0]["question"];
    assert_eq!((&asked["answer"]["response"], &asked["answer"]["kind"]), (&json!(true), &json!("given")));
}

#[test]
fn the_example_asks_about_large_sums_only() {
    let desk = Desk::new();
    desk.write("expense.yaml", &std::fs::read_to_string(project().join("examples/expense.yaml")).unwrap());
    let run = |amount: &str, code: i32| {
        desk.ice(&["run", "expense.yaml", "-i", amount, "-i", "what=train tickets"]).code(code)
    };
    let note = |output: &Value, path: &str| output["paid"]["branch_outputs"]["note"][path].clone();
    assert_eq!(note(&run("amount=40", 0).json(), "text"), "Paid 40 EUR for train tickets.");
    assert!(run("amount=340", 4).err.contains("Pay 340 EUR for train tickets?"));
    let output = desk.ice(&["runs", "answer", "last", "reject"]).code(0).json();
    assert_eq!(note(&output, "text"), "train tickets was not paid.");
}
