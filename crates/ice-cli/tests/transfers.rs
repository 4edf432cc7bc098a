//! Runs that are moved to another blueprint, exported and imported, through the real binary.

#[cfg(test)]
mod common;

use std::process::Stdio;

use common::{Desk, given};
use serde_json::json;

const YAML: &str = "nodes:
- {id: first, type: tool, tool_name: hello, tool_args: {name: ann}}
- {id: ask, type: human, prompt_message: 'Say {{ first.message }}'}
- {id: last, type: llm, provider: echo, model: echo, prompt: 'said {{ first.message }}', dependencies: [ask]}
";

/// A run that waits for an answer.
#[cfg(test)]
fn waiting() -> (Desk, String) {
    let desk = Desk::new();
    desk.write("say.yaml", YAML);
    desk.ice(&["run", "say.yaml"]).code(4);
    let run = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    let id = run["id"].as_str().unwrap().to_owned();
    (desk, id)
}

#[test]
fn a_waiting_run_goes_on_over_a_changed_blueprint_and_what_it_did_must_stay() {
    let (desk, id) = waiting();
    desk.write("other.yaml", &YAML.replace("ann", "bob"));
    let told = desk.ice(&["runs", "migrate", &id, "--blueprint", "other.yaml"]).code(1);
    let told = told
        .says("error[REPLAY_DIVERGED]")
        .says("`first`: `intent.input.name` was \"ann\" and is \"bob\" now");
    told.says("ice runs fork");
    desk.write("say.yaml", &YAML.replace("said ", "now it was said: "));
    let told = desk.ice(&["runs", "migrate", &id, "--blueprint", "say.yaml", "--check"]).code(0);
    assert_eq!(told.out, "the run can be moved: 4 records come out the same\n");
    let report = desk.ice(&["runs", "migrate", "last", "--blueprint", "say.yaml", "--json"]).code(0).json();
    assert_eq!(report, json!({"run": id, "records": 4, "moved": true, "record": 4}));
    let told = desk.ice(&["runs", "migrate", &id, "--blueprint", "say.yaml"]).code(0);
    assert!(told.out.starts_with("the run goes on over this blueprint already"), "{told:?}");
    let output = desk.ice(&["runs", "answer", &id, "approve"]).code(0).json();
    assert_eq!(output["last"]["text"], "now it was said: Hello, ann!");
    let shown = desk.ice(&["runs", "show", &id]).code(0).out;
    assert!(shown.contains("moved to another blueprint at "), "{shown}");
    assert!(desk.ice(&["runs", "events", &id]).code(0).out.contains("run.migrated"));
    desk.ice(&["runs", "replay", &id]).code(0);
    desk.ice(&["runs", "migrate", &id, "--blueprint", "say.yaml"]).code(1).says("error[RUN_STATE]");
}

#[test]
fn a_run_is_moved_while_a_worker_owns_the_folder() {
    let (desk, id) = waiting();
    let mut worker = desk.start(&["worker"]);
    worker.until_said("ice worker owns");
    desk.write("say.yaml", &YAML.replace("said ", "now "));
    desk.ice(&["runs", "migrate", &id, "--blueprint", "say.yaml"]).code(0);
    desk.ice(&["runs", "answer", &id, "approve"]).code(0);
    let output = desk.ice(&["runs", "resume", &id]).code(0).json();
    assert_eq!(output["last"]["text"], "now Hello, ann!");
}

#[test]
fn a_run_that_has_ended_is_the_same_in_another_folder() {
    let desk = Desk::new();
    desk.write(
        "say.yaml",
        "nodes: [{id: n, type: tool, tool_name: hello, tool_args: {name: '{{ inputs.who }}'}}]",
    );
    desk.write("long.json", &format!("\"{}\"", "long ".repeat(500_000)));
    desk.ice(&["run", "say.yaml", "-i", "who=@long.json"]).code(0);
    let before = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    let told = desk.ice(&["runs", "export", "last"]).code(0);
    let file = told.out.trim().to_owned();
    assert_eq!(file, format!("{}.icerun", before["id"].as_str().unwrap()));
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(desk.path(&file)).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it has what the run was given");
    desk.ice(&["runs", "export", "last"]).code(2).says("is there already");

    let there = ["--data", "there"];
    let told = desk.ice(&[&there[..], &["runs", "import", &file]].concat()).code(0);
    assert!(told.err.contains("succeeded"), "{told:?}");
    let mut after = desk.ice(&[&there[..], &["runs", "show", "last", "--json"]].concat()).code(0).json();
    let imported = after.as_object_mut().unwrap().remove("imported").unwrap();
    assert_eq!(imported["records"], before["records"]);
    assert_eq!(after, before);
    let told = desk.ice(&[&there[..], &["runs", "import", &file]].concat()).code(0);
    assert!(told.err.contains("was here already"), "{told:?}");
    let shown = desk.ice(&[&there[..], &["runs", "show", "last"]].concat()).code(0);
    assert!(shown.out.contains("imported at "), "{}", shown.out);
    desk.ice(&[&there[..], &["runs", "fork", "last", "--at", "n"]].concat()).code(0);

    // A file that was cut leaves nothing.
    let whole = std::fs::read(desk.path(&file)).unwrap();
    std::fs::write(desk.path("cut.icerun"), &whole[..whole.len() / 2]).unwrap();
    desk.ice(&["--data", "third", "runs", "import", "cut.icerun"])
        .code(1)
        .says("error[RUN_FILE_INVALID]")
        .says("cut off");
    let listed = desk.ice(&["--data", "third", "runs", "list", "--json"]).code(0).json();
    assert_eq!(listed, json!([]));
    desk.ice(&["runs", "import", "nowhere"]).code(2).says("there is no such file");
}

