//! A workflow with a real model in this process, from the command to the journal: what is checked is its shape, not its wit.

#![cfg(feature = "llm-local")]

#[cfg(test)]
mod common;

use std::path::PathBuf;

use common::{Desk, Given, given};
use serde_json::{Value, json};

/// Where `cargo xtask setup` puts the model: in cargo's folder for build output.
#[cfg(test)]
fn installed() -> Option<PathBuf> {
    let program = std::env::current_exe().unwrap();
    program
        .ancestors()
        .map(|folder| folder.join("models/smollm2-135m-instruct"))
        .find(|folder| folder.is_dir())
}

/// A desk whose provider `smol` is the model at a path.
#[cfg(test)]
fn desk(path: &str) -> Desk {
    let desk = Desk::new();
    desk.write("models.toml", &format!("[providers.smol]\nprotocol = \"gguf\"\npath = {}\n", json!(path)));
    desk
}

#[cfg(test)]
fn ice(desk: &Desk, words: &[&str]) -> Given {
    given(desk.command(words).env("ICE_MODELS", "models.toml").output().unwrap())
}

const BLUEPRINT: &str = "input_schema: {type: object, properties: {topic: {type: string}}, required: [topic]}
nodes:
- id: draft
  type: llm
  provider: echo
  model: echo
  prompt: \"Write two sentences about {{ inputs.topic }}.\"
  llm_config: {temperature: 0, max_tokens: 12}
- {id: count, type: tool, tool_name: text_stats, tool_args: {text: \"{{ draft.text }}\"}}
- id: long
  type: condition
  expression: count.words >= 3
  true_path:
  - id: title
    type: llm
    provider: echo
    model: echo
    prompt: \"Give this text a title: {{ draft.text }}\"
    llm_config: {temperature: 0, max_tokens: 6, seed: 7}
  false_path:
  - {id: title, type: llm, provider: echo, model: echo, prompt: too short}
";

#[test]
fn a_real_model_in_the_process_drives_a_workflow() {
    let Some(folder) = installed() else {
        println!("skipped: the model SmolLM2-135M-Instruct is not installed; `cargo xtask setup` fetches it");
        return;
    };
    let desk = desk(&folder.to_string_lossy());
    desk.write("b.yaml", BLUEPRINT);
    let run = || {
        let words = ["run", "b.yaml", "-i", "topic=the sea", "--model", "smol/smollm2", "--json"];
        ice(&desk, &words).code(0).json()
    };
    let ended = run();
    assert_eq!(ended["status"], json!("succeeded"), "{ended:#}");
    let draft = &ended["output"]["draft"];
    let text = draft["text"].as_str().unwrap();
    assert!(!text.trim().is_empty(), "{ended:#}");
    assert_eq!(draft["model"], json!("SmolLM2-135M-Instruct.Q4_1"));
    let words = text.split_whitespace().count() as u64;
    assert_eq!(ended["output"]["count"]["words"], json!(words));
    let title = &ended["output"]["long"]["branch_outputs"]["title"];
    assert!(!title["text"].as_str().unwrap().trim().is_empty(), "{ended:#}");
    // Every token is counted, once for each node and once for the run.
    let spent = |node: &Value, kind: &str| node["usage"][kind].as_u64().unwrap();
    // The template has an instruction of its own: llama.cpp reads as many.
    assert_eq!((spent(draft, "prompt_tokens"), spent(draft, "completion_tokens")), (37, 12), "{draft:#}");
    // What was answered before is part of what is asked.
    assert!(spent(title, "prompt_tokens") > 37 && spent(title, "completion_tokens") == 6, "{title:#}");
    for (of_run, of_node) in [("input", "prompt_tokens"), ("output", "completion_tokens")] {
        assert_eq!(spent(&ended, of_run), spent(draft, of_node) + spent(title, of_node), "{ended:#}");
    }
    // Without chance, the second time is as the first.
    assert_eq!(run()["output"], ended["output"]);

    let listed = ice(&desk, &["models", "list", "--json"]).code(0).json();
    let smol = listed.as_array().unwrap().iter().find(|one| one["name"] == "smol").unwrap();
    assert_eq!((&smol["protocol"], &smol["address"]), (&json!("gguf"), &json!(folder.to_string_lossy())));
    let served = ice(&desk, &["models", "ping", "smol", "--json"]).code(0).json();
    assert_eq!(served, json!(["SmolLM2-135M-Instruct.Q4_1"]));
}

#[test]
fn a_model_that_is_not_there_fails_the_run_with_where_it_was_looked_for() {
    let desk = desk("/no/such/folder");
    desk.write("b.yaml", BLUEPRINT);
    let ended = ice(&desk, &["run", "b.yaml", "-i", "topic=x", "--model", "smol/any", "--json"]);
    assert_ne!(ended.code, Some(0));
    let told = format!("{}{}", ended.out, ended.err);
    assert!(told.contains("/no/such/folder holds no model: name a GGUF file"), "{told}");
    ice(&desk, &["models", "ping", "smol"]).code(1).says("/no/such/folder holds no model");
}

#[test]
fn a_real_model_is_heard_token_by_token() {
    let Some(folder) = installed() else {
        println!("skipped: the model SmolLM2-135M-Instruct is not installed; `cargo xtask setup` fetches it");
        return;
    };
    let desk = desk(&folder.to_string_lossy());
    std::fs::create_dir_all(desk.path(".config/ice")).unwrap();
    std::fs::rename(desk.path("models.toml"), desk.path(".config/ice/models.toml")).unwrap();
    // Who listens must be there before the model speaks.
    desk.write(
        "b.yaml",
        "nodes:
- {id: ready, type: human, prompt_message: Ready?}
- {id: say, type: llm, provider: smol, model: any, prompt: Say hello., llm_config: {temperature: 0, max_tokens: 8}, dependencies: [ready]}
",
    );
    let mut run = desk.start(&["run", "b.yaml", "--wait"]);
    let id = run.run_id();
    let mut listening = desk.start(&["runs", "events", &id, "--follow", "--json", "-v"]);
    listening.until_printed("node.asked");
    desk.ice(&["runs", "answer", &id, "approve"]);
    let text = run.finish().code(0).json()["say"]["text"].as_str().unwrap().to_owned();
    let heard: Vec<Value> =
        listening.finish().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tokens: Vec<&str> = heard
        .iter()
        .filter(|event| event["event"] == json!("node.token"))
        .map(|event| event["data"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(tokens.concat(), text, "{heard:#?}");
    assert!(tokens.len() > 1 && !text.trim().is_empty(), "{tokens:?}");
}
