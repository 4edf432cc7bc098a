//! Networks through the real command: order, failures, a kill in the middle, and schedules that survive it.

#[cfg(test)]
mod common;

use common::{Desk, given, project};
use rustix::process::Signal;
use serde_json::Value;

const NETWORK: &str = "name: chain
global: {pause: 0.4}
workflows:
- {ref: append.yaml, id: first, inputs: {line: first}}
- {ref: append.yaml, id: second, after: first, inputs: {line: second}}
- {ref: append.yaml, id: third, after: second, inputs: {line: third}}
";

const APPEND: &str = r#"
input_schema: {line: str, pause: float}
nodes:
  - {id: write, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "{{ inputs.line }}\n"}}
  - {id: mark, type: tool, tool_name: now, dependencies: [write]}
  - {id: pause, type: tool, tool_name: sleep, tool_args: {seconds: "{{ inputs.pause }}"}, dependencies: [mark]}
"#;

#[cfg(test)]
fn statuses(document: &Value) -> Vec<(String, String)> {
    let text = |node: &Value, field: &str| node[field].as_str().unwrap().to_owned();
    let nodes = document["nodes"].as_array().unwrap().iter();
    let mut top: Vec<_> = nodes.map(|node| (text(node, "node"), text(node, "status"))).collect();
    top.retain(|(path, _)| !path.contains('.'));
    top.sort();
    top
}

#[test]
fn a_killed_network_goes_on_where_it_stood_and_does_nothing_twice() {
    let desk = Desk::new();
    desk.write("chain.yaml", NETWORK);
    desk.write("append.yaml", APPEND);
    let mut running = desk.start(&["network", "run", "chain.yaml", "-v", "--rw", "."]);
    let id = running.run_id();
    running.until_said("second.run.mark");
    running.signal(Signal::KILL);
    running.finish();
    assert_eq!(desk.read("lines.txt"), "first\nsecond\n");
    let document = desk.ice(&["runs", "resume", &id, "--json"]).code(0).json();
    assert_eq!((&document["status"], &document["name"]), (&Value::from("succeeded"), &Value::from("chain")));
    assert_eq!(desk.read("lines.txt"), "first\nsecond\nthird\n");
}

#[test]
fn a_failure_stops_only_what_comes_after_it() {
    let desk = Desk::new();
    desk.write(
        "fails.yaml",
        "nodes: [{id: n, type: tool, tool_name: read_text, tool_args: {path: nothing.txt}}]",
    );
    desk.write("greet.yaml", common::HELLO);
    desk.write(
        "net.yaml",
        "name: net
global: {name: Ada}
workflows:
- {ref: fails.yaml}
- {ref: greet.yaml, id: after, after: fails}
- {ref: greet.yaml, id: beside}
",
    );
    let given = desk.ice(&["network", "run", "net.yaml", "--ro", ".", "--json"]).code(1);
    let document = given.json();
    let expected = [("after", "skipped"), ("beside", "succeeded"), ("fails", "failed")];
    assert_eq!(statuses(&document), expected.map(|(id, status)| (id.to_owned(), status.to_owned())));
    assert_eq!(document["output"]["beside"]["greet"]["message"], "Hello, Ada!");
    // The failure stands in the file of the workflow, and where the network names it.
    let mut places: Vec<(&str, u64)> = Vec::new();
    for found in document["diagnostics"].as_array().unwrap() {
        let line = found["list"][0]["position"]["line"].as_u64();
        places.push((found["source"].as_str().unwrap(), line.unwrap()));
    }
    assert_eq!(places, [("net.yaml", 4), ("fails.yaml", 1)]);
}

#[test]
fn mistakes_are_drawn_on_their_lines_and_nothing_is_started() {
    let desk = Desk::new();
    desk.write("greet.yaml", common::HELLO);
    desk.write(
        "net.yaml",
        "name: net\nworkflows:\n- {ref: greet.yaml, after: [gret], schedule: 0 25 * * *}\n",
    );
    for command in [&["network", "run"][..], &["network", "validate"], &["validate"], &["run"]] {
        let args = [command, &["net.yaml"]].concat();
        let given = desk.ice(&args).code(3).says("the hour lies between 0 and 23, not 25");
        assert!(given.err.contains("net.yaml:3:48"), "{given:#?}");
    }
    desk.ice(&["network", "run", "greet.yaml"]).code(2).says("is a blueprint, not a network");
    desk.write("timed.yaml", "name: timed\nworkflows: [{ref: greet.yaml, schedule: '@daily'}]\n");
    desk.ice(&["network", "run", "timed.yaml"]).code(2).says("--scheduled");
    desk.ice(&["network", "validate", "timed.yaml"]).code(0);
    desk.write("plain.yaml", "name: plain\nworkflows: [{ref: greet.yaml}]\n");
    desk.ice(&["network", "run", "plain.yaml", "--scheduled"])
        .code(2)
        .says("no workflow of the network `plain`");
    desk.ice(&["network", "stop", "timed"]).code(2).says("has no schedules");
    desk.ice(&["network", "list"]).code(0).says("there are no such schedules");
    desk.ice(&["schema", "network"]).code(0);
}

