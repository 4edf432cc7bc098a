use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ice_core::blueprint::Format;
use ice_core::process::{Limits, Profile, SecretDelivery};
use ice_core::tools::{Capability, Effect};
use proptest::prelude::*;

use super::ToolManifest;

const GOOD: &str = "name: text.count
version: 1.0.0
description: |
  Counts words.
command: [./count.py, --all]
profile: python
effect: pure
capabilities: [network, read_files, network]
input_schema: {text: str}
output_schema: {type: object}
grants:
  read: [data/../more, ., /srv/words]
  hosts: ['api.example.org:443']
environment: {MODE: fast}
secrets: {TOKEN: variable, KEY: file}
limits: {wall: 30s, idle: 5, cpu: 2m, memory: 256MiB, processes: 16, open_files: 64, file: 10MiB, workspace: 64MiB, output: 1MiB}
";

fn read(text: &str) -> ice_core::document::Reading<ToolManifest> {
    ToolManifest::read(text, Format::Auto, "t", Path::new("/tools"))
}

/// What is told of the good manifest with one text in place of another.
#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let reading = read(&GOOD.replacen(from, to, 1));
    assert_eq!(reading.diagnostics.to_string(), expected);
    assert_eq!(reading.value.is_some(), expected.is_empty());
}

#[test]
fn a_manifest_is_read_with_absolute_paths_and_whole_schemas() {
    let manifest = read(GOOD).value.unwrap();
    assert_eq!((manifest.name.as_str(), manifest.description.as_str()), ("text.count", "Counts words."));
    assert_eq!(manifest.command, ["/tools/count.py", "--all"]);
    assert_eq!((manifest.profile, manifest.effect), (Profile::Python, Effect::Pure));
    assert_eq!(manifest.capabilities, [Capability::ReadFiles, Capability::Network]);
    assert_eq!(manifest.input_schema.get("required").unwrap().to_string(), "[\"text\"]");
    let read: Vec<PathBuf> = ["/tools", "/tools/more", "/srv/words"].map(PathBuf::from).into();
    assert_eq!((manifest.grants.read, manifest.grants.execute), (read, vec![PathBuf::from("/tools")]));
    let limits = Limits {
        wall_ms: Some(30_000),
        idle_ms: Some(5_000),
        cpu_ms: Some(120_000),
        memory_bytes: Some(256 << 20),
        processes: Some(16),
        open_files: Some(64),
        file_bytes: Some(10 << 20),
        workspace_bytes: Some(64 << 20),
        output_bytes: Some(1 << 20),
        fuel: None,
    };
    assert_eq!(manifest.limits, limits);
    let secrets = [("KEY", SecretDelivery::File), ("TOKEN", SecretDelivery::Variable)];
    assert_eq!(manifest.secrets, secrets.map(|(name, delivery)| (name.to_owned(), delivery)).into());
}

#[test]
fn a_secret_has_a_variable_of_its_own() {
    check(
        "{TOKEN: variable, KEY: file}",
        "{MODE: variable}",
        "t:15:17: error[OUT_OF_RANGE]: secrets.MODE: the variable `MODE` of this secret stands in `environment` as well",
    );
}

#[test]
fn what_is_left_out_is_as_little_as_can_be() {
    let text = r#"{"name": "a", "version": "0.1.0", "description": "A.", "command": ["cat"]}"#;
    let manifest = read(text).value.unwrap();
    assert_eq!((manifest.profile, manifest.effect), (Profile::Binary, Effect::Irreversible));
    assert_eq!((manifest.capabilities, manifest.limits), (Vec::new(), Limits::default()));
    assert_eq!(manifest.grants.read, [PathBuf::from("/tools")]);
    assert!(manifest.grants.execute.is_empty(), "the program is not one of the folder");
    assert_eq!(manifest.input_schema.to_string(), "{\"type\":\"object\"}");
}

