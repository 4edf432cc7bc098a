//! `ice run` in the foreground: what it writes where, its exit codes, and what is wrong with bad input.

#[cfg(test)]
mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{Desk, HELLO, Running, SLOW, given};
use rustix::process::Signal;
use serde_json::{Value, json};

#[test]
fn a_run_that_succeeds_gives_its_output() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let given = desk.ice(&["run", "hello.yaml", "--input", "name=Ada"]).code(0).says("succeeded Hello");
    assert_eq!(given.json(), json!({"greet": {"message": "Hello, Ada!"}}));
    assert!(!given.err.contains('\u{1b}') && !given.err.contains("staying"), "{}", given.err);
}

#[test]
fn json_is_the_document_of_the_run_and_nothing_else() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let document = desk.ice(&["--json", "run", "hello.yaml", "-i", "name=Ada"]).code(0).json();
    assert_eq!(document["status"], "succeeded");
    assert_eq!(document["output"], json!({"greet": {"message": "Hello, Ada!"}}));
    assert_eq!(document["name"], "Hello");
    assert_eq!(document["inputs"], json!({"name": "Ada"}));
    assert_eq!(document["nodes"][0]["node"], "greet");
    let shown = desk.ice(&["runs", "show", document["id"].as_str().unwrap(), "--json"]).code(0).json();
    assert_eq!(shown, document);
}

#[test]
fn a_run_that_fails_names_the_node_and_the_code() {
    let desk = Desk::new();
    let text = "nodes:\n  - {id: read, type: tool, tool_name: read_text, tool_args: {path: none.txt}}\n";
    desk.write("fail.yaml", text);
    desk.ice(&["run", "fail.yaml"]).code(1).says("error[GRANT_MISSING]: read:").says("--ro");
    let document = desk.ice(&["run", "fail.yaml", "--json", "--ro", "."]).code(1).json();
    assert_eq!(document["status"], "failed");
    assert_eq!(document["output"], json!({}));
    assert_eq!(document["failures"][0]["node"], "read");
}

#[test]
fn a_blueprint_can_come_from_standard_input() {
    let desk = Desk::new();
    let mut child = desk
        .command(["run", "-", "-i", "name=Ada"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(HELLO.as_bytes()).unwrap();
    let output = given(child.wait_with_output().unwrap()).code(0);
    assert_eq!(output.json(), json!({"greet": {"message": "Hello, Ada!"}}));
}

#[test]
fn an_invalid_blueprint_is_drawn_and_nothing_is_started() {
    let desk = Desk::new();
    desk.write("bad.yaml", "nodes:\n  - {id: a, type: tool, tool_name: helo}\n");
    desk.ice(&["run", "bad.yaml"])
        .code(3)
        .says("error[UNKNOWN_TOOL]")
        .says("2 |   - {id: a, type: tool, tool_name: helo}")
        .says("did you mean `hello`?");
    assert!(!desk.data().exists());
    let document = desk.ice(&["run", "bad.yaml", "--json"]).code(3).json();
    assert_eq!(document["error"]["code"], "BLUEPRINT_INVALID");
}

#[test]
fn inputs_must_be_what_the_blueprint_asks_for() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&["run", "hello.yaml"]).code(2).says("error[INPUT_INVALID]").says("name");
    desk.ice(&["run", "hello.yaml", "-i", "name=1"]).code(2).says("error[INPUT_INVALID]");
    desk.ice(&["run", "hello.yaml", "-i", "name"]).code(2).says("error[USAGE]").says("NAME=VALUE");
    desk.ice(&["run", "hello.yaml", "-i", "name=@none.json"]).code(2).says("error[FILE_UNREADABLE]");
    desk.write("all.json", "{\"name\": \"Ada\"}");
    desk.ice(&["run", "hello.yaml", "-i", "@all.json"]).code(0);
    assert_eq!(desk.ice(&["runs", "list", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_blueprint_is_told_apart() {
    let desk = Desk::new();
    std::fs::write(desk.path("binary"), [0_u8, 159, 146, 150]).unwrap();
    std::fs::File::create(desk.path("large.yaml")).unwrap().set_len(100 << 20).unwrap();
    desk.write("empty.yaml", "");
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.ice(&["run", "none.yaml"]).code(2).says("error[FILE_UNREADABLE]").says("none.yaml");
    desk.ice(&["run", "folder"]).code(2).says("error[FILE_UNREADABLE]").says("it is a folder");
    desk.ice(&["run", "binary"]).code(3).says("error[BLUEPRINT_SYNTAX]").says("byte 1 is not UTF-8");
    desk.ice(&["run", "large.yaml"]).code(3).says("error[BLUEPRINT_TOO_LARGE]");
    desk.ice(&["run", "empty.yaml"]).code(3).says("error[");
    assert!(!desk.data().exists());
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&[]).code(2).says("Usage");
    desk.ice(&["fly"]).code(2).says("error[USAGE]");
    desk.ice(&["run"]).code(2).says("error[USAGE]");
    desk.ice(&["run", "hello.yaml", "--max-parallel", "0"]).code(2).says("error[USAGE]");
    desk.ice(&["run", "hello.yaml", "--detach", "--wait"]).code(2).says("error[USAGE]");
    desk.ice(&["run", "hello.yaml", "--allow-net", "host"]).code(2).says("HOST:PORT");
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada", "--ro", "nowhere"]).code(2).says("--ro nowhere");
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let run = std::ffi::OsStr::new("run");
    given(desk.command([run, odd]).output().unwrap()).code(2).says("error[FILE_UNREADABLE]");
    given(desk.command([odd]).output().unwrap()).code(2).says("error[USAGE]");
    let input = std::ffi::OsStr::new("-i");
    given(desk.command([run, odd, input, odd]).output().unwrap()).code(2).says("error[USAGE]");
}

#[test]
fn a_budget_that_is_none_is_refused_with_how_one_is_written() {
    let desk = Desk::new();
    desk.write("hello.yaml", "nodes: [{id: a, type: tool, tool_name: hello, tool_args: {name: ann}}]");
    for (option, given, told) in [
        ("--max-cost", "-1", "`-1` is no amount of dollars such as `0.15`"),
        ("--max-cost", "NaN", "`NaN` is no amount of dollars"),
        ("--max-tokens", "-1", "invalid value '-1' for '--max-tokens <N>'"),
        ("--max-time", "0", "a run needs a millisecond at least"),
    ] {
        desk.ice(&["run", "hello.yaml", option, given]).code(2).says(told);
    }
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.write("file", "");
    let run = ["run", "hello.yaml", "-i", "name=Ada", "--data"];
    desk.ice(&[run.as_slice(), &["file"]].concat()).code(1).says("error[STORE_UNAVAILABLE]").says("file");
    desk.ice(&[run.as_slice(), &["file/below"]].concat()).code(1).says("error[STORE_UNAVAILABLE]");
    desk.ice(&[run.as_slice(), &["/proc/ice"]].concat()).code(1).says("error[STORE_UNAVAILABLE]");
    let bare = desk
        .command(["run", "hello.yaml", "-i", "name=Ada"])
        .env_remove("ICE_DATA")
        .env_remove("HOME")
        .output();
    given(bare.unwrap()).code(2).says("error[USAGE]").says("--data DIR");
    let home = desk.command(["run", "hello.yaml", "-i", "name=Ada"]).env_remove("ICE_DATA").output();
    given(home.unwrap()).code(0);
    assert!(desk.path(".local/state/ice/LOCK").is_file());
}

#[test]
fn a_folder_of_another_format_is_left_alone() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    desk.write("data/FORMAT", "ice 9999\n");
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(1).says("error[STORE_FORMAT]");
    assert_eq!(desk.read("data/FORMAT"), "ice 9999\n");
}

#[test]
fn an_owner_that_does_not_answer_is_named_with_its_pid() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    std::fs::create_dir(desk.data()).unwrap();
    let lock = std::fs::File::create(desk.data().join("LOCK")).unwrap();
    std::io::Write::write_all(&mut &lock, b"4242\n").unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"])
        .code(1)
        .says("error[CONTROL_UNAVAILABLE]")
        .says("4242")
        .says("--data DIR");
}

#[test]
fn nobody_reading_the_output_is_no_failure() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    for args in [
        &["runs", "list"][..],
        &["run", "hello.yaml", "-i", "name=Ada"],
        &["schema", "run"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            desk.command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?} {output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    }
}

#[test]
fn the_same_idempotency_key_gives_the_same_run() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let run = |name: &str| desk.ice(&["run", "hello.yaml", "--json", "--idempotency-key", "k", "-i", name]);
    let first = run("name=Ada").code(0).json();
    let second = run("name=Ada").code(0).json();
    assert_eq!(first["id"], second["id"]);
    run("name=Eve").code(1).says("error[STORE_CONFLICT]");
}

