//! The commands that run nothing.

#[cfg(test)]
mod common;

use common::{Desk, HELLO, given, project};
use serde_json::json;

#[test]
fn validate_draws_every_problem_on_its_line() {
    let desk = Desk::new();
    let text = "nodes:\n  - id: a\n    type: llm\n    provider: echo\n    model: echo\n    promt: hi\n  - id: b\n    type: tool\n    tool_name: hello\n    dependencies: [c]\n";
    desk.write("bad.yaml", text);
    desk.write("good.yaml", HELLO);
    let given = desk.ice(&["validate", "bad.yaml", "good.yaml"]).code(3);
    let given = given
        .says("6 |     promt: hi\n  |     ^^^^^")
        .says("did you mean `prompt`?")
        .says("10 |     dependencies: [c]");
    assert_eq!(given.out, "valid good.yaml: 1 node\n");
    let reports = desk.ice(&["validate", "bad.yaml", "good.yaml", "--json"]).code(3).json();
    assert_eq!((&reports[0]["valid"], &reports[1]["valid"]), (&json!(false), &json!(true)));
    assert_eq!(reports[0]["diagnostics"][0]["list"][0]["code"], "UNKNOWN_FIELD");
    assert_eq!(
        reports[0]["diagnostics"][0]["list"][0]["position"],
        json!({"line": 6, "column": 5, "length": 5})
    );
    desk.ice(&["validate", "good.yaml", "none.yaml"]).code(2).says("error[FILE_UNREADABLE]");
}

#[test]
fn blueprints_are_found_beside_the_one_that_names_them() {
    let desk = Desk::new();
    desk.write("sub/inner.yaml", HELLO);
    desk.write(
        "sub/middle.yaml",
        "nodes:\n  - {id: m, type: workflow, workflow_ref: inner.yaml, config_overrides: {name: Ada}}\n",
    );
    desk.write("outer.yaml", "nodes:\n  - {id: o, type: workflow, workflow_ref: sub/middle.yaml}\n");
    let output = desk.ice(&["run", "outer.yaml"]).code(0).json();
    assert_eq!(output, json!({"o": {"m": {"greet": {"message": "Hello, Ada!"}}}}));
    desk.write("sub/inner.yaml", "nodes:\n  - {id: x, type: tool, tool_name: helo}\n");
    desk.ice(&["validate", "outer.yaml"]).code(3).says("sub/inner.yaml:2:").says("did you mean `hello`?");
}

#[test]
fn blueprints_elsewhere_need_a_grant_and_circles_are_refused() {
    let desk = Desk::new();
    desk.write("far/inner.yaml", HELLO);
    desk.write("near/outer.yaml", "nodes:\n  - {id: o, type: workflow, workflow_ref: ../far/inner.yaml, config_overrides: {name: Ada}}\n");
    desk.ice(&["run", "near/outer.yaml"]).code(3).says("error[PATH_SECURITY_VIOLATION]").says("--ro PATH");
    desk.ice(&["run", "near/outer.yaml", "--ro", "far"]).code(0);
    std::os::unix::fs::symlink(desk.path("far/inner.yaml"), desk.path("near/link.yaml")).unwrap();
    desk.write("near/outer.yaml", "nodes:\n  - {id: o, type: workflow, workflow_ref: link.yaml}\n");
    desk.ice(&["validate", "near/outer.yaml"]).code(3).says("error[PATH_SECURITY_VIOLATION]");

    desk.write("a.yaml", "nodes:\n  - {id: x, type: workflow, workflow_ref: b.yaml}\n");
    desk.write("b.yaml", "nodes:\n  - {id: y, type: workflow, workflow_ref: a.yaml}\n");
    desk.ice(&["validate", "a.yaml"]).code(3).says("a.yaml → b.yaml → a.yaml").says("b.yaml:2:");
    desk.write("self.yaml", "nodes:\n  - {id: x, type: workflow, workflow_ref: self.yaml}\n");
    desk.ice(&["validate", "self.yaml"]).code(3).says("self.yaml → self.yaml");
    desk.write("none.yaml", "nodes:\n  - {id: x, type: workflow, workflow_ref: nothing.yaml}\n");
    desk.ice(&["validate", "none.yaml"]).code(3).says("error[UNKNOWN_BLUEPRINT]").says("2 |");
}

