//! What the harnesses must do, in a process as in WebAssembly.

use serde_json::{Value, json};

/// A document for a harness, and what it must answer.
pub(super) struct Case {
    pub(super) document: Value,
    pub(super) expected: Expected,
}

pub(super) enum Expected {
    Value(Value),
    /// The type, a part of the message, the line.
    Error(&'static str, &'static str, Option<u32>),
}

/// Whether a harness answered as it must: the answer is the last line.
pub(super) fn check(case: &Case, stdout: &[u8], stderr: &str) {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().next_back().unwrap_or_default();
    let answer: Value = serde_json::from_str(line).unwrap_or_default();
    let right = match &case.expected {
        Expected::Value(value) => answer == json!({ "ok": value }),
        Expected::Error(kind, part, line) => {
            let error = &answer["error"];
            error["type"] == *kind
                && error["line"] == json!(line)
                && error["message"].as_str().is_some_and(|message| message.contains(part))
        }
    };
    assert!(right, "{}\nanswered: {text}\nstderr: {stderr}", case.document);
}

fn good(code: &str, value: Value) -> Case {
    let document = json!({
        "code": code, "inputs": { "a": [1, 2.5, "ü\u{1f980}"], "n": null }, "context": { "run": "r1" },
    });
    Case { document, expected: Expected::Value(value) }
}

fn bad(code: &str, kind: &'static str, part: &'static str, line: Option<u32>) -> Case {
    Case { document: json!({ "code": code }), expected: Expected::Error(kind, part, line) }
}

pub(super) fn python() -> Vec<Case> {
    let result = |code, part| bad(code, "ResultError", part, None);
    vec![
        good("output = [inputs, context['run']]", json!([{ "a": [1, 2.5, "ü\u{1f980}"], "n": null }, "r1"])),
        good("print('seen')\nresult = {'x': (1, True)}", json!({ "x": [1, true] })),
        good("output = 1\nresult = 2", json!(1)),
        good("pass", json!(null)),
        good(
            "import dataclasses, json, os.path, re\n@dataclasses.dataclass\nclass A:\n  x: int\noutput = A(3).x",
            json!(3),
        ),
        good(
            "def f(n):\n  return 1 if n < 2 else n * f(n - 1)\noutput = f(20)",
            json!(2_432_902_008_176_640_000_i64),
        ),
        bad("x = 1\ny = = 2", "SyntaxError", "invalid syntax", Some(2)),
        bad("x = 1\n  y = 2", "IndentationError", "unexpected indent", Some(2)),
        bad("def f():\n  raise ValueError('no')\n\nf()", "ValueError", "no", Some(2)),
        bad("import json\n\njson.loads('{')", "JSONDecodeError", "property name", Some(3)),
        bad("import sys\nsys.exit(3)", "SystemExit", "sys.exit(3)", Some(2)),
        bad("\nimport lxml.etree", "ImportError", "add \"lxml\" to `imports`", Some(2)),
        bad("import importlib\nimportlib.import_module('lxml')", "ImportError", "add \"lxml\"", Some(2)),
        bad("def f(): f()\nf()", "RecursionError", "recursion", Some(1)),
        result("output = {'a': [1, float('nan')]}", "`output.a[1]` is nan"),
        result("result = {1, 2}", "`result` is a set"),
        result("output = lambda: 1", "is a function"),
        result("output = {1: 2}", "keys have to be text"),
        result("output = 2**70", "beyond 64 bits"),
        result("output = []\noutput.append(output)", "holds itself"),
        Case {
            document: json!({ "code": "import nowhere", "imports": ["nowhere"] }),
            expected: Expected::Error("ModuleNotFoundError", "nowhere", Some(1)),
        },
        Case {
            document: json!({ "inputs": 1 }),
            expected: Expected::Error("ProtocolError", "it has no `code`", None),
        },
    ]
}

pub(super) fn javascript() -> Vec<Case> {
    let result = |code, part| bad(code, "ResultError", part, None);
    vec![
        good("output = [inputs, context.run]", json!([{ "a": [1, 2.5, "ü\u{1f980}"], "n": null }, "r1"])),
        good(
            "console.log('seen', {})\nconst result = {x: [1, true], y: undefined}",
            json!({ "x": [1, true] }),
        ),
        good("const output = 1\nlet result = 2", json!(1)),
        good("1", json!(null)),
        good("let inputs = 5; output = inputs // the last line", json!(5)),
        good("output = await Promise.resolve(new Date(0))", json!("1970-01-01T00:00:00.000Z")),
        good("await new Promise((then) => setTimeout(then, 5)); output = 'later'", json!("later")),
        good("if (inputs.a) return 7", json!(7)),
        bad("let x = 1;\nlet y = ;", "SyntaxError", "", Some(2)),
        bad("let x = 1;\n\nnull.f()", "TypeError", "null", Some(3)),
        bad("function f() {\n  throw new RangeError('no')\n}\nf()", "RangeError", "no", Some(2)),
        bad("await null;\nmissing", "ReferenceError", "missing", Some(2)),
        bad("throw {a: 1}", "Error", "the code threw {\"a\":1}", None),
        bad("\nrequire('lodash/x')", "Error", "`lodash/x`", Some(2)),
        bad("await new Promise(() => {})", "EndedError", "never came", None),
        result("output = {a: [1, NaN]}", "`output.a[1]` is NaN"),
        result("result = new Set()", "`result` is a Set"),
        result("output = () => 1", "is a function"),
        result("output = [undefined]", "`output[0]` is undefined"),
        result("output = 1n", "is a BigInt"),
        result("const output = []; output.push(output)", "holds itself"),
        Case {
            document: json!({ "inputs": 1 }),
            expected: Expected::Error("ProtocolError", "it has no `code`", None),
        },
    ]
}
