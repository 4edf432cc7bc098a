//! What a person sees on a terminal of 80 columns.

#[cfg(test)]
mod common;

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use common::{Desk, HELLO, given, project};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command with standard output and error on a terminal: what it wrote there, and how it ended.
#[cfg(test)]
fn on_terminal(command: std::process::Command) -> (String, Option<i32>) {
    on_terminal_of(command, 80)
}

/// The same with so many columns; 0 is a terminal that does not say how many it has.
#[cfg(test)]
fn on_terminal_of(mut command: std::process::Command, columns: u16) -> (String, Option<i32>) {
    let host = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&host).unwrap();
    unlockpt(&host).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&host, size).unwrap();
    let name = ptsname(&host, Vec::new()).unwrap().into_string().unwrap();
    let terminal: OwnedFd = std::fs::File::options().read(true).write(true).open(name).unwrap().into();
    command.stdout(Stdio::from(terminal.try_clone().unwrap())).stderr(Stdio::from(terminal));
    let mut child = command.env("TERM", "xterm").spawn().unwrap();
    // The last holders of the terminal: with them gone reading ends once the command has.
    drop(command);
    let mut seen = Vec::new();
    // The end is an error on Linux.
    let _ = std::fs::File::from(host).read_to_end(&mut seen);
    let plain = anstream::adapter::strip_bytes(&seen).into_vec();
    (String::from_utf8(plain).unwrap().replace("\r\n", "\n"), child.wait().unwrap().code())
}

#[test]
fn a_long_output_is_shortened_and_the_summary_stands_last() {
    let desk = Desk::new();
    let words = |json: bool| {
        let out = desk.path("");
        let mut words = vec!["run", "examples/airports.yaml", "--ro", "examples/data", "--rw"];
        words.push(out.to_str().unwrap());
        words.extend(json.then_some("--json"));
        let mut command = desk.command(words);
        command.current_dir(project());
        command
    };
    let (seen, code) = on_terminal(words(false));
    assert_eq!(code, Some(0), "{seen}");
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines.len() < 80, "{} lines: {seen}", lines.len());
    assert!(lines.last().unwrap().contains("succeeded"), "{seen}");
    for field in ["read", "known", "sides", "by_state", "large", "each_state", "write"] {
        assert!(seen.contains(&format!("\n  \"{field}\": ")), "{seen}");
    }
    assert!(seen.contains(" entries"), "{seen}");
    let help = lines.iter().find(|line| line.contains("the output is shortened")).unwrap();
    let id = help.split("`ice runs show ").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(desk.ice(&["runs", "show", id, "--json"]).code(0).json()["id"], id);
    let (shown, _) = on_terminal(desk.command(["runs", "show", id]));
    assert!(shown.lines().count() < 160 && shown.contains("`--json` has all of it"), "{shown}");

    let whole = given(words(false).output().unwrap()).code(0).json();
    assert_eq!(given(words(true).output().unwrap()).code(0).json()["output"], whole);
    assert!(whole.to_string().len() > 500_000);
    let (json, _) = on_terminal(words(true));
    assert!(json.lines().count() > 10_000);
}

#[test]
fn ids_and_times_are_not_broken() {
    let desk = Desk::new();
    desk.write("hello.yaml", &HELLO.replace("Hello", "A greeting with quite a long name"));
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    let runs = desk.ice(&["runs", "list", "--json"]).code(0).json();
    let (seen, _) = on_terminal(desk.command(["runs", "list"]));
    assert_eq!(seen.lines().count(), 3, "{seen}");
    assert_eq!(on_terminal_of(desk.command(["runs", "list"]), 0).0, seen);
    for (run, line) in runs.as_array().unwrap().iter().zip(seen.lines().skip(1)) {
        assert!(line.starts_with(&format!("{}  succeeded  A greet", run["id"].as_str().unwrap())), "{seen}");
        let started = run["started_at"].as_str().unwrap()[..19].replace('T', " ");
        assert!(line.contains(&started) && line.chars().count() <= 80, "{seen}");
    }
}
