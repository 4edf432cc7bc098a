//! Manifests of tools: where they are found, what is said of them, and what a broken one stops.

#[cfg(test)]
mod common;

use common::{Desk, HELLO, project};
use serde_json::json;

const COUNT: &str = "name: text.count
version: 1.2.0
description: Counts words. It counts them well.
command: [python3, ./count.py]
profile: python
effect: pure
capabilities: [network]
input_schema: {text: str}
output_schema: {words: int}
grants: {read: [words], hosts: ['api.example.org:443']}
environment: {MODE: fast}
limits: {wall: 5s, memory: 64MiB}
";

const CALLS: &str = "nodes:\n  - {id: n, type: tool, tool_name: text.count, tool_args: {text: a b}}\n";

#[test]
fn tools_of_manifests_stand_beside_the_built_in_ones() {
    let desk = Desk::new();
    let file = desk.write("tools/count.yaml", COUNT).canonicalize().unwrap();
    desk.write("tools/count.py", "");
    let list = desk.ice(&["tools", "list", "--tools", "tools", "--json"]).code(0).json();
    let from = |name: &str| {
        let tools = list.as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).map(|tool| tool["from"].clone())
    };
    assert_eq!(from("text.count"), Some(json!(file.to_str().unwrap())));
    assert_eq!(from("hello"), Some(json!("built-in")));
    assert!(desk.ice(&["tools", "list", "--tools", "tools"]).code(0).out.contains("count.yaml"));

    let shown = desk.ice(&["--tools", "tools", "tools", "show", "text.count"]).code(0).out;
    let folder = file.parent().unwrap().display();
    for line in [
        format!("from         {}", file.display()),
        format!("command      python3 {folder}/count.py"),
        "profile      python".to_owned(),
        format!("reads        {folder}, {folder}/words"),
        "connects to  api.example.org:443".to_owned(),
        "of the run   network".to_owned(),
        "environment  MODE=fast".to_owned(),
        "limits       wall 5s, memory 64MiB".to_owned(),
    ] {
        assert!(shown.lines().any(|found| found == line), "`{line}` is not in {shown}");
    }
    let document = desk.ice(&["tools", "show", "text.count", "--tools", "tools", "--json"]).code(0).json();
    assert_eq!(document["manifest"]["limits"], json!({"wall": "5s", "memory": "64MiB"}));
    let schema = desk.ice(&["schema", "tool-manifest"]).code(0).json();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    assert!(schema.is_valid(&document["manifest"]), "{document}");
    assert_eq!(desk.ice(&["tools", "show", "hello", "--json"]).code(0).json()["from"], "built-in");
    desk.ice(&["tools", "show", "text.cuont", "--tools", "tools"]).code(2).says("did you mean `text.count`?");
}

#[test]
fn folders_come_from_the_command_line_the_environment_or_the_home() {
    let desk = Desk::new();
    desk.write("calls.yaml", CALLS);
    desk.ice(&["validate", "calls.yaml"]).code(3).says("error[UNKNOWN_TOOL]");
    desk.write("far/count.yaml", COUNT);
    desk.ice(&["validate", "calls.yaml", "--tools", "far"]).code(0);
    let listed = |variable: &str, value: &str| {
        let output = desk.command(["validate", "calls.yaml"]).env(variable, value).output().unwrap();
        common::given(output).code
    };
    std::fs::create_dir(desk.path("empty")).unwrap();
    assert_eq!(listed("ICE_TOOLS", "empty:far"), Some(0));
    assert_eq!(listed("ICE_TOOLS", "empty"), Some(3));
    assert_eq!(listed("ICE_TOOLS", "none"), Some(2));
    desk.write("config/ice/tools/count.yaml", COUNT);
    assert_eq!(listed("XDG_CONFIG_HOME", desk.path("config").to_str().unwrap()), Some(0));
    desk.write(".config/ice/tools/count.yaml", COUNT);
    desk.ice(&["validate", "calls.yaml"]).code(0);
    // What is named takes the place of the folder that is looked at otherwise.
    assert_eq!(listed("ICE_TOOLS", "empty"), Some(3));
    desk.ice(&["validate", "calls.yaml", "--tools", "none"])
        .code(2)
        .says("error[USAGE]: `--tools` names none, in which no tools can be")
        .says("ice new tool NAME");
}

