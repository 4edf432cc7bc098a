//! Tools that are commands, run by blueprints through the real binary in real cages.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod common;

use common::{Desk, project};
use serde_json::{Value, json};

/// A tool whose script is given, and a blueprint that calls it with the inputs of the run.
#[cfg(test)]
fn desk(script: &str, more: &str) -> Desk {
    let desk = Desk::new();
    let manifest = "name: probe\nversion: 1.0.0\ndescription: Looks around.\ncommand: [python3, ./probe.py]\n\
                    profile: python\neffect: pure\n";
    desk.write("tools/probe.yaml", &format!("{manifest}{more}"));
    desk.write("tools/probe.py", &format!("import json, os, sys\ngiven = json.load(sys.stdin)\n{script}"));
    let node =
        "nodes:\n  - {id: look, type: tool, tool_name: probe, tool_args: {path: '{{ inputs.path }}'}}\n";
    desk.write("look.yaml", &format!("input_schema: {{path: str}}\n{node}"));
    desk
}

/// What the run of the blueprint ends with.
#[cfg(test)]
fn run(desk: &Desk, path: &str, more: &[&str], code: i32) -> Value {
    let input = format!("path={path}");
    let words = ["run", "look.yaml", "--tools", "tools", "--json", "--input", &input];
    desk.ice(&[&words[..], more].concat()).code(code).json()
}

