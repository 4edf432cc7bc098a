//! What is said when something cannot be done, to people and to machines.

#[cfg(test)]
mod common;

use common::{Desk, HELLO, in_doubt};
use serde_json::json;

#[test]
fn a_refused_command_line_is_a_document_if_json_is_asked_for() {
    let desk = Desk::new();
    let check = |words: &[&str], expected: &str| {
        let error = desk.ice(words).code(2).json()["error"].clone();
        let found = (error["code"].as_str(), error["number"].as_u64(), error["message"].as_str());
        assert_eq!(found, (Some("USAGE"), Some(5001), Some(expected)), "{words:?}");
        assert!(!error["help"].as_str().unwrap().contains("For more information"), "{error}");
    };
    check(&["foo", "--json"], "unrecognized subcommand 'foo'");
    check(
        &["--json"],
        "'ice' requires a subcommand but one was not provided [subcommands: run, chat, validate, estimate, network, budgets, graph, runs, memory, erase, \
         worker, tools, models, interpreters, seal, sandbox, doctor, schema, new, errors, completions]",
    );
    check(&["--json", "runs"], "the command line names no command");
    check(&["run", "--json"], "the following required arguments were not provided: <FILE>");
    check(&["run", "O", "--bogus", "--json"], "unexpected argument '--bogus' found");
    check(
        &["worker", "--idle", "x", "--json"],
        "invalid value 'x' for '--idle <SECONDS>': invalid digit found in string",
    );
    assert_eq!(desk.ice(&["foo", "--", "--json"]).code(2).out, "");
    assert_eq!(desk.ice(&["foo"]).code(2).says("error[USAGE]: unrecognized").out, "");
}

#[test]
fn without_a_command_there_is_help() {
    let desk = Desk::new();
    let help = desk.ice(&["--help"]).code(0).out;
    assert_eq!(desk.ice(&[]).code(2).err.lines().last(), help.lines().last());
    assert!(!desk.ice(&[]).err.contains("[USAGE]"));
}

#[test]
fn what_must_be_given_is_told_without_what_need_not() {
    let desk = Desk::new();
    desk.ice(&["run"]).code(2).says("Usage: ice run <FILE>");
}

#[test]
fn a_number_where_a_text_is_wanted_is_told_with_the_way_to_write_it() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let error = desk.ice(&["run", "hello.yaml", "-i", "name=5", "--json"]).code(2).json()["error"].clone();
    assert_eq!(error["code"], "INPUT_INVALID");
    let way = "a value that is JSON is not taken as a text; to give the text, write -i 'name=\"5\"'";
    assert_eq!(error["help"], way);
    desk.ice(&["run", "hello.yaml", "-i", "name=\"5\""]).code(0);
}

#[test]
fn the_diagnostics_of_a_blueprint_are_in_the_error() {
    let desk = Desk::new();
    desk.write("bad.yaml", "nodes:\n  - {id: a, type: tool, tool_name: helo}\n");
    let expected = desk.ice(&["validate", "bad.yaml", "--json"]).code(3).json()[0]["diagnostics"].clone();
    let error = desk.ice(&["run", "bad.yaml", "--json"]).code(3).json()["error"].clone();
    assert_eq!(error["diagnostics"], expected);
    assert_eq!(error["diagnostics"][0]["list"][0]["code"], "UNKNOWN_TOOL");
    assert_eq!((&error["code"], &error["number"]), (&json!("BLUEPRINT_INVALID"), &json!(1035)));
    let error = desk.ice(&["graph", "bad.yaml", "--json"]).code(3).json()["error"].clone();
    assert_eq!(error["code"], "BLUEPRINT_INVALID");
    desk.write("hello.yaml", HELLO);
    let error = desk.ice(&["run", "none.yaml", "--json"]).code(2).json()["error"].clone();
    assert_eq!(error.get("diagnostics"), None);
}

