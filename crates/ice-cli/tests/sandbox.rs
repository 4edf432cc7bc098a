//! Commands in cages, and what the machine can enforce. These tests need a machine on which every layer holds.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{Desk, Given, Running, given};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Runs a command in a cage.
#[cfg(test)]
fn caged(desk: &Desk, options: &[&str], command: &[&str]) -> Given {
    desk.ice(&[&["sandbox", "run"], options, &["--"], command].concat())
}

/// The report that stands as JSON on the last line of standard error.
#[cfg(test)]
fn report(given: &Given) -> Value {
    serde_json::from_str(given.err.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {given:#?}"))
}

/// Runs `ice` in a cage, where no layer can be had that needs namespaces.
#[cfg(test)]
fn within(desk: &Desk, words: &[&str]) -> Given {
    let own = desk.path("ice");
    std::fs::copy(env!("CARGO_BIN_EXE_ice"), &own).unwrap();
    let own = own.to_str().unwrap();
    caged(desk, &["--quiet", "--memory", "1G", "--exec", own], &[&[own], words].concat())
}

#[test]
fn every_layer_holds_or_it_is_told_why_not() {
    let desk = Desk::new();
    let told = desk.ice(&["doctor", "--json"]);
    let found = told.json();
    let missing = found["missing"].as_array().unwrap();
    let complete = missing.is_empty();
    let capable = missing.iter().all(|one| one["layer"] == "control_groups");
    assert_eq!((&found["complete"], &found["capable"]), (&json!(complete), &json!(capable)));
    assert_eq!(found["layers"].as_array().unwrap().len() + missing.len(), 13, "{found}");
    assert!(
        found["landlock_abi"].as_i64().is_some_and(|abi| abi > 0)
            == found["layers"].as_array().unwrap().contains(&json!("landlock"))
    );
    assert!(found["launcher"].is_string() && found["kernel"].is_string(), "{found}");
    let names = found["interpreters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["python3", "node", "java"]);
    for one in found["interpreters"].as_array().unwrap() {
        assert!(one["version"].is_string() != one["why"].is_string(), "{one}");
    }
    told.code(if capable { 0 } else { 125 });
    let shown = desk.ice(&["doctor"]).out;
    assert_eq!(shown.contains("every layer holds"), capable, "{shown}");
    assert_eq!(shown.contains("missing:"), !complete, "{shown}");
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let desk = Desk::new();
    let shown = within(&desk, &["doctor"]).code(125).out;
    for expected in [
        "user_namespace     no ",
        "missing: net_namespace: ",
        "help: the kernel or a seccomp",
        ": commands run only without them by name",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in {shown}");
    }
    let found = within(&desk, &["doctor", "--json"]).code(125).json();
    assert_eq!(found["complete"], false);
    assert!(found["hints"]["user_namespace"].as_str().unwrap().contains("userns"), "{found}");
}

#[test]
fn a_command_is_given_secrets_by_where_they_are() {
    let desk = Desk::new();
    let path = desk.path("secret");
    std::fs::write(&path, "t0p\n").unwrap();
    let place = format!("TOKEN=file:{}", path.display());
    let line = r#"cat "$TOKEN_FILE"; echo "=$TOKEN""#;
    let shell = ["sh", "-c", line];
    assert_eq!(caged(&desk, &["--secret", &place], &shell).code(0).out, "t0p=\n");
    let line = r#"echo "$TOKEN=$TOKEN_FILE""#;
    assert_eq!(caged(&desk, &["--secret-env", &place], &["sh", "-c", line]).code(0).out, "t0p=\n");
    let unset = caged(&desk, &["--secret", "TOKEN=env:NOT_SET_HERE"], &shell).code(125);
    assert!(unset.out.is_empty() && unset.err.contains("NOT_SET_HERE"), "{unset:#?}");
    let itself = caged(&desk, &["--secret", "TOKEN=hunter2"], &shell).code(2);
    let told = itself.err.contains("NAME=env:VARIABLE") && !itself.err.contains("hunter2");
    assert!(told, "{itself:#?}");
}

#[test]
fn a_waived_layer_that_is_missing_is_named() {
    let desk = Desk::new();
    let words = ["sandbox", "run", "--json", "--", "true"];
    let refused = within(&desk, &words).code(125);
    assert_eq!(report(&refused)["stage"], json!({"layer": "user_namespace"}));
    let found = within(&desk, &["doctor", "--json"]).json();
    let missing = found["missing"].as_array().unwrap().iter().map(|one| one["layer"].as_str().unwrap());
    let waived: Vec<&str> = missing.flat_map(|layer| ["--waive", layer]).collect();
    let ran =
        within(&desk, &[&["sandbox", "run"], waived.as_slice(), &["--", "echo", "hi"]].concat()).code(0);
    assert_eq!(ran.out, "hi\n");
    ran.says("warning: ran without the layer net_namespace: ");
}

#[test]
fn what_it_writes_and_how_it_ends_passes_through() {
    let desk = Desk::new();
    let given = caged(&desk, &[], &["sh", "-c", "echo out; echo err >&2; exit 7"]).code(7);
    assert_eq!(given.out, "out\n");
    given.says("err\n").says("ended with exit code 7 after ");
    caged(&desk, &[], &["true"]).code(0).says("succeeded in ").says(" of CPU time, ").says(" of memory (");
    caged(&desk, &[], &["sh", "-c", "kill -9 $$"]).code(137).says("ended by signal 9 (SIGKILL)");
    assert_eq!(caged(&desk, &["--quiet"], &["sh", "-c", "exit 7"]).code(7).err, "");
    let many = caged(&desk, &[], &["seq", "200000"]).code(0).out;
    assert_eq!((many.lines().count(), many.lines().last()), (200_000, Some("200000")));
}

#[test]
fn the_report_is_a_line_of_json_beside_what_the_command_writes() {
    let desk = Desk::new();
    let given = caged(&desk, &["--json"], &["sh", "-c", "echo out; exit 3"]).code(3);
    assert_eq!(given.out, "out\n");
    let report = report(&given);
    assert_eq!(
        (&report["verdict"], &report["code"], &report["exit"]),
        (&json!("exit_code"), &json!(3), &json!(3))
    );
    let held = report["layers"].as_array().unwrap().len();
    assert_eq!(held + report["not_enforced"].as_array().unwrap().len(), 13, "{report}");
    for field in ["wall_ms", "cpu_user_ms", "cpu_system_ms", "setup_ms", "peak_memory_bytes"] {
        assert!(report[field].is_u64(), "{field}: {report}");
    }
    assert!(report["memory_source"].is_string());
}

#[test]
fn standard_input_passes_in() {
    let desk = Desk::new();
    let mut command = desk.command(["sandbox", "run", "--", "wc", "-c"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&[7; 300_000]).unwrap();
    let ended = given(child.wait_with_output().unwrap()).code(0);
    assert_eq!(ended.out, "300000\n");
}

#[test]
fn output_passes_through_as_it_comes_and_ctrl_c_cancels() {
    let desk = Desk::new();
    let mut running =
        Running::new(desk.command(["sandbox", "run", "--", "sh", "-c", "echo ready; sleep 50"]));
    running.until_printed("ready");
    running.signal(Signal::INT);
    running.finish().code(130).says("cancelled after ");
}

#[test]
fn who_reads_no_further_is_noticed_by_the_command() {
    let desk = Desk::new();
    let mut command = desk.command(["sandbox", "run", "--max-output", "1G", "--", "yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    given(child.wait_with_output().unwrap()).code(141).says("ended by signal 13 (SIGPIPE)");
}

#[test]
fn files_are_there_only_as_far_as_they_are_granted() {
    let desk = Desk::new();
    let secret = desk.write("folder/secret.txt", "secret").to_str().unwrap().to_owned();
    let folder = desk.path("folder").to_str().unwrap().to_owned();
    let new = format!("{folder}/new.txt");
    let write = format!("echo new > {new}");
    caged(&desk, &[], &["cat", &secret]).code(1).says("No such file");
    assert_eq!(caged(&desk, &["--ro", "folder"], &["cat", &secret]).code(0).out, "secret");
    assert_eq!(caged(&desk, &["--ro", "./folder/../folder"], &["cat", &secret]).code(0).out, "secret");
    caged(&desk, &["--ro", "folder"], &["sh", "-c", &write]).code(2).says("Read-only file system");
    assert!(!desk.path("folder/new.txt").exists());
    caged(&desk, &["--rw", "folder"], &["sh", "-c", &write]).code(0);
    assert_eq!(desk.read("folder/new.txt"), "new\n");
    caged(&desk, &["--ro", "none"], &["true"])
        .code(2)
        .says("`--ro none` grants nothing: there is no such file");
    caged(&desk, &["--rw", "/proc"], &["true"]).code(2).says("the path /proc cannot be granted");
}

#[test]
fn programs_are_run_where_that_is_granted() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    let tool = desk.write("tool", "#!/bin/sh\necho \"tool $1\"\n");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    caged(&desk, &["--ro", "tool"], &["./tool", "x"]).code(125).says("Permission denied");
    assert_eq!(caged(&desk, &["--exec", "tool"], &["./tool", "x"]).code(0).out, "tool x\n");
}

#[test]
fn a_program_that_is_not_there_is_told_with_the_code_of_the_error() {
    let desk = Desk::new();
    let missing = caged(&desk, &["--quiet"], &["no-such-program"]).code(125);
    missing
        .says("error[SANDBOX_SETUP]: nothing was run: ")
        .says("`no-such-program`: No such file")
        .says("help: ");
    let missing = caged(&desk, &["--json"], &["no-such-program"]).code(125);
    assert_eq!(missing.out, "");
    assert_eq!(report(&missing)["stage"], "exec");
}

#[test]
fn there_is_no_network() {
    let desk = Desk::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!(": > /dev/tcp/127.0.0.1/{port}");
    assert_eq!(std::process::Command::new("bash").args(["-c", &connect]).status().unwrap().code(), Some(0));
    caged(&desk, &["--profile", "shell"], &["bash", "-c", &connect]).code(1);
}

#[test]
fn the_environment_holds_what_was_given() {
    let desk = Desk::new();
    let mut command =
        desk.command(["sandbox", "run", "--env", "A", "--env", "B=2=3", "--env", "C", "--", "env"]);
    command.env("A", "1").env("SECRET", "x");
    let given = given(command.output().unwrap()).code(0);
    let lines: Vec<&str> = given.out.lines().collect();
    assert!(lines.contains(&"A=1") && lines.contains(&"B=2=3"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("C=") || line.starts_with("SECRET=")), "{lines:?}");
}

#[test]
fn a_limit_that_is_reached_is_named_with_its_option() {
    let desk = Desk::new();
    let check = |options: &[&str], script: &str, expected: &str, verdict: &str| {
        let told = caged(&desk, options, &["sh", "-c", script]).code(124);
        told.says(expected);
        let given = caged(&desk, &[options, &["--json"]].concat(), &["sh", "-c", script]).code(124);
        assert_eq!(report(&given)["verdict"], verdict);
    };
    check(&["--timeout", "300ms"], "sleep 50", "took longer than 300 ms (`--timeout`)", "wall_timeout");
    check(
        &["--idle", "300ms"],
        "sleep 50",
        "wrote nothing for longer than 300 ms (`--idle`)",
        "idle_timeout",
    );
    check(&["--cpu", "1"], "while :; do :; done", "more CPU time than 1.0 s (`--cpu`)", "cpu_limit");
    check(
        &["--memory", "32M"],
        "head -c 200M /dev/zero | tail -c 200M > /dev/null; sleep 50",
        "more memory than 32 MiB (`--memory`)",
        "memory_limit",
    );
    check(&["--max-output", "1K"], "yes", "more output than 1 KiB (`--max-output`)", "output_limit");
    let write = "exec dd if=/dev/zero of=/cage/x bs=4096 count=1";
    check(&["--file-size", "1K"], write, "a larger file than 1 KiB (`--file-size`)", "file_size");
}

#[test]
fn values_that_cannot_be_are_told_with_the_choices() {
    let desk = Desk::new();
    let check = |option: &str, value: &str, expected: &str| {
        caged(&desk, &[option, value], &["true"]).code(2).says("error[USAGE]").says(expected);
    };
    check("--waive", "nope", "possible values: user_namespace, pid_namespace");
    check("--waive", "land_lock", "a similar value exists: 'landlock'");
    check("--profile", "perl", "possible values: binary, shell, python, node, jvm");
    check("--memory", "5x", "`x` is no unit; write KiB, MiB or GiB");
    check("--timeout", "soon", "is no unit; write ms, s, m, h or d");
    check("--timeout", "0", "`--timeout` is 0 s; it must be from a millisecond to a week");
    check("--max-output", "0", "`--max-output` is 0 bytes; it must be");
    check("--env", "=x", "cannot be set in the environment");
    desk.ice(&["sandbox", "run", "true"]).code(2).says("unexpected argument 'true'").says("-- <COMMAND>");
    desk.ice(&["sandbox", "run"]).code(2).says("<COMMAND>");
}