#[test]
fn broken_manifests_are_told_all_at_once_and_stop_what_needs_tools() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    desk.write("tools/a.yaml", &COUNT.replace("command", "comand").replace("wall: 5s", "wall: 5 weeks"));
    desk.write("tools/b.yml", "name: [\n");
    desk.write(
        "tools/c.json",
        "{\"name\": \"hello\", \"version\": \"2.0.0\", \"description\": \"x\", \"command\": [\"x\"]}",
    );
    let run = ["run", "hello.yaml", "--input", "name=Ada"];
    for words in
        [&run[..], &["validate", "hello.yaml"], &["tools", "list"], &["worker"], &["graph", "hello.yaml"]]
    {
        let given = desk.ice(&[words, &["--tools", "tools"]].concat()).code(2);
        let given = given
            .says("error[MANIFEST_INVALID]: 3 manifests of tools are not valid: 4 errors")
            .says("4 | comand: [python3, ./count.py]\n")
            .says("help: did you mean `command`?")
            .says("error[OUT_OF_RANGE]: `5 weeks` is no quantity")
            .says("error[BLUEPRINT_SYNTAX]")
            .says("error[REGISTRY_CONFLICT]: `hello` is the name of a built-in tool");
        assert_eq!(given.err.matches("error[MANIFEST_INVALID]").count(), 1);
    }
    let error = desk.ice(&["tools", "list", "--tools", "tools", "--json"]).code(2).json()["error"].clone();
    assert_eq!(
        (&error["code"], error["diagnostics"].as_array().unwrap().len()),
        (&json!("MANIFEST_INVALID"), 3)
    );
    assert_eq!(error["diagnostics"][0]["list"][0]["position"]["line"], 4);
    // Who only looks at runs needs no tools.
    desk.ice(&["run", "hello.yaml", "--input", "name=Ada"]).code(0);
    desk.ice(&["runs", "list", "--tools", "tools"]).code(0);
    desk.ice(&["runs", "show", "last", "--tools", "tools"]).code(0);
    desk.ice(&["schema", "--tools", "tools"]).code(0);
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let desk = Desk::new();
    desk.write("tools/hello.yaml", &COUNT.replace("text.count", "hello"));
    desk.ice(&["tools", "list", "--tools", "tools"])
        .code(2)
        .says("error[REGISTRY_CONFLICT]: `hello` is the name of a built-in tool")
        .says("error[REGISTRY_CONFLICT]: ")
        .says("hello.yaml is not a valid manifest of a tool: 1 error");
    desk.write("one/a.yaml", COUNT);
    desk.write("two/b.yaml", COUNT);
    desk.ice(&["tools", "list", "--tools", "one", "--tools", "two"])
        .code(2)
        .says("`text.count@1.2.0` stands in")
        .says("one/a.yaml already");
    desk.write("two/b.yaml", &COUNT.replace("1.2.0", "1.3.0"));
    let shown =
        desk.ice(&["tools", "show", "text.count", "--tools", "one", "--tools", "two", "--json"]).code(0);
    assert_eq!(shown.json()["version"], "1.3.0");
}

#[test]
fn a_worker_in_the_background_has_the_same_tools() {
    let desk = Desk::new();
    desk.write("calls.yaml", CALLS);
    desk.write("tools/count.yaml", COUNT);
    desk.ice(&["run", "calls.yaml", "--detach", "--tools", "tools"]).code(0);
    // Another command finds a worker there whose tools are not its own.
    desk.ice(&["run", "calls.yaml", "--detach"]).code(3).says("error[UNKNOWN_TOOL]");
    desk.write("hello.yaml", HELLO.replace("hello", "far.hello").as_str());
    desk.write(
        "more/hello.yaml",
        &COUNT.replace("text.count", "far.hello").replace("text: str", "name: str"),
    );
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada", "--tools", "more"])
        .code(3)
        .says("error[BLUEPRINT_INVALID]")
        .says("has other tools than this command");
}

#[test]
fn doctor_names_tools_that_cannot_be_run() {
    let desk = Desk::new();
    desk.write("tools/a.yaml", &COUNT.replace("[python3,", "[no_such_program,").replace("text.count", "a"));
    desk.write(
        "tools/b.yaml",
        &COUNT.replace("[python3, ./count.py]", "[./count.py]").replace("text.count", "b"),
    );
    desk.write("tools/c.yaml", &COUNT.replace("[python3,", "[/bin/sh,"));
    desk.write("tools/d.yaml", "name: 3\n");
    desk.write(
        "tools/e.yaml",
        &COUNT.replace("[python3,", "[/bin/sh,").replace("text.count", "e").replace("[words]", "[/proc]"),
    );
    let found = desk.ice(&["doctor", "--tools", "tools", "--json"]).json();
    assert_eq!(found["tools"]["count"], 5);
    let faulty = found["tools"]["faulty"].as_array().unwrap();
    let why: Vec<&str> = faulty.iter().map(|tool| tool["why"].as_str().unwrap()).collect();
    assert!(why[0].starts_with("`no_such_program` is not found in "), "{why:?}");
    assert!(why[1].ends_with("count.py: there is no such file or folder"), "{why:?}");
    assert!(why[2].starts_with("the path /proc cannot be granted: "), "{why:?}");
    assert!(why[3].starts_with("it is not a valid manifest: "), "{why:?}");
    assert_eq!((why.len(), &faulty[0]["tool"]), (4, &json!("a")));
    let told = desk.ice(&["doctor", "--tools", "tools"]).out;
    assert!(told.contains("tools              1 command in order"), "{told}");
    assert!(told.contains("a: `no_such_program` is not found"), "{told}");
}

#[test]
fn new_writes_a_tool_that_is_valid_as_it_is() {
    let desk = Desk::new();
    let given = desk.ice(&["new", "tool", "word_count"]).code(0);
    assert_eq!(
        given.out,
        "word_count/word_count.yaml\nword_count/word_count.py\nword_count/try/word_count.yaml\n"
    );
    desk.ice(&["validate", "word_count/try/word_count.yaml", "--tools", "word_count"]).code(0);
    let manifest =
        desk.ice(&["tools", "show", "word_count", "--tools", "word_count", "--json"]).code(0).json();
    assert_eq!(manifest["effect"], "pure");
    desk.ice(&["new", "tool", "word_count"]).code(2).says("is there already");
    desk.ice(&["new", "tool", "x", "--language", "rust"]).code(2).says("--ice-core PATH");
    desk.ice(&["new", "tool", "x", "--language", "python", "--ice-core", "y"]).code(2).says("error[USAGE]");
}

#[test]
fn the_example_is_a_manifest_without_problems() {
    let desk = Desk::new();
    let tools = project().join("examples/tools");
    let blueprint = project().join("examples/anagrams.yaml");
    let words = ["validate", blueprint.to_str().unwrap(), "--tools", tools.to_str().unwrap()];
    desk.ice(&words).code(0);
}
