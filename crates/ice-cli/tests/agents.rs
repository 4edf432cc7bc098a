//! Agents from files, through the real binary.

#[cfg(test)]
mod common;

use common::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};

const YAML: &str = "nodes:
- {id: before, type: tool, tool_name: hello, tool_args: {name: Ada}}
- {id: a, type: agent, package: sleeper, dependencies: [before]}
";

/// An agent that sleeps once, and then answers.
#[cfg(test)]
fn agent(name: &str, seconds: f64) -> String {
    json!({
        "name": name, "tools": ["sleep", "write_text"],
        "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
            {"tool_calls": [{"name": "write_text", "arguments": {"path": "lines.txt", "mode": "append", "text": "once\n"}}]},
            {"tool_calls": [{"name": "sleep", "arguments": {"seconds": seconds}}]},
            {"text": "Rested."},
        ]}},
    })
    .to_string()
}

#[cfg(test)]
fn desk(seconds: f64) -> Desk {
    let desk = Desk::new();
    desk.write("rest.yaml", YAML);
    desk.write("agents/sleeper.json", &agent("sleeper", seconds));
    desk
}

#[cfg(test)]
fn tools_called(output: &Value) -> Vec<&str> {
    let history = output["a"]["tool_history"].as_array().unwrap();
    history.iter().map(|call| call["tool"].as_str().unwrap()).collect()
}

#[test]
fn an_agent_is_found_beside_its_blueprint_and_tells_its_steps() {
    let desk = desk(0.0);
    let ran = desk
        .ice(&["run", "rest.yaml", "-v", "--rw", "."])
        .code(0)
        .says("a.round[0].call[0]")
        .says("a.round[2]");
    let output = ran.json();
    assert_eq!(
        (&output["a"]["text"], tools_called(&output)),
        (&json!("Rested."), vec!["write_text", "sleep"])
    );
    let document = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    let node = &document["nodes"][1];
    assert_eq!((&node["kind"], &node["usage"]), (&json!("agent"), &document["usage"]));
}

#[test]
fn an_agent_goes_on_after_a_kill_though_its_file_is_gone() {
    let desk = desk(2.0);
    let mut run = desk.start(&["run", "rest.yaml", "-v", "--rw", "."]);
    run.until_said("a.round[1]");
    run.signal(Signal::KILL);
    run.finish();
    std::fs::remove_dir_all(desk.path("agents")).unwrap();
    let resumed = desk.ice(&["runs", "resume", "last", "--wait"]).code(0);
    let output = resumed.json();
    assert_eq!(
        (&output["a"]["text"], tools_called(&output)),
        (&json!("Rested."), vec!["write_text", "sleep"])
    );
    assert_eq!(desk.read("lines.txt"), "once\n", "what ended is not done again");
}

#[test]
fn folders_of_agents_are_named_and_what_is_wrong_in_them_is_told_on_its_line() {
    let desk = desk(0.0);
    std::fs::rename(desk.path("agents"), desk.path("team")).unwrap();
    desk.ice(&["validate", "rest.yaml"]).code(3).says("UNKNOWN_AGENT").says("there is no agent `sleeper`");
    desk.ice(&["run", "rest.yaml", "--agents", "nowhere"]).code(2).says("`--agents` names nowhere");
    desk.write("team/other.yaml", "name: other\nsystem_promt: x\n");
    let told = desk.ice(&["validate", "rest.yaml", "--agents", "team"]).code(3);
    assert!(told.err.contains("other.yaml:2:1") && told.err.contains("system_prompt"), "{}", told.err);
    std::fs::remove_file(desk.path("team/other.yaml")).unwrap();
    desk.write("team/again.yaml", &agent("sleeper", 1.0));
    desk.ice(&["validate", "rest.yaml", "--agents", "team"]).code(3).says("REGISTRY_CONFLICT");
    std::fs::remove_file(desk.path("team/again.yaml")).unwrap();
    desk.ice(&["run", "rest.yaml", "--agents", "team", "--rw", "."]).code(0);
    // Whoever owns the folder needs no agents: they come with the run.
    let detached = desk.ice(&["run", "rest.yaml", "--agents", "team", "--detach"]).code(0);
    desk.ice(&["runs", "resume", detached.out.trim(), "--wait"]);
    let shown = desk.ice(&["runs", "show", detached.out.trim(), "--json"]).code(0).json();
    assert_eq!(shown["output"]["a"]["text"], "Rested.");
}