#[test]
fn graph_draws_both_forms() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    assert!(desk.ice(&["graph", "hello.yaml"]).code(0).out.starts_with("flowchart"));
    desk.ice(&["graph", "hello.yaml", "--format", "svg", "-o", "hello.svg"]).code(0);
    assert!(desk.read("hello.svg").starts_with("<svg"));
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    assert!(desk.ice(&["graph", "hello.yaml", "--run", "last"]).code(0).out.contains("succeeded"));
    desk.write("other.yaml", "nodes:\n  - {id: a, type: tool, tool_name: now}\n");
    desk.ice(&["graph", "other.yaml", "--run", "last"]).code(2).says("error[USAGE]");
}

#[test]
fn what_cannot_be_written_whole_is_not_written() {
    let desk = Desk::new();
    let core = project().join("crates/ice-core");
    desk.ice(&["new", "blueprint", "first"]).code(0);
    desk.write("picture.svg", "as it was");
    let there = || {
        let entries = std::fs::read_dir(desk.path("")).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = there();
    for words in [
        &["graph", "first.yaml", "--format", "svg", "-o", "picture.svg"][..],
        &["graph", "first.yaml", "-o", "picture.txt"],
        &["new", "blueprint", "second"],
        &["new", "tool", "word_count", "--ice-core", core.to_str().unwrap()],
    ] {
        // No file may have a single byte, and the system says so instead of killing.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ice")]);
        command.args(words).current_dir(desk.path("")).env("ICE_DATA", desk.data());
        given(command.output().unwrap()).code(2).says("cannot write");
        assert_eq!(there(), before, "{words:?}");
        assert_eq!(desk.read("picture.svg"), "as it was");
    }
}

#[test]
fn a_picture_replaces_what_is_there_and_keeps_its_mode_and_links() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    desk.ice(&["new", "blueprint", "first"]).code(0);
    let real = desk.write("folder/picture.svg", "as it was");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, desk.path("link.svg")).unwrap();
    desk.ice(&["graph", "first.yaml", "--format", "svg", "-o", "link.svg"]).code(0);
    assert!(desk.read("folder/picture.svg").starts_with("<svg"));
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(desk.path("link.svg").is_symlink());
    let printed = desk.ice(&["graph", "first.yaml", "-o", "/dev/stdout"]).code(0);
    assert_eq!(printed.out, desk.ice(&["graph", "first.yaml"]).out);
}

#[test]
fn new_writes_what_runs_at_once_and_overwrites_nothing() {
    let desk = Desk::new();
    desk.ice(&["new", "blueprint", "first"]).code(0);
    let output = desk.ice(&["run", "first.yaml", "-i", "name=Ada"]).code(0).json();
    assert_eq!(output["summary"]["text"], "The friendly greeting is done.");
    let output = desk.ice(&["run", "first.yaml", "-i", "name=Ada", "-i", "formal=true"]).code(0).json();
    assert_eq!(output["tone"]["branch_outputs"]["bow"]["text"], "Good day, Ada.");
    desk.ice(&["new", "blueprint", "first"]).code(2).says("is there already");
    desk.ice(&["new", "blueprint", "../up"]).code(2).says("error[USAGE]");
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.ice(&["new", "blueprint", "second", "--out", "folder"]).code(0);
    assert!(desk.path("folder/second.yaml").is_file());

    let core = project().join("crates/ice-core");
    let tool = ["new", "tool", "word_count", "--ice-core", core.to_str().unwrap()];
    let bare = [&tool[..3], &["--language", "rust"]].concat();
    desk.ice(&bare).code(2).says("in no registry of crates yet").says("--ice-core PATH");
    let elsewhere = ["new", "tool", "word_count", "--ice-core", "folder"];
    desk.ice(&elsewhere).code(2).says("folder is not the crate ice-core");
    assert!(!desk.path("word_count").exists());
    desk.ice(&tool).code(0);
    assert!(desk.read("word_count/src/lib.rs").contains("typed::tool(\"word_count\""));
    assert!(desk.read("word_count/Cargo.toml").contains("name = \"word_count\""));
    desk.ice(&tool).code(2).says("is there already");
    desk.ice(&["new", "tool", "Word"]).code(2).says("error[USAGE]");
}

#[test]
fn tools_are_listed_and_shown() {
    let desk = Desk::new();
    let tools = desk.ice(&["tools", "list", "--json"]).code(0).json();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"http_fetch") && names.contains(&"read_csv"), "{names:?}");
    assert_eq!(desk.ice(&["tools", "show", "hello", "--json"]).code(0).json()["effect"], "pure");
    assert!(desk.ice(&["tools", "show", "hello"]).code(0).out.contains("input {"));
    desk.ice(&["tools", "show", "helo"]).code(2).says("error[UNKNOWN_TOOL]").says("did you mean `hello`?");
}