#[test]
fn options_reach_the_run() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let options =
        ["--durability", "buffered", "--max-parallel", "3", "--failure-policy", "halt", "--rw", "."];
    let net = ["--allow-net", "example.org:443"];
    let args = [&["run", "hello.yaml", "--json", "-i", "name=Ada"][..], &options, &net].concat();
    let found = desk.ice(&args).code(0).json()["options"].clone();
    assert_eq!(found["durability"], "buffered");
    assert_eq!(found["max_parallel"], 3);
    assert_eq!(found["failure_policy"], "halt");
    let here = desk.path("").canonicalize().unwrap();
    assert_eq!(found["grants"], json!({"write": [here], "hosts": ["example.org:443"]}));
}

#[cfg(test)]
fn slow(desk: &Desk) -> (Running, String) {
    desk.write("slow.yaml", SLOW);
    let mut running = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "."]);
    let id = running.run_id();
    running.until_said("mark");
    (running, id)
}

#[cfg(test)]
fn status(desk: &Desk, id: &str) -> Value {
    desk.ice(&["runs", "show", id, "--json"]).code(0).json()["status"].clone()
}

#[test]
fn ctrl_c_cancels_the_run() {
    let desk = Desk::new();
    let (running, id) = slow(&desk);
    running.signal(Signal::INT);
    running.finish().code(130).says("cancelling").says("cancelled Slow");
    assert_eq!(status(&desk, &id), "cancelled");
    assert_eq!(desk.read("lines.txt"), "first\n");
}

#[test]
fn sigterm_leaves_the_run_to_be_resumed() {
    let desk = Desk::new();
    let (running, id) = slow(&desk);
    running.signal(Signal::TERM);
    running.finish().code(4).says("ice runs resume");
    assert_eq!(status(&desk, &id), "running");
    assert!(!desk.data().join("control.sock").exists());
}

#[test]
fn the_socket_is_for_its_user_only() {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let desk = Desk::new();
    let (_running, _) = slow(&desk);
    let found = std::fs::metadata(desk.data().join("control.sock")).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(desk.data()).unwrap().mode() & 0o777, 0o700);
}