const EACH_SECOND: &str = "name: beat
workflows:
- ref: beat.yaml
  schedule: {cron: '* * * * * *', catch_up: all, overlap: queue}
";

const BEAT: &str = r#"
nodes:
  - {id: write, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "{{ inputs.scheduled_for }}\n"}}
"#;

/// The times for which something was started, each a second after the one before it.
#[cfg(test)]
fn beats(desk: &Desk) -> Vec<String> {
    let lines: Vec<String> = desk.read("lines.txt").lines().map(str::to_owned).collect();
    let mut sorted = lines.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted, lines, "a time was started twice, or out of order");
    lines
}

#[test]
fn schedules_survive_a_kill_and_start_no_time_twice_and_leave_none_out() {
    let desk = Desk::new();
    desk.write("beat.network.yaml", EACH_SECOND);
    desk.write("beat.yaml", BEAT);
    let args = ["network", "run", "beat.network.yaml", "--scheduled", "--rw", "."];
    for _ in 0..2 {
        let mut running = desk.start(&args);
        running.until_said("schedule");
        running.until_printed("succeeded");
        running.until_printed("succeeded");
        running.signal(Signal::KILL);
        running.finish();
    }
    let mut running = desk.start(&args);
    running.until_said("schedule");
    running.until_printed("succeeded");
    let list = desk.ice(&["network", "list", "--json"]).code(0).json();
    assert_eq!((&list[0]["network"], &list[0]["entry"]), (&Value::from("beat"), &Value::from("beat")));
    running.signal(Signal::INT);
    running.finish().code(0).says("are paused");
    let seconds: Vec<i64> = beats(&desk)
        .iter()
        .map(|time| {
            serde_json::from_value::<ice_core::time::Moment>(Value::from(time.as_str())).unwrap().as_millis()
                / 1_000
        })
        .collect();
    let whole: Vec<i64> = (seconds[0]..).take(seconds.len()).collect();
    assert_eq!(seconds, whole, "a time was left out");
    assert_eq!(desk.ice(&["network", "list", "--json"]).code(0).json()[0]["paused"], true);
    desk.ice(&["network", "stop", "beat", "--forget"]).code(0);
    desk.ice(&["network", "list"]).code(0).says("there are no such schedules");
}

#[test]
fn a_worker_in_the_background_keeps_schedules_that_were_handed_over() {
    let desk = Desk::new();
    desk.write("beat.network.yaml", &EACH_SECOND.replace("all", "latest"));
    desk.write("beat.yaml", BEAT);
    let mut worker = desk.start(&["worker"]);
    worker.until_said("owns");
    let handed =
        desk.ice(&["network", "run", "beat.network.yaml", "--scheduled", "--detach", "--rw", "."]).code(0);
    assert!(handed.out.contains("beat"), "{handed:#?}");
    // Another command tells of them as well, and goes away without stopping them.
    let mut teller =
        desk.start(&["network", "run", "beat.network.yaml", "--scheduled", "--json", "--rw", "."]);
    teller.until_printed("\"reached\"");
    teller.signal(Signal::TERM);
    teller.finish().code(0);
    let seen = beats(&desk).len();
    while beats(&desk).len() < seen + 2 {
        desk.ice(&["network", "list", "beat"]).code(0);
    }
    desk.ice(&["network", "stop", "beat"]).code(0);
    worker.signal(Signal::TERM);
    worker.finish().code(0);
}

#[test]
fn the_example_runs_with_nothing_installed() {
    let desk = Desk::new();
    let command = ["network", "run", "examples/morning.yaml", "--json"];
    let document = given(desk.command(command).current_dir(project()).output().unwrap()).code(0).json();
    assert_eq!(document["output"]["words"]["count"], 12);
    assert!(document["output"]["day"]["tell"]["weekday"].is_string(), "{document}");
    assert!(document["output"]["letter"].is_null());
}

#[test]
fn who_keeps_schedules_is_told_that_somebody_else_has_paused_them() {
    let desk = Desk::new();
    desk.write("beat.network.yaml", EACH_SECOND);
    desk.write("beat.yaml", BEAT);
    let mut keeper = desk.start(&["network", "run", "beat.network.yaml", "--scheduled", "--rw", "."]);
    keeper.until_said("schedule");
    desk.ice(&["network", "stop", "beat"]).code(0);
    keeper.until_said("somebody else has paused its schedule");
    keeper.signal(Signal::INT);
    keeper.finish().code(0);
}
