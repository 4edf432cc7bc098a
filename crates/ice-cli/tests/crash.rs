//! What is left of a run when its process dies, and how it goes on.

#[cfg(test)]
mod common;

use std::io::Read as _;
use std::process::Command;

use common::{Desk, Running, SLOW, in_doubt};
use rustix::process::Signal;

#[test]
fn a_killed_run_goes_on_where_it_stood_and_does_nothing_twice() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut running = desk.start(&["run", "slow.yaml", "-i", "seconds=1", "--rw", "."]);
    let id = running.run_id();
    running.until_said("mark");
    running.signal(Signal::KILL);
    running.finish();
    assert_eq!(desk.read("lines.txt"), "first\n");
    desk.ice(&["runs", "events", &id, "--follow"]).code(4).says("nobody drives it");
    desk.ice(&["runs", "list"]).code(0).says("nobody drives the runs that have not ended");
    desk.ice(&["runs", "show", &id]).code(0).says("nobody drives the runs that have not ended");
    let document = desk.ice(&["runs", "resume", &id, "--json"]).code(0).json();
    assert_eq!(document["status"], "succeeded");
    assert_eq!(desk.read("lines.txt"), "first\nsecond\n");
    desk.ice(&["runs", "resume", &id]).code(0).says("ended already");
    assert_eq!(desk.read("lines.txt"), "first\nsecond\n");
}

#[test]
fn many_deaths_in_a_row_lose_nothing_and_repeat_nothing() {
    let desk = Desk::new();
    let text = r#"
nodes:
  - id: each
    type: loop
    items_source: "{{ range(12) | list }}"
    body:
      - {id: line, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "{{ item }};"}}
      - {id: mark, type: tool, tool_name: now, dependencies: [line]}
      - {id: pause, type: tool, tool_name: sleep, tool_args: {seconds: 0.15}, dependencies: [mark]}
"#;
    desk.write("loop.yaml", text);
    let mut running = desk.start(&["run", "loop.yaml", "-v", "--rw", "."]);
    let id = running.run_id();
    for seen in ["each[1].body.mark", "each[4].body.mark", "each[8].body.mark"] {
        // The receipt of the append is kept, and the next one is a pause away.
        running.until_said(seen);
        running.signal(Signal::KILL);
        running.finish();
        running = desk.start(&["runs", "resume", &id, "-v"]);
    }
    running.finish().code(0);
    let expected: String = (0..12).map(|item| format!("{item};")).collect();
    assert_eq!(desk.read("lines.txt"), expected);
}

#[test]
fn an_irreversible_call_that_may_have_happened_is_a_question() {
    let desk = Desk::new();
    let (id, _server) = in_doubt(&desk);
    desk.ice(&["runs", "resume", &id]).code(4).says("parked").says("RUN_IN_DOUBT");
    let document = desk.ice(&["runs", "resume", &id, "--in-doubt", "fail", "--json"]).code(1).json();
    assert_eq!(document["status"], "failed");
}

#[test]
fn an_irreversible_call_is_repeated_if_a_person_says_so() {
    let desk = Desk::new();
    let (id, server) = in_doubt(&desk);
    let answering = std::thread::spawn(move || {
        let (mut asked, _) = server.accept().unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"one") {
            let mut byte = [0];
            asked.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        std::io::Write::write_all(&mut asked, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    });
    let resumed = desk.ice(&["runs", "resume", &id, "--in-doubt", "repeat"]).code(0);
    answering.join().unwrap();
    assert!(resumed.out.contains("ok"), "{resumed:?}");
}

#[test]
fn a_run_that_nobody_drives_can_be_cancelled() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut running = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "."]);
    let id = running.run_id();
    running.until_said("mark");
    running.signal(Signal::KILL);
    running.finish();
    let document = desk.ice(&["runs", "cancel", &id, "--json"]).code(0).json();
    assert_eq!(document["status"], "cancelled");
    assert_eq!(desk.read("lines.txt"), "first\n");
}

/// Starts `ice` where no file may grow beyond 1 MiB: for the store the disk is full then.
fn cramped(desk: &Desk, args: &[&str]) -> Running {
    let inner = desk.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""]).arg(inner.get_program());
    shell.args(inner.get_args()).envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = inner.get_current_dir() {
        shell.current_dir(folder);
    }
    Running::new(shell)
}

const FILLING: &str = "nodes: [{id: l, type: loop, items_source: \"{{ range(2000) }}\", body: [{id: h, type: llm, \
    provider: echo, model: echo, prompt: \"{{ item }} {{ 'x' * 2000 }}\"}]}]\n";

#[test]
fn a_disk_that_fills_up_ends_the_command_and_the_run_goes_on_later() {
    let desk = Desk::new();
    desk.write("fill.yaml", FILLING);
    cramped(&desk, &["run", "fill.yaml"]).finish().code(1).says("STORE_FULL");
    let run = desk.ice(&["runs", "resume", "last", "--json"]).code(0).json();
    assert_eq!(run["output"]["l"].as_array().unwrap().len(), 2_000);
}

#[test]
fn a_worker_on_a_full_disk_says_so_and_ends() {
    let desk = Desk::new();
    desk.write("fill.yaml", FILLING);
    let mut worker = cramped(&desk, &["worker"]);
    worker.until_said("owns");
    desk.ice(&["run", "fill.yaml", "--detach"]).code(0);
    worker.finish().code(1).says("STORE_FULL");
}
