//! Replays, forks and comparisons through the real binary.

#[cfg(test)]
mod common;

use common::Desk;
use serde_json::json;

const YAML: &str = "nodes:
- {id: words, type: tool, tool_name: hello, tool_args: {name: '{{ inputs.who }}'}}
- {id: ask, type: llm, provider: echo, model: echo, prompt: 'Say {{ words.message }}'}
- {id: long, type: condition, expression: ask.text | length > 5}
";

#[cfg(test)]
fn ran() -> Desk {
    let desk = Desk::new();
    desk.write("say.yaml", YAML);
    desk.ice(&["run", "say.yaml", "-i", "who=ann"]).code(0);
    desk
}

#[test]
fn a_replay_tells_the_first_thing_that_comes_out_differently() {
    let desk = ran();
    let told = desk.ice(&["runs", "replay", "last"]).code(0);
    assert_eq!(told.out, "8 records come out the same\n");
    desk.ice(&["runs", "replay", "last", "say.yaml"]).code(0);
    desk.write("other.yaml", &YAML.replace("Say ", "Shout "));
    let told = desk.ice(&["runs", "replay", "last", "other.yaml"]).code(1).says("error[REPLAY_DIVERGED]");
    assert!(told.err.contains("`ask`") && told.err.contains("intent.request.messages.0"), "{}", told.err);
    let report = desk.ice(&["runs", "replay", "last", "other.yaml", "--json"]).code(1).json();
    assert_eq!((&report["same"], &report["divergence"]["node"]), (&json!(false), &json!("ask")));
    desk.write("wrong.yaml", "nodes: [{id: n, type: tool}]");
    desk.ice(&["runs", "replay", "last", "wrong.yaml"]).code(3);
}

#[test]
fn a_fork_goes_on_from_a_node_and_the_difference_is_shown() {
    let desk = ran();
    let first =
        desk.ice(&["runs", "show", "last", "--json"]).code(0).json()["id"].as_str().unwrap().to_owned();
    let output = desk.ice(&["runs", "fork", "last", "--at", "ask", "--set", "ask.prompt=No."]).code(0).json();
    assert_eq!((&output["ask"]["text"], &output["long"]["result"]), (&json!("No."), &json!(false)));
    let shown = desk.ice(&["runs", "show", "last"]).code(0);
    assert!(shown.out.contains(&format!("forked from {first} at ask")), "{}", shown.out);
    let told = desk.ice(&["runs", "diff", &first]).code(0).out;
    assert!(told.contains("output long.result\n  - true\n  + false\n"), "{told}");
    let found = desk.ice(&["runs", "diff", &first, &first, "--json"]).code(0).json();
    assert_eq!((&found["output"], &found["nodes"]), (&json!([]), &json!([])));
    desk.ice(&["runs", "fork", &first, "--at", "ask", "-i", "who=bob"])
        .code(1)
        .says("error[REPLAY_DIVERGED]");
    let output = desk.ice(&["runs", "fork", &first, "--at", "words", "-i", "who=bob"]).code(0).json();
    assert!(output["ask"]["text"].as_str().unwrap().contains("bob"), "{output}");
    desk.ice(&["runs", "fork", &first, "--at", "nowhere"]).code(1).says("error[NODE_NOT_REACHED]");
    desk.ice(&["runs", "fork", &first, "--at", "ask", "--set", "ask.promt=x"])
        .code(2)
        .says("did you mean `prompt`");
    desk.ice(&["runs", "fork", &first, "--at", "ask", "--set", "prompt"]).code(2).says("has no `=`");
    desk.write("other.yaml", &YAML.replace("Say ", "Shout "));
    let output =
        desk.ice(&["runs", "fork", &first, "--at", "ask", "--blueprint", "other.yaml"]).code(0).json();
    assert!(output["ask"]["text"].as_str().unwrap().starts_with("Shout "), "{output}");
}

#[test]
fn runs_that_have_ended_are_removed_when_they_are_old_enough() {
    let desk = ran();
    desk.ice(&["run", "say.yaml", "-i", "who=bob"]).code(0);
    let told = desk.ice(&["runs", "prune", "--older-than", "1d"]).code(0);
    assert!(told.err.contains("removed 0 runs"), "{}", told.err);
    let told = desk.ice(&["runs", "prune", "--older-than", "0s", "--keep", "1", "--dry-run"]).code(0);
    assert!(told.err.contains("1 run would be removed") && told.out.lines().count() == 1, "{told:?}");
    let pruned = desk.ice(&["runs", "prune", "--older-than", "0s", "--keep", "1", "--json"]).code(0).json();
    assert_eq!(pruned["runs"].as_array().unwrap().len(), 1);
    assert_eq!(desk.ice(&["runs", "list", "--json"]).code(0).json().as_array().unwrap().len(), 1);
    desk.ice(&["runs", "prune", "--older-than", "a while"]).code(2);
    desk.ice(&["runs", "prune", "--older-than", "1s", "--status", "waiting"])
        .code(2)
        .says("only runs that have ended");
}

#[test]
fn a_fork_whose_past_was_parked_is_driven_to_its_end() {
    let desk = Desk::new();
    let yaml = "nodes:
- {id: first, type: tool, tool_name: hello, tool_args: {name: ann}}
- {id: m, type: monitor, metric_expression: 'true', action_on_trigger: pause, dependencies: [first]}
- {id: last, type: llm, provider: echo, model: echo, prompt: '{{ first.message }}', dependencies: [m]}";
    desk.write("paused.yaml", yaml);
    desk.ice(&["run", "paused.yaml"]).code(4);
    desk.ice(&["runs", "resume", "last"]).code(0);
    let set = "last.prompt={{ first.message }} Again.";
    let output = desk.ice(&["runs", "fork", "last", "--at", "last", "--set", set]).code(0).json();
    assert_eq!(output["last"]["text"], "Hello, ann! Again.");
    desk.ice(&["runs", "fork", "last", "--at", "last", "--set", "last.provider=nobody"])
        .code(2)
        .says("what is to be changed does not fit");
}