#[test]
fn schemas_fit_what_is_written() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let document = desk.ice(&["run", "hello.yaml", "--json", "-i", "name=Ada"]).code(0).json();
    let runs = desk.ice(&["runs", "list", "--json"]).code(0).json();
    let events = desk.ice(&["runs", "events", "last", "--json"]).code(0).out;
    let check = |name: &str, value: &serde_json::Value| {
        let schema = desk.ice(&["schema", name]).code(0).json();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    };
    check("run", &document);
    check("runs", &runs);
    assert_eq!(events.lines().count(), 4);
    for event in events.lines() {
        check("event", &serde_json::from_str(event).unwrap());
    }
    let listed = desk.ice(&["schema", "--json"]).code(0).json();
    for one in listed.as_array().unwrap() {
        desk.ice(&["schema", one["name"].as_str().unwrap()]).code(0);
    }
    desk.ice(&["schema", "runn"]).code(2).says("did you mean `run`?");
}

#[test]
fn runs_are_found_by_the_beginning_of_their_id() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&["runs", "list", "--json"]).code(0).says("").json();
    desk.ice(&["runs", "show", "last"]).code(1).says("error[RUN_NOT_FOUND]");
    assert!(!desk.data().exists(), "looking makes no data folder");
    let first = desk.ice(&["run", "hello.yaml", "--json", "-i", "name=Ada"]).code(0).json()["id"].clone();
    let first = first.as_str().unwrap();
    desk.ice(&["run", "hello.yaml", "--json", "-i", "name=Eve"]).code(0);
    assert_eq!(desk.ice(&["runs", "show", &first[..35], "--json"]).code(0).json()["id"], first);
    assert_eq!(
        desk.ice(&["runs", "show", &first.to_uppercase()[..35], "--json"]).code(0).json()["id"],
        first
    );
    desk.ice(&["runs", "show", "0"]).code(2).says("begins the ids of several runs");
    desk.ice(&["runs", "show", "ffff"]).code(1).says("error[RUN_NOT_FOUND]");
    desk.ice(&["runs", "show", "what?"]).code(2).says("error[USAGE]");
    desk.ice(&["runs", "show", "ffffffff-ffff-7fff-8fff-ffffffffffff"]).code(1).says("error[RUN_NOT_FOUND]");
    desk.ice(&["runs", "resume", "ffffffff-ffff-7fff-8fff-ffffffffffff"])
        .code(1)
        .says("error[RUN_NOT_FOUND]");
    desk.ice(&["runs", "cancel", "ffffffff-ffff-7fff-8fff-ffffffffffff"])
        .code(1)
        .says("error[RUN_NOT_FOUND]");
    desk.ice(&["runs", "events", "last", "--after", "nonsense"]).code(2).says("error[USAGE]");
}

#[test]
fn events_go_on_after_a_cursor() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    let all = desk.ice(&["runs", "events", "last", "--json"]).code(0).out;
    let all: Vec<serde_json::Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = all.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["run.started", "node.started", "node.succeeded", "run.ended"]);
    let after = all[1]["cursor"].as_str().unwrap();
    let rest = desk.ice(&["runs", "events", "last", "--json", "--after", after]).code(0).out;
    let rest: Vec<serde_json::Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rest, all[2..]);
    assert!(desk.ice(&["runs", "events", "last", "--follow"]).code(0).out.contains("run.ended"));
}

#[test]
fn codes_are_explained_and_shells_completed() {
    let desk = Desk::new();
    assert!(desk.ice(&["errors", "1001"]).code(0).out.contains("CYCLIC_TOOL_COMPOSITION"));
    assert_eq!(desk.ice(&["errors", "usage", "--json"]).code(0).json()["number"], 5001);
    desk.ice(&["errors", "nothing"]).code(2).says("error[USAGE]");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(desk.ice(&["completions", shell]).code(0).out.contains("validate"), "{shell}");
    }
    assert!(desk.ice(&["--help"]).code(0).out.contains("Commands:"));
    assert!(desk.ice(&["--version"]).code(0).out.starts_with("ice "));
}

#[test]
fn colours_are_used_when_asked_for() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let run = ["run", "hello.yaml", "-i", "name=Ada", "--color"];
    assert!(desk.ice(&[run.as_slice(), &["always"]].concat()).code(0).err.contains('\u{1b}'));
    assert!(!desk.ice(&[run.as_slice(), &["never"]].concat()).code(0).err.contains('\u{1b}'));
    assert!(desk.ice(&["runs", "list", "--color", "always"]).code(0).out.contains('\u{1b}'));
    assert!(!desk.ice(&["runs", "list"]).code(0).out.contains('\u{1b}'));
}
