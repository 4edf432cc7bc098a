//! The real binary in a home of its own.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A person at a machine: a home, a folder to work in, and the command.
pub(crate) struct Desk {
    home: TempDir,
}

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Given {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Checks the exit code, and shows everything if it is another one.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Checks that standard error has a text.
    #[track_caller]
    pub(crate) fn says(self, expected: &str) -> Self {
        assert!(self.err.contains(expected), "no `{expected}` in {self:#?}");
        self
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ice"));
        command
            .args(args)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("ICE_DATA", self.data())
            .stdin(Stdio::null());
        // Where what runs is counted, it is counted in the binary as well.
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
        command
    }

    pub(crate) fn ice(&self, args: &[&str]) -> Given {
        given(self.command(args).output().unwrap())
    }

    /// Starts a command and does not wait for it.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::new(self.command(args))
    }
}

pub(crate) fn given(output: Output) -> Given {
    Given {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that is under way. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err, said: String::new() }
    }

    /// Waits for a line on standard error that has a text.
    #[track_caller]
    pub(crate) fn until_said(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.err.read_line(&mut line).unwrap();
            self.said.push_str(&line);
            if line.contains(text) {
                return line;
            }
            assert!(read > 0, "never said `{text}`, but: {}", self.said);
        }
    }

    /// Waits for a line on standard output that has a text.
    #[track_caller]
    pub(crate) fn until_printed(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.out.read_line(&mut line).unwrap();
            seen.push_str(&line);
            if line.contains(text) {
                return line;
            }
            assert!(read > 0, "never printed `{text}`, but: {seen}; and said: {}", self.said);
        }
    }

    /// The id of the run it has started.
    pub(crate) fn run_id(&mut self) -> String {
        let line = self.until_said("run ");
        line.trim().strip_prefix("run ").unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Given {
        let mut out = String::new();
        // Read side by side: a full pipe would hold the command up.
        std::thread::scope(|scope| {
            let err = scope.spawn(|| {
                let mut rest = String::new();
                self.err.read_to_string(&mut rest).unwrap();
                rest
            });
            self.out.read_to_string(&mut out).unwrap();
            self.said.push_str(&err.join().unwrap());
        });
        let code = self.child.wait().unwrap().code();
        Given { code, out, err: std::mem::take(&mut self.said) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Greets.
pub(crate) const HELLO: &str = r#"
metadata: {draft_name: Hello}
input_schema: {type: object, properties: {name: {type: string}}, required: [name], additionalProperties: false}
nodes:
  - {id: greet, type: tool, tool_name: hello, tool_args: {name: "{{ inputs.name }}"}}
"#;

/// Appends a line, waits, and appends another one. What was appended is never appended again.
///
/// The receipt of `first` is sure to be kept once `mark` has started: the intent of what is not pure is written
/// before it starts, and everything before it with it.
pub(crate) const SLOW: &str = r#"
metadata: {draft_name: Slow}
input_schema: {type: object, properties: {seconds: {type: number}}, required: [seconds]}
nodes:
  - {id: first, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "first\n"}}
  - {id: mark, type: tool, tool_name: now, dependencies: [first]}
  - {id: pause, type: tool, tool_name: sleep, tool_args: {seconds: "{{ inputs.seconds }}"}, dependencies: [mark]}
  - {id: second, type: tool, tool_name: write_text, tool_args: {path: lines.txt, mode: append, text: "second\n"}, dependencies: [pause]}
"#;

/// The root of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A run that is killed while an irreversible call is under way.
pub(crate) fn in_doubt(desk: &Desk) -> (String, std::net::TcpListener) {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/order");
    let node = format!(
        "{{id: order, type: tool, tool_name: http_fetch, tool_args: {{url: \"{url}\", method: POST, body: one}}}}"
    );
    desk.write("order.yaml", &format!("nodes:\n  - {node}\n"));
    let mut running = desk.start(&["run", "order.yaml", "--allow-net", &format!("127.0.0.1:{port}")]);
    let id = running.run_id();
    let (mut asked, _) = server.accept().unwrap();
    asked.read_exact(&mut [0; 4]).unwrap();
    running.signal(Signal::KILL);
    running.finish();
    (id, server)
}
