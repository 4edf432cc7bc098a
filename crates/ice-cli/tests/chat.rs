//! `ice chat`, through the real binary: piped, and typed on a terminal.

#[cfg(test)]
mod common;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{Desk, Given, given};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

/// An agent that greets, then calls a tool and asks, then fails once, and has last words.
const AGENT: &str = r#"
name: keeper
system_prompt: "Be {{ config.tone | default('plain') }}."
tools: [text_stats]
ask_person: true
llm_config:
  provider: scripted
  model: m
  script:
    turns:
      - {text: "Hello there.", usage: {input: 40, output: 2}}
      - tool_calls:
          - {name: text_stats, arguments: {text: "two words"}}
          - {name: ask_person, arguments: {question: "Which colour?", choices: [red, blue]}}
        usage: {input: 100, output: 12}
      - {text: "Counted, and noted.", usage: {input: 140, output: 5}}
      - {text: "Bye.", usage: {input: 150, output: 1}}
"#;

/// A desk with the agent in its folder of agents.
#[cfg(test)]
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("agents")).unwrap();
    desk.write("agents/keeper.yaml", AGENT);
    desk
}

/// Runs the command with these lines on standard input.
#[cfg(test)]
fn says(desk: &Desk, args: &[&str], lines: &str) -> Given {
    let mut command = desk.command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    given(child.wait_with_output().unwrap())
}

/// The records of a conversation for machines.
#[cfg(test)]
fn records(given: &Given) -> Vec<Value> {
    given.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_by_itself_is_talked_to_line_by_line() {
    let desk = Desk::new();
    let talked = says(&desk, &["chat", "--model", "echo/echo"], "Hello\n\n  \nWho is this?\n").code(0);
    assert_eq!(talked.out, "Hello\nWho is this?\n");
    assert!(talked.err.contains("succeeded") && talked.err.contains("tokens"), "{}", talked.err);
    let once = says(&desk, &["chat", "--model", "echo/echo", "--message", "Only this"], "").code(0);
    assert_eq!(once.out, "Only this\n");
    let nothing = says(&desk, &["chat", "--model", "echo/echo"], "").code(0);
    assert_eq!(nothing.out, "");
    let runs = desk.ice(&["runs", "list", "--json"]).code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 2, "what was not begun is no run");
}