#[test]
fn a_run_that_has_not_ended_goes_through_a_pipe_and_is_resumed_by_its_new_owner() {
    let (desk, id) = waiting();
    let mut worker = desk.start(&["--data", "there", "worker"]);
    worker.until_said("ice worker owns");
    let mut export = desk.command(["runs", "export", &id, "-"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut import = desk.command(["--data", "there", "runs", "import", "-"]);
    let told = given(import.stdin(export.stdout.take().unwrap()).output().unwrap());
    assert!(export.wait().unwrap().success());
    let told = told.code(0).says("is parked until `ice runs resume").says("done twice");
    assert_eq!(told.out.trim(), id);
    let there = |args: &[&str]| desk.ice(&[&["--data", "there"][..], args].concat());
    let shown = there(&["runs", "show", &id, "--json"]).code(0).json();
    assert_eq!((&shown["status"], &shown["failure"]["code"]), (&json!("parked"), &json!("RUN_IMPORTED")));
    there(&["runs", "answer", &id, "approve"]).code(1).says("once it is resumed");
    there(&["runs", "resume", &id]).code(4);
    there(&["runs", "answer", &id, "approve"]).code(0);
    let output = there(&["runs", "resume", &id]).code(0).json();
    assert_eq!(output["last"]["text"], "said Hello, ann!");
    // Here it waits as before.
    assert_eq!(desk.ice(&["runs", "show", &id, "--json"]).code(0).json()["status"], "waiting");
    // A worker hands out what it has, too.
    let exported = there(&["runs", "export", &id, "ended.icerun", "--json"]).code(0).json();
    assert_eq!(exported["file"], "ended.icerun");
    desk.ice(&["runs", "import", "ended.icerun"]).code(1).says("error[STORE_CONFLICT]");
}

/// What a command gives that may write files of so many blocks at most.
#[cfg(test)]
fn within(desk: &Desk, blocks: &str, args: &[&str]) -> common::Given {
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", r#"ulimit -f "$0" && exec "$@""#, blocks, env!("CARGO_BIN_EXE_ice")])
        .args(args)
        .current_dir(desk.path(""))
        .env_clear()
        .env("ICE_DATA", desk.data())
        .stdin(Stdio::null());
    given(command.output().unwrap())
}

#[test]
fn a_limit_on_the_size_of_files_is_told_and_nothing_is_left_or_lost() {
    let desk = Desk::new();
    desk.write(
        "say.yaml",
        "nodes: [{id: n, type: llm, provider: echo, model: echo, prompt: '{{ inputs.who }}'}]",
    );
    desk.write("long.json", &json!("w".repeat(300_000)).to_string());
    desk.ice(&["run", "say.yaml", "-i", "who=@long.json"]).code(0);
    within(&desk, "40", &["runs", "export", "last", "x.icerun"])
        .code(2)
        .says("cannot write x.icerun: it would be larger than files may be here");
    let left = std::fs::read_dir(desk.path("")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains("icerun")).collect::<Vec<_>>(), Vec::<String>::new());

    desk.ice(&["runs", "export", "last", "x.icerun"]).code(0);
    let there = ["--data", "there"];
    desk.ice(&[&there[..], &["run", "say.yaml", "-i", "who=ann"]].concat()).code(0);
    within(&desk, "40", &[&there[..], &["runs", "import", "x.icerun"]].concat()).code(1).says("error[STORE_");
    let listed = desk.ice(&[&there[..], &["runs", "list", "--json"]].concat()).code(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    desk.ice(&[&there[..], &["runs", "import", "x.icerun"]].concat()).code(0);
}