#[test]
fn problems_beyond_those_shown_are_counted() {
    let desk = Desk::new();
    let node = |at: usize| format!("  - {{id: n{at}, type: tool, tool_name: helo}}\n");
    desk.write("bad.yaml", &format!("nodes:\n{}", (0..1_700).map(node).collect::<String>()));
    desk.ice(&["validate", "bad.yaml"])
        .code(3)
        .says("… and 1,500 more\n")
        .says("bad.yaml is not valid: 200 errors shown, and 1,500 more problems\n");
    desk.write("bad.yaml", &format!("nodes:\n{}", node(1)));
    desk.ice(&["validate", "bad.yaml"]).code(3).says("bad.yaml is not valid: 1 error\n");
}

#[test]
fn a_parked_run_names_the_whole_command_that_decides() {
    let desk = Desk::new();
    let (id, _server) = in_doubt(&desk);
    let given = desk.ice(&["runs", "resume", &id]).code(4);
    let given = given.says(&format!("`ice runs resume {id} --in-doubt repeat`"));
    assert!(!given.err.contains(&format!("resume {id}`")), "{}", given.err);
}

#[test]
fn an_input_that_is_too_large_is_a_matter_of_usage() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    std::fs::File::create(desk.path("large")).unwrap().set_len(1 << 40).unwrap();
    desk.ice(&["run", "hello.yaml", "-i", "name=@large"]).code(2).says("error[FILE_TOO_LARGE]");
}

#[test]
fn what_is_no_regular_file_is_refused_and_never_waited_for() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, desk.path("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for words in [&["validate", "pipe"][..], &["run", "hello.yaml", "-i", "name=@pipe"]] {
        desk.ice(words).code(2).says("error[FILE_UNREADABLE]: cannot read pipe: it is no regular file");
    }
}

#[test]
fn a_list_of_no_runs_cannot_be_asked_for() {
    let desk = Desk::new();
    desk.ice(&["runs", "list", "--limit", "0"]).code(2).says("error[USAGE]");
    assert_eq!(desk.ice(&["runs", "list", "--limit", "1", "--json"]).code(0).json(), json!([]));
}

#[test]
fn a_damaged_folder_opens_once_the_loss_is_accepted() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    for _ in 0..3 {
        desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    }
    let before = desk.ice(&["runs", "list", "--json"]).code(0).json();
    let log = desk.data().join("log/0000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&log, &bytes).unwrap();

    let refused = desk.ice(&["runs", "list"]).code(1).says("error[STORE_CORRUPT]").says("`--accept-loss`");
    let lost = |text: &str| {
        let start = text.find("acknowledged commits ").unwrap();
        text[start..].split(" are lost").next().unwrap().to_owned()
    };
    let opened = desk.ice(&["runs", "list", "--json", "--accept-loss"]).code(0).says("warning:");
    assert_eq!(lost(&opened.err), lost(&refused.err));
    assert!(desk.data().join("damaged").read_dir().unwrap().next().is_some());
    // What stands before the damage is there, the newest last.
    let (before, after) = (before.as_array().unwrap(), opened.json());
    let after = after.as_array().unwrap();
    assert!(!after.is_empty() && after.len() < before.len(), "{after:?}");
    assert_eq!(after.last(), before.last());
    // It was accepted once and for all: nothing more is lost.
    let again = desk.ice(&["runs", "list", "--accept-loss"]).code(0);
    assert_eq!(again.err, "");
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
}

#[test]
fn a_code_is_explained_with_its_whole_page() {
    let desk = Desk::new();
    let page = std::fs::read_to_string(common::project().join("docs/errors/STORE_CORRUPT.md")).unwrap();
    assert_eq!(desk.ice(&["errors", "store_corrupt"]).code(0).out, page);
    let found = desk.ice(&["errors", "2004", "--json"]).code(0).json();
    assert_eq!((&found["code"], &found["page"]), (&json!("STORE_CORRUPT"), &json!(page)));
}
