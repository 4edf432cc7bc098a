//! The binary, killed at a hundred points of a run with nearly every kind of node, and what comes of the run.

#[cfg(test)]
mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use common::Desk;
use serde_json::{Value, json};

/// So often a process is killed at least.
const DEATHS: usize = 100;
/// The most runs. Most are killed once or twice, some end before it comes to that.
const RUNS: u64 = 400;

/// Every line in `lines.txt` is named after the node that wrote it.
const KINDS: &str = r#"
nodes:
  - {id: hello, type: tool, tool_name: hello, tool_args: {name: Ada}}
  - {id: first, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "first\n"}}
  - {id: told, type: llm, provider: echo, model: echo, prompt: "{{ hello.message }}", dependencies: [first]}
  - {id: writer, type: agent, package: writer, dependencies: [told]}
  - id: chosen
    type: condition
    expression: told.text == 'Hello, Ada!'
    true_path: [{id: yes, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "chosen\n"}}]
  - id: each
    type: loop
    items_source: "{{ range(3) | list }}"
    body:
      - {id: line, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "each{{ item }}\n"}}
      - {id: rest, type: tool, tool_name: sleep, tool_args: {seconds: 0.02}, dependencies: [line]}
  - id: both
    type: parallel
    dependencies: [chosen]
    branches:
      - [{id: left, type: tool, tool_name: write_text, tool_args: {path: left.txt, mode: overwrite, text: left}}]
      - [{id: right, type: llm, provider: echo, model: echo, prompt: right}]
  - {id: inner, type: workflow, workflow_ref: inner.yaml, dependencies: [told], exposed_outputs: {said: said.text}}
  - {id: from, type: tool, tool_name: hello, tool_args: {name: "round {{ again.iterations or 0 }}"}, dependencies: [each]}
  - id: again
    type: recursive
    workflow_ref: grow.yaml
    recursive_sources: [from]
    convergence_condition: again.iterations == 2
    input_mappings: {name: {source_node_id: from, source_output_key: message}}
  - {id: watch, type: monitor, metric_expression: run.nodes_failed > 0, max_checks: 1}
  - {id: agreed, type: swarm, agents: [{package: one, role: first}, {package: two, role: second}]}
  - {id: ask, type: human, prompt_message: "Go on?", output_selection: [approved], dependencies: [inner, again, both]}
  - id: last
    type: tool
    tool_name: write_text
    tool_args: {path: lines.txt, mode: append, text: "last\n"}
    when: {condition: going, branch: true}
    dependencies: [going]
  - {id: going, type: condition, expression: ask.approved}
"#;

/// A line and the node, or the step, that writes it.
const LINES: [(&str, &str); 7] = [
    ("first", "first"),
    ("agent", "writer"),
    ("chosen", "chosen.true.yes"),
    ("each0", "each[0].body.line"),
    ("each1", "each[1].body.line"),
    ("each2", "each[2].body.line"),
    ("last", "last"),
];

#[cfg(test)]
fn agent(name: &str, turns: &Value) -> String {
    let llm = json!({"provider": "scripted", "model": "m", "script": {"turns": turns}});
    json!({"name": name, "tools": ["write_text"], "llm_config": llm}).to_string()
}

#[cfg(test)]
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("kinds.yaml", KINDS);
    desk.write("inner.yaml", "nodes: [{id: said, type: llm, provider: echo, model: echo, prompt: inside}]\n");
    desk.write(
        "grow.yaml",
        "nodes: [{id: s, type: tool, tool_name: hello, tool_args: {name: '{{ inputs.name }}'}}]\n",
    );
    let write = json!({"name": "write_text", "arguments": {"path": "lines.txt", "mode": "append", "text": "agent\n"}});
    desk.write(
        "agents/writer.json",
        &agent("writer", &json!([{"tool_calls": [write]}, {"text": "Written."}])),
    );
    for name in ["one", "two"] {
        let says = json!([{"times": "always", "json": {"proposal": "blue", "confidence": 0.9}}]);
        desk.write(&format!("agents/{name}.json"), &agent(name, &says));
    }
    desk
}

const RUN: [&str; 8] = ["run", "kinds.yaml", "-v", "--rw", ".", "--isolation", "in-process", "--json"];

/// The next of a sequence of numbers that a seed gives (SplitMix64).
#[cfg(test)]
fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Starts a command and kills it after a while, unless it has ended by then. Says whether it was killed.
#[cfg(test)]
fn killed(desk: &Desk, args: &[&str], after: Duration) -> bool {
    let mut command = desk.command(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = child.stderr.take().unwrap();
    let (tells, hears) = mpsc::channel();
    // A full pipe would hold it up. Its end is that of the process.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        said.read_to_string(&mut text).unwrap();
        tells.send(()).unwrap();
    });
    if hears.recv_timeout(after).is_err() {
        child.kill().unwrap();
    }
    let ended = child.wait().unwrap();
    reading.join().unwrap();
    std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9)
}