#[test]
fn what_a_model_is_told_is_no_template() {
    let desk = Desk::new();
    let system = "Say {{ nothing }} and {% raw %}";
    says(&desk, &["chat", "--model", "echo/echo", "--system", system], "Hi\n").code(0);
    let events = desk.ice(&["runs", "events", "last", "--json"]).code(0);
    assert!(events.out.contains(r#"Say {{ nothing }} and {% raw %}"#), "{}", events.out);
}

#[test]
fn a_conversation_for_machines_is_a_record_for_each_turn() {
    let desk = desk();
    let args = ["chat", "keeper", "--set", "tone=kind", "--json"];
    let talked = says(&desk, &args, "Hi\nGo on\n2\nThanks\n").code(0);
    let records = records(&talked);
    let said: Vec<_> = records.iter().map(|record| (&record["message"], &record["response"])).collect();
    assert_eq!(said[0], (&json!("Hi"), &json!("Hello there.")));
    assert_eq!(said[1], (&json!("blue"), &json!("Counted, and noted.")));
    assert_eq!(said[2], (&json!("Thanks"), &json!("Bye.")));
    assert_eq!(records[1]["tool_calls"][0]["tool"], "text_stats");
    assert_eq!((&records[0]["usage"]["input"], &records[1]["usage"]["input"]), (&json!(40), &json!(240)));
    assert_eq!((&records[3]["status"], &records[3]["turns"]), (&json!("succeeded"), &json!(3)));
    assert_eq!(records[3]["usage"]["input"], 430);
    let events = desk.ice(&["runs", "events", "last", "--json"]).code(0);
    assert!(events.out.contains("Be kind."), "{}", events.out);
}

#[test]
fn a_conversation_that_was_left_goes_on_with_what_was_said() {
    let desk = desk();
    // Nothing is no answer to what an agent asks in the middle of its work: it is left there.
    let left = says(&desk, &["chat", "keeper"], "Hi\nGo on\n").code(4);
    assert!(left.err.contains("ice chat --resume") && left.err.contains("Which colour?"), "{}", left.err);
    assert!(left.err.contains("text_stats"), "{}", left.err);
    let wrong = says(&desk, &["chat", "--resume", "last"], "green\n").code(2);
    assert!(wrong.err.contains("error[ANSWER_INVALID]"), "{}", wrong.err);
    let again = says(&desk, &["chat", "--resume", "last"], "red\nThanks\n").code(0);
    assert_eq!(again.out, "Hello there.\nCounted, and noted.\nBye.\n", "with what was said before");
    assert!(again.err.contains("> Hi\n") && again.err.contains("> Go on\n"), "{}", again.err);
    let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    assert_eq!((&shown["output"]["chat"]["iterations"], &shown["usage"]["input"]), (&json!(4), &json!(430)));
    says(&desk, &["chat", "--resume", "last"], "More\n").code(1).says("error[RUN_STATE]");
}

#[test]
fn a_conversation_whose_process_is_killed_goes_on() {
    let desk = desk();
    let slow = r#"text: "Hello\nthere.", chunks: ["Hello\n", "there."], chunk_delay_ms: 700"#;
    desk.write("agents/keeper.yaml", &AGENT.replace(r#"text: "Hello there.""#, slow));
    let mut running = desk.start(&["chat", "keeper", "-m", "Hi"]);
    // In the middle of its first answer.
    running.until_printed("Hello");
    running.signal(Signal::KILL);
    running.finish();
    let again = says(&desk, &["chat", "--resume", "last"], "").code(0);
    assert_eq!(again.out, "Hello\nthere.\n");
    let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    assert_eq!((&shown["status"], &shown["output"]["chat"]["iterations"]), (&json!("succeeded"), &json!(1)));
}

#[test]
fn what_cannot_begin_says_what_to_do() {
    let desk = desk();
    desk.write("bare.yaml", "name: bare");
    desk.write("broken.yaml", "name: broken\ntols: [hash]");
    for (args, code, told) in [
        (&["chat"][..], 2, "--model ollama/llama3.2"),
        (&["chat", "bare.yaml"], 2, "--model ollama/llama3.2"),
        (&["chat", "broken.yaml", "--model", "echo/echo"], 3, "did you mean `tools`"),
        (&["chat", "missing.yaml"], 2, "missing.yaml"),
        (&["chat", "nobody"], 2, "there is no agent `nobody`"),
        (&["chat", "keeper", "--model", "nope/x"], 2, "there is no provider `nope`"),
        (&["chat", "--model", "echo/echo", "--tool", "hahs"], 3, "did you mean `hash`"),
        (&["chat", "keeper", "--system", "x"], 2, "--system"),
        (&["chat", "--resume", "ffff"], 1, "no run"),
    ] {
        desk.ice(args).code(code).says(told);
    }
    let long = "x".repeat(600 << 10);
    says(&desk, &["chat", "--model", "echo/echo"], &format!("{long}\n")).code(2).says("512 KiB");
    let mut command = desk.command(["chat", "--model", "echo/echo"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a\xff\n").unwrap();
    given(child.wait_with_output().unwrap()).code(2).says("is not text");
}

/// A command on a terminal, and what it has written there.
struct Typed {
    child: Child,
    host: std::fs::File,
    pieces: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

#[cfg(test)]
impl Typed {
    fn start(mut command: Command) -> Self {
        let host = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&host).unwrap();
        unlockpt(&host).unwrap();
        let name = ptsname(&host, Vec::new()).unwrap().into_string().unwrap();
        let terminal: OwnedFd = std::fs::File::options().read(true).write(true).open(name).unwrap().into();
        let copy = || Stdio::from(terminal.try_clone().unwrap());
        command.stdin(copy()).stdout(copy()).stderr(copy()).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        let host = std::fs::File::from(host);
        let (send, pieces) = channel();
        let mut reader = host.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read) = reader.read(&mut piece) {
                if send.send(piece[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, host, pieces, seen: Vec::new() }
    }

    /// What was seen, without how it looks.
    fn plain(&self) -> String {
        String::from_utf8_lossy(&anstream::adapter::strip_bytes(&self.seen).into_vec()).into_owned()
    }

    /// Whether a line can be typed: before that, keys would be the terminal's, which is nobody's here.
    fn is_ready(&self) -> bool {
        let seen = String::from_utf8_lossy(&self.seen);
        seen.rfind("\u{1b}[?2004h") > seen.rfind("\u{1b}[?2004l")
    }

    /// Types once this was seen, and something can be typed.
    fn after(&mut self, text: &str, keys: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while !(self.is_ready() && self.plain().contains(text)) {
            let left = until.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.seen.extend(piece),
                Err(_) => panic!("no `{text}`: {}", self.plain()),
            }
        }
        self.host.write_all(keys.as_bytes()).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while let Ok(piece) = self.pieces.recv_timeout(Duration::from_millis(200)) {
            self.seen.extend(piece);
        }
        (code, self.plain())
    }
}

#[test]
fn a_person_types_edits_leaves_and_goes_on() {
    let desk = desk();
    let mut typed = Typed::start(desk.command(["chat", "keeper"]));
    typed.after("> ", "Hu\u{7f}i\r");
    typed.after("Hello there.", "/nothing\r");
    typed.after("there is no `/nothing`", "Go on\\\r");
    typed.after("… ", "and on\r");
    typed.after("2 blue", "2\r");
    typed.after("Counted, and noted.", "\u{3}");
    let (code, seen) = typed.end();
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("ice chat --resume") && seen.contains("text_stats"), "{seen}");
    let mut typed = Typed::start(desk.command(["chat", "--resume", "last"]));
    typed.after("Counted, and noted.", "Thanks\r");
    typed.after("Bye.", "\u{4}");
    let (code, seen) = typed.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("> Go on") && seen.contains("succeeded"), "{seen}");
    let events = desk.ice(&["runs", "events", "last", "--json"]).code(0);
    assert!(events.out.contains(r#""response":"Go on\nand on""#), "{}", events.out);
    assert!(events.out.contains(r#""message":"Hi""#), "{}", events.out);
}

#[test]
fn an_answer_is_left_in_the_middle() {
    let desk = desk();
    desk.write(
        "agents/keeper.yaml",
        &AGENT.replace("usage: {input: 40", "chunk_delay_ms: 5000, usage: {input: 40"),
    );
    let mut running = desk.start(&["chat", "keeper", "-m", "Hi"]);
    running.until_said("run ");
    running.signal(Signal::INT);
    let left = running.finish().code(4);
    assert!(left.err.contains("ice chat --resume"), "{}", left.err);
    let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    assert!(shown["status"] == "running" || shown["status"] == "queued", "{shown}");
}