/// The failure of the one node.
#[cfg(test)]
fn failure(document: &Value) -> (String, String) {
    let failure = &document["nodes"][0]["failure"];
    let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[test]
fn json_goes_in_and_comes_out() {
    let desk = desk("json.dump({'path': given['path'], 'node': os.environ['ICE_NODE']}, sys.stdout)\n", "");
    let document = run(&desk, "grüße", &[], 0);
    assert_eq!(document["output"]["look"], json!({"path": "grüße", "node": "look"}));
}

#[test]
fn the_tool_that_new_writes_runs() {
    let desk = Desk::new();
    desk.ice(&["new", "tool", "word_count"]).code(0);
    let words = ["run", "word_count/try/word_count.yaml", "--tools", "word_count"];
    let output = desk.ice(&[&words[..], &["--input", "text=one three two"]].concat()).code(0).json();
    assert_eq!(output["count"], json!({"words": 3, "longest": "three"}));
    let document = desk.ice(&[&words[..], &["--input", "text=", "--json"]].concat()).code(1).json();
    assert_eq!(failure(&document).1, "`word_count` failed: the text has no words");
}

/// From a copy, for cages have folders of their own under some paths at which the project may lie.
#[test]
fn the_example_finds_words_of_the_same_letters() {
    let desk = Desk::new();
    for name in ["anagrams.yaml", "tools/anagrams.yaml", "tools/anagrams.py"] {
        desk.write(name, &std::fs::read_to_string(project().join("examples").join(name)).unwrap());
    }
    let words =
        ["run", "anagrams.yaml", "--tools", "tools", "--input", "text=Listen in silent tone, note it"];
    let output = desk.ice(&words).code(0).json();
    assert_eq!(output["summary"]["text"], "2 groups: listen = silent, note = tone");
}

#[test]
fn files_are_reached_only_as_manifest_and_run_grant_them() {
    let script = "json.dump({'text': open(given['path']).read()}, sys.stdout)\n";
    let own = desk(script, "grants: {read: [../own]}\n");
    let file = own.write("own/file", "own").canonicalize().unwrap();
    assert_eq!(run(&own, file.to_str().unwrap(), &[], 0)["output"]["look"]["text"], "own");
    let far = own.write("far/file", "far").canonicalize().unwrap();
    let far = far.to_str().unwrap();
    for grants in [&[][..], &["--ro", "far"]] {
        let (code, message) = failure(&run(&own, far, grants, 1));
        assert_eq!(code, "TOOL_FAILED");
        assert!(message.contains("FileNotFoundError"), "without the capability: {message}");
    }
    let of_run = desk(script, "capabilities: [read_files]\n");
    let far = of_run.write("far/file", "far").canonicalize().unwrap();
    let far = far.to_str().unwrap();
    assert_eq!(failure(&run(&of_run, far, &[], 1)).0, "TOOL_FAILED");
    assert_eq!(run(&of_run, far, &["--ro", "far"], 0)["output"]["look"]["text"], "far");
}

#[test]
fn limits_end_what_goes_on_for_too_long_or_says_too_much() {
    let long = desk("import time\ntime.sleep(60)\n", "limits: {wall: 500ms}\n");
    let (code, message) = failure(&run(&long, "x", &[], 1));
    assert_eq!(code, "TOOL_FAILED");
    assert!(message.contains("took longer than 500ms"), "{message}");
    let loud = desk("print('x' * 100000)\n", "limits: {output: 1KiB}\n");
    let (_, message) = failure(&run(&loud, "x", &[], 1));
    assert!(message.contains("wrote more output than 1KiB"), "{message}");
}

#[test]
fn what_is_no_json_or_no_program_is_told() {
    let (code, message) = failure(&run(&desk("print('hello')\n", ""), "x", &[], 1));
    assert_eq!(code, "TOOL_OUTPUT_INVALID");
    assert!(message.contains("near `hello`"), "{message}");
    let (code, message) = failure(&run(&desk("", "output_schema: {a: int}\n"), "x", &[], 1));
    assert_eq!(code, "TOOL_OUTPUT_INVALID");
    assert!(message.contains("wrote nothing"), "{message}");
    let desk = desk("", "");
    desk.write(
        "tools/probe.yaml",
        "name: probe\nversion: 1.0.0\ndescription: x\ncommand: [no_such_program]\neffect: pure\n",
    );
    assert_eq!(failure(&run(&desk, "x", &[], 1)).0, "SANDBOX_SETUP");
}

#[test]
fn a_secret_reaches_the_tool_that_names_it_and_nothing_else() {
    let script = "token = open(os.environ['TOKEN_FILE']).read()\nprint(token, file=sys.stderr)\n\
                  json.dump({'length': len(token), 'told': token, 'other': 'OTHER' in os.environ}, sys.stdout)\n";
    let desk = desk(script, "secrets: {TOKEN: file}\n");
    desk.write("token.txt", "t0p-s3cret\n");
    let refused = run(&desk, "", &[], 1);
    assert_eq!(refused["error"]["code"], "GRANT_MISSING");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("`--secret TOKEN=env:VARIABLE`"), "{message}");
    let secrets = ["--secret", "TOKEN=file:token.txt", "--secret", "OTHER=file:token.txt"];
    let document = run(&desk, "", &secrets, 0);
    assert_eq!(document["output"]["look"], json!({"length": 10, "told": "**********", "other": false}));
    let id = document["id"].as_str().unwrap();
    let events = desk.ice(&["runs", "events", id, "--json"]).code(0).out;
    assert!(
        events.contains("token.txt") && events.contains("**********") && !events.contains("t0p-s3cret"),
        "{events}"
    );
    // Nothing that is kept holds it either.
    let kept = std::process::Command::new("grep")
        .args(["-r", "-l", "t0p-s3cret"])
        .arg(desk.data())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
}

#[test]
fn a_secret_that_cannot_be_had_is_told_without_what_it_is() {
    let desk = desk("json.dump(1, sys.stdout)\n", "secrets: {TOKEN: variable}\n");
    let (code, message) = failure(&run(&desk, "", &["--secret", "TOKEN=env:ICE_TEST_NOT_SET"], 1));
    assert_eq!(code, "SANDBOX_SETUP");
    assert!(message.contains("the variable is not set"), "{message}");
    for (secret, why) in [
        ("TOKEN=hunter2", "is written NAME=env:VARIABLE or NAME=file:PATH"),
        ("TOKEN=file:nowhere", "cannot be read"),
    ] {
        let refused =
            desk.ice(&["run", "look.yaml", "--tools", "tools", "-i", "path=", "--secret", secret]).code(2);
        assert!(refused.err.contains(why) && !refused.err.contains("hunter2"), "{}", refused.err);
    }
}