/// What the data folder has of the run, if it has one.
#[cfg(test)]
fn shown(desk: &Desk) -> Option<Value> {
    let shown = desk.ice(&["runs", "show", "last", "--json"]);
    (shown.code == Some(0)).then(|| shown.json())
}

/// Does the next thing that brings the run nearer to its end.
#[cfg(test)]
fn next<'a>(shown: Option<&Value>) -> Vec<&'a str> {
    match shown.map(|shown| shown["status"].as_str().unwrap()) {
        None => RUN.to_vec(),
        Some("parked") => vec!["runs", "resume", "last", "--in-doubt", "repeat", "--json"],
        Some("waiting") => vec!["runs", "answer", "last", "approve", "--node", "ask"],
        Some(_) => vec!["runs", "resume", "last", "--json"],
    }
}

#[cfg(test)]
fn to_the_end(desk: &Desk) -> Value {
    for _ in 0..20 {
        let shown = shown(desk);
        if let Some(document) = shown.as_ref().filter(|shown| !shown["ended_at"].is_null()) {
            return document.clone();
        }
        desk.ice(&next(shown.as_ref()));
    }
    panic!("the run does not end: {:#?}", desk.ice(&["runs", "show", "last"]))
}

/// The output without what differs from one run to the next: how long it took, and how long the file was after each line.
#[cfg(test)]
fn output(document: &Value) -> Value {
    let mut output = document["output"].clone();
    forget(&mut output, &["monitoring_duration_seconds", "bytes", "existed"]);
    output
}

#[cfg(test)]
fn forget(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|value| forget(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| forget(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How often a person had a node repeated.
#[cfg(test)]
fn repeats(desk: &Desk) -> BTreeMap<String, usize> {
    let events = desk.ice(&["runs", "events", "last", "--json"]).code(0).out;
    let mut repeats = BTreeMap::new();
    for event in events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if event["event"] == "node.settled" {
            *repeats.entry(event["node"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    repeats
}

#[test]
fn a_run_that_is_killed_anywhere_ends_as_if_it_had_not_been() {
    let undisturbed = desk();
    let began = Instant::now();
    undisturbed.ice(&RUN).code(4);
    let (took, expected) = (began.elapsed(), to_the_end(&undisturbed));
    assert_eq!(expected["status"], "succeeded", "{expected:#}");
    let (next_seed, deaths, settled) = (AtomicU64::new(0), Mutex::new(Vec::new()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next_seed.fetch_add(1, Ordering::Relaxed);
                    if seed >= RUNS || deaths.lock().unwrap().len() >= DEATHS {
                        return;
                    }
                    let repeated = one(seed, took, &expected, &deaths);
                    settled.fetch_add(repeated as u64, Ordering::Relaxed);
                }
            });
        }
    });
    let deaths = deaths.into_inner().unwrap();
    let records = expected["records"].as_u64().unwrap();
    let mut histogram = BTreeMap::<u64, usize>::new();
    deaths.iter().for_each(|kept| *histogram.entry(kept / 10 * 10).or_default() += 1);
    let settled = settled.into_inner();
    println!(
        "{} deaths of a run with {records} records, {settled} calls in doubt; by records kept: {histogram:?}",
        deaths.len()
    );
    assert!(deaths.len() >= DEATHS && histogram.len() >= 4, "{histogram:?}");
}

/// Kills one run and brings it to its end; gives how many calls were in doubt.
#[cfg(test)]
fn one(seed: u64, took: Duration, expected: &Value, deaths: &Mutex<Vec<u64>>) -> usize {
    let (desk, mut state) = (desk(), seed);
    // Until it dies it is started and taken up again; half of the runs die a second time.
    let (mut died, most) = (0, 1 + seed % 2);
    for _ in 0..6 {
        let shown = shown(&desk);
        if died == most || shown.as_ref().is_some_and(|shown| !shown["ended_at"].is_null()) {
            break;
        }
        let span = took.as_micros() as u64;
        let after = Duration::from_micros(span / 50 + dice(&mut state) % span);
        if killed(&desk, &next(shown.as_ref()), after) {
            let kept = self::shown(&desk).map_or(0, |shown| shown["records"].as_u64().unwrap());
            deaths.lock().unwrap().push(kept);
            died += 1;
        }
    }
    let document = to_the_end(&desk);
    assert_eq!(document["status"], "succeeded", "seed {seed}: {document:#}");
    assert_eq!(output(&document), output(expected), "seed {seed}");
    desk.ice(&["runs", "replay", "last"]).code(0);
    let (repeats, written) = (repeats(&desk), desk.read("lines.txt"));
    for (line, node) in LINES {
        let times = written.lines().filter(|written| *written == line).count();
        let allowed = 1 + repeats.get(node).copied().unwrap_or_default();
        assert!((1..=allowed).contains(&times), "seed {seed}: {line} {times} of {allowed}: {written}");
    }
    assert!(written.lines().all(|written| LINES.iter().any(|(line, _)| *line == written)), "{written}");
    repeats.values().sum()
}
