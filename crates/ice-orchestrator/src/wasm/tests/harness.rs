//! The harnesses in interpreters of this machine, where it has them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::cases::{Case, check, javascript, python};
use crate::wasm::Interpreter;

/// What comes before each answer is `before`.
fn check_all(program: &str, arguments: &[&str], interpreter: Interpreter, cases: &[Case], before: &[u8]) {
    if Command::new(program).arg("--version").output().is_err() {
        println!("skipped: there is no `{program}`");
        return;
    }
    for case in cases {
        let mut child = Command::new(program)
            .args(arguments)
            .arg(interpreter.harness())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(case.document.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        check(case, &output.stdout, &String::from_utf8_lossy(&output.stderr));
        let answer = output.stdout.strip_prefix(before).unwrap();
        assert_eq!(answer.iter().filter(|byte| **byte == b'\n').count(), 2, "a line of its own");
    }
}

#[test]
fn python_of_this_machine_answers_as_it_must() {
    check_all("python3", &["-I", "-c"], Interpreter::Python, &python(), b"");
}

#[test]
fn node_of_this_machine_answers_as_it_must() {
    check_all("node", &["-e"], Interpreter::JavaScript, &javascript(), b"");
}

#[test]
fn what_the_code_prints_does_not_mix_with_the_answer() {
    let case = |code: &str| Case {
        document: serde_json::json!({ "code": code }),
        expected: super::cases::Expected::Value(serde_json::json!(1)),
    };
    let python = "import os, subprocess\nos.write(1, b'raw')\nprint('x')\noutput = 1";
    check_all("python3", &["-I", "-c"], Interpreter::Python, &[case(python)], b"");
    let javascript = "process.stdout.write('raw'); console.log('x'); output = 1";
    check_all("node", &["-e"], Interpreter::JavaScript, &[case(javascript)], b"");
    let past = "require('fs').writeSync(1, 'raw'); output = 1";
    check_all("node", &["-e"], Interpreter::JavaScript, &[case(past)], b"raw");
}