#[test]
fn what_was_read_is_written_as_a_manifest_that_says_the_same() {
    let manifest = read(GOOD).value.unwrap();
    let text = serde_json::to_string(&manifest).unwrap();
    assert!(text.contains("\"limits\":{\"wall\":\"30s\",\"idle\":\"5s\",\"cpu\":\"2min\""), "{text}");
    assert_eq!(read(&text).value.unwrap(), manifest);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place_and_advice() {
    let text = "name: Count
version: 1.0
comand: [x]
effect: harmless
capabilities: [read_file]
input_schema: {text: strng}
grants: {read: [~/data, 3], hosts: ['*.example.org:443', nowhere], wirte: []}
environment: {PORT: 80, ICE_RUN: x, 'a-b': x}
secrets: {KEY: hunter2, ICE_X: file}
limits: {wall: 3 weeks, memory: 1KiB, processes: many, cpus: 1}
";
    let expected = "t:1:7: error[INVALID_ID]: name: `Count` is no name for a tool: lower-case letters, digits and `_`, beginning with a letter, with at most one `.` after a namespace, and 64 bytes in all
t:1:1: error[MISSING_FIELD]: description: the field `description` is missing
t:2:10: error[OUT_OF_RANGE]: version: `1.0` is no version of tool `Count`: write three numbers such as `1.0.0`
t:3:1: error[UNKNOWN_FIELD]: comand: unknown field `comand`; did you mean `command`?";
    let found = read(text);
    assert!(found.value.is_none());
    let lines: Vec<String> = found.diagnostics.to_string().lines().map(str::to_owned).collect();
    for line in expected.lines() {
        assert!(lines.iter().any(|found| found == line), "{line} is not in {lines:#?}");
    }
    let places = [
        "t:4:9: error[OUT_OF_RANGE]: effect: ",
        "t:5:16: error[OUT_OF_RANGE]: capabilities.0: ",
        "t:6:22: error[INVALID_SCHEMA]: input_schema: ",
        "t:7:17: error[OUT_OF_RANGE]: grants.read.0: `~` means nothing here; write the whole path",
        "t:7:25: error[WRONG_TYPE]: grants.read.1: ",
        "t:7:37: error[OUT_OF_RANGE]: grants.hosts.0: ",
        "t:7:58: error[OUT_OF_RANGE]: grants.hosts.1: ",
        "t:7:68: error[UNKNOWN_FIELD]: grants.wirte: unknown field `wirte`; did you mean `write`?",
        "t:8:21: error[WRONG_TYPE]: environment.PORT: ",
        "t:8:34: error[OUT_OF_RANGE]: environment.ICE_RUN: `ICE_RUN` is set by ice",
        "t:8:44: error[OUT_OF_RANGE]: environment.a-b: ",
        "t:9:16: error[OUT_OF_RANGE]: secrets.KEY: a secret is given in a `file` or in a `variable`",
        "t:9:32: error[OUT_OF_RANGE]: secrets.ICE_X: `ICE_X` is set by ice",
        "t:10:16: error[OUT_OF_RANGE]: limits.wall: `3 weeks` is no quantity: `weeks` is no unit",
        "t:10:33: error[OUT_OF_RANGE]: limits.memory: `memory` must lie between 1MiB and 1048576GiB, not 1KiB",
        "t:10:50: error[WRONG_TYPE]: limits.processes: ",
        "t:10:56: error[UNKNOWN_FIELD]: limits.cpus: unknown field `cpus`; did you mean `cpu`?",
    ];
    for place in places {
        assert!(lines.iter().any(|line| line.starts_with(place)), "{place} is not in {lines:#?}");
    }
    assert_eq!(lines.len(), expected.lines().count() + places.len(), "{lines:#?}");
}

#[test]
fn a_command_is_a_list_that_begins_with_a_program() {
    let command = "[./count.py, --all]";
    check(
        command,
        "python3 ./count.py",
        "t:5:10: error[WRONG_TYPE]: command: expected a list, found text; write each word as an item: [python3, ./tool.py]",
    );
    check(
        command,
        "[]",
        "t:5:10: error[OUT_OF_RANGE]: command: the command is empty; name a program: [python3, ./tool.py]",
    );
    check(
        command,
        "[bin/count]",
        "t:5:10: error[OUT_OF_RANGE]: command: a program is a name, an absolute path, or begins with `./`; write ./bin/count for one below the manifest's folder",
    );
    check(command, "['']", "t:5:10: error[OUT_OF_RANGE]: command: the program is empty");
}

#[test]
fn the_whole_file_system_is_not_granted() {
    for path in ["/", "/..", "../..", "''", "'~'"] {
        let reading = read(&GOOD.replacen("/srv/words", path, 1));
        let told = reading.diagnostics.to_string();
        assert!(told.starts_with("t:12:27: error[OUT_OF_RANGE]: grants.read.2: "), "{path}: {told}");
    }
}

#[test]
fn names_from_elsewhere_are_told_with_the_field_that_is_meant() {
    for (name, meant) in [("cmd", "command"), ("env", "environment"), ("input", "input_schema")] {
        let text = GOOD.replacen(&format!("{meant}:"), &format!("{name}:"), 1);
        let told = read(&text).diagnostics.to_string();
        assert!(told.ends_with(&format!("unknown field `{name}`; did you mean `{meant}`?")), "{told}");
    }
}

const PAGE: &str = include_str!("../../../../../docs/command-tools.md");

#[test]
fn the_page_names_the_fields_that_exist_and_its_manifest_can_be_read() {
    let fields = |value: &serde_json::Value| -> BTreeSet<String> {
        value["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let schema = schemars::schema_for!(ToolManifest).to_value();
    let defined = |name: &str| {
        let mut definitions = schema["$defs"].as_object().unwrap().iter();
        fields(definitions.find(|(_, definition)| definition["properties"].get(name).is_some()).unwrap().1)
    };
    let table = |heading: &str| -> BTreeSet<String> {
        let rows = PAGE.split(heading).nth(1).unwrap().lines().skip_while(|line| !line.starts_with('|'));
        let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
        rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(table("## A manifest\n"), fields(&schema));
    assert_eq!(table("## What it may touch\n"), defined("hosts"));
    assert_eq!(table("## How much it may use\n"), defined("wall"));
    let example = PAGE.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(read(example).diagnostics.to_string(), "");
}

/// Parts of manifests, of YAML and of neither.
fn piece() -> impl Strategy<Value = String> {
    let lines: Vec<String> = GOOD.lines().map(|line| format!("{line}\n")).collect();
    let odd = [
        "&a ", "*a ", "<<: ", "!!str ", "[", "]", "{", "}", "- ", "\"", "'", "|\n", "---\n", "\u{feff}", "\0",
    ];
    prop_oneof![
        prop::sample::select(lines),
        prop::sample::select(odd.map(str::to_owned).to_vec()),
        "\\PC{0,8}",
        any::<u8>().prop_map(|byte| char::from(byte).to_string()),
    ]
}

proptest! {
    #[test]
    fn no_text_is_too_much_for_the_reader(text in ".{0,200}") {
        let reading = read(&text);
        prop_assert_eq!(reading.value.is_none(), reading.diagnostics.has_errors());
    }

    #[test]
    fn no_broken_manifest_is_too_much_for_the_reader(
        at in 0..GOOD.len(),
        length in 0usize..30,
        pieces in prop::collection::vec(piece(), 0..4),
    ) {
        let end = (at + length).min(GOOD.len());
        // The good manifest is plain ASCII.
        let text = format!("{}{}{}", &GOOD[..at], pieces.concat(), &GOOD[end..]);
        for format in [Format::Auto, Format::Json, Format::Yaml] {
            let reading = ToolManifest::read(&text, format, "t", Path::new("/tools"));
            prop_assert_eq!(reading.value.is_none(), reading.diagnostics.has_errors());
            if let Some(manifest) = reading.value {
                prop_assert!(manifest.grants.read.iter().all(|path| path.is_absolute()));
                prop_assert!(!manifest.command.is_empty());
            }
        }
    }
}
