//! What runs execute outside of the engine's own code: tools in cages, and the code of nodes.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use common::{Desk, Given};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The events of a run that has ended.
#[cfg(test)]
fn events(desk: &Desk, run: &Given) -> Vec<Value> {
    let id = run.json()["id"].as_str().unwrap().to_owned();
    let told = desk.ice(&["runs", "events", &id, "--json"]).code(0);
    told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of a kind.
#[cfg(test)]
fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// A blueprint of these nodes, in a file.
#[cfg(test)]
fn blueprint(desk: &Desk, nodes: &Value) -> String {
    let text = json!({ "schema_version": "1.2.0", "nodes": nodes }).to_string();
    desk.write("blueprint.json", &text).to_str().unwrap().to_owned()
}

/// Runs a blueprint of these nodes.
#[cfg(test)]
fn run(desk: &Desk, nodes: &Value, options: &[&str]) -> Given {
    let file = blueprint(desk, nodes);
    desk.ice(&[&["run", &file, "--json"], options].concat())
}

#[cfg(test)]
fn has(program: &str) -> bool {
    let found = ["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|folder| std::path::Path::new(folder).join(program).exists());
    if !found {
        println!("skipped: there is no `{program}` on this machine");
    }
    found
}

#[test]
fn tools_that_touch_files_work_in_cages() {
    let desk = Desk::new();
    desk.write("rw/there.txt", "a text");
    let folder = desk.path("rw");
    let folder = folder.to_str().unwrap();
    let nodes = json!([
        { "id": "read", "type": "tool", "tool_name": "read_text",
          "tool_args": { "path": format!("{folder}/there.txt") } },
        { "id": "write", "type": "tool", "tool_name": "write_text",
          "tool_args": { "path": format!("{folder}/new.txt"), "text": "{{ read.text }} and more" } },
        { "id": "hello", "type": "tool", "tool_name": "hello", "tool_args": { "name": "you" } },
    ]);
    let given = run(&desk, &nodes, &["--rw", folder]).code(0);
    assert_eq!(desk.read("rw/new.txt"), "a text and more");
    let mode = |name: &str| std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("rw/new.txt"), mode("rw/there.txt"), "the mode of a new file");
    let events = events(&desk, &given);
    let reports = of_kind(&events, "node.report");
    let nodes: Vec<&Value> = reports.iter().map(|report| &report["node"]).collect();
    // What touches nothing needs no cage.
    assert_eq!(nodes, ["read", "write"]);
    for report in &reports {
        let data = &report["data"];
        assert_eq!((&data["home"], &data["verdict"]), (&json!("process"), &json!("ok")), "{data}");
        let layers: Vec<&str> = data["layers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for layer in ["user_namespace", "net_namespace", "root", "landlock", "seccomp"] {
            assert!(layers.contains(&layer), "no {layer} in {layers:?}");
        }
        assert!(data["usage"]["peak_memory_bytes"].as_u64().unwrap() > 0, "{data}");
    }
    let document = given.json();
    assert_eq!(document.get("not_enforced"), None, "{document}");
    assert_eq!(document["nodes"][0]["report"]["verdict"], "ok");
}

#[test]
fn who_wants_tools_in_process_is_told_what_is_not_enforced() {
    let desk = Desk::new();
    let path = desk.write("ro/there.txt", "a text");
    let nodes =
        json!([{ "id": "read", "type": "tool", "tool_name": "read_text", "tool_args": { "path": path } }]);
    let folder = desk.path("ro");
    let given = run(&desk, &nodes, &["--ro", folder.to_str().unwrap(), "--isolation", "in-process"]).code(0);
    let document = given.json();
    assert_eq!(document["not_enforced"], json!(["process"]));
    assert_eq!(document["options"]["isolation"], "in_process");
    assert!(given.err.contains("nothing but their own care holds them"), "{}", given.err);
    let events = events(&desk, &given);
    let reports = of_kind(&events, "node.report");
    let report = &reports[0]["data"];
    assert_eq!((&report["home"], &report["verdict"]), (&json!("in_process"), &json!("ok")), "{report}");
    assert_eq!(report["not_enforced"][0]["layer"], "process");
    assert_eq!(report["policy"]["grants"]["read"], json!([folder]));
}

#[test]
fn what_is_not_granted_is_denied_and_told() {
    let desk = Desk::new();
    let secret = desk.write("secret/key", "s3cret");
    desk.write("ro/there", "");
    let nodes =
        json!([{ "id": "read", "type": "tool", "tool_name": "read_text", "tool_args": { "path": secret } }]);
    let folder = desk.path("ro");
    let given = run(&desk, &nodes, &["--ro", folder.to_str().unwrap()]).code(1);
    assert!(!given.out.contains("s3cret"));
    let document = given.json();
    assert_eq!(document["failure"]["code"], "GRANT_MISSING", "{document}");
    assert_eq!(document["nodes"][0]["denials"][0]["kind"], "grant");
    let events = events(&desk, &given);
    let denied = of_kind(&events, "node.denied");
    assert_eq!((denied.len(), &denied[0]["node"]), (1, &json!("read")));
}

/// Answers every request with a text; gives its address.
#[cfg(test)]
fn server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            let _gone = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_fetch_in_a_cage_reaches_what_is_granted_and_nothing_else() {
    let desk = Desk::new();
    let (granted, other) = (server(), server());
    let fetch = |id: &str, url: String| json!({ "id": id, "type": "tool", "tool_name": "http_fetch", "tool_args": { "url": url } });
    let by_name = format!("http://localhost:{}/", granted.port());
    let nodes =
        json!([fetch("good", format!("http://{granted}/")), fetch("bad", format!("http://{other}/")),]);
    let given = run(&desk, &nodes, &["--allow-net", &granted.to_string()]).code(1);
    let document = given.json();
    assert_eq!(document["output"]["good"]["text"], "hello", "{document}");
    assert_eq!(document["failure"]["code"], "ADDRESS_REFUSED", "{document}");
    let events = events(&desk, &given);
    let reports = of_kind(&events, "node.report");
    let good = reports.iter().find(|report| report["node"] == "good").unwrap();
    let traffic = &good["data"]["traffic"][0];
    assert_eq!((&traffic["endpoint"], &traffic["connections"]), (&json!(granted.to_string()), &json!(1)));
    assert!(traffic["received"].as_u64().unwrap() > 5, "{traffic}");
    // A name is granted as one, and the cage has an address of its own for it.
    let named = format!("localhost:{}", granted.port());
    let given = run(&desk, &json!([fetch("named", by_name)]), &["--allow-net", &named]).code(0);
    assert_eq!(given.json()["output"]["named"]["text"], "hello");
}

#[test]
fn code_sees_its_inputs_and_gives_its_output() {
    if !has("python3") || !has("node") {
        return;
    }
    let desk = Desk::new();
    let nodes = json!([
        { "id": "py", "type": "code", "code": "print('noise')\noutput = [i * i for i in range(inputs['n'])]" },
        { "id": "js", "type": "code", "language": "javascript", "dependencies": ["py"],
          "input_mappings": { "first": { "source_node_id": "py", "source_output_key": "1" } },
          "code": "console.log('noise'); const output = {sum: inputs.py.reduce((a, b) => a + b), first: inputs.first};" },
        { "id": "each", "type": "loop", "items_source": "py", "item_var": "x", "body": [
            { "id": "twice", "type": "code", "code": "output = inputs['x'] * 2 + inputs['loop_index']" } ] },
    ]);
    let given = run(&desk, &nodes, &["-i", "n=4"]).code(0);
    let output = given.json()["output"].clone();
    assert_eq!(output["py"], json!([0, 1, 4, 9]));
    assert_eq!(output["js"], json!({ "sum": 14, "first": 1 }));
    assert_eq!(output["each"], json!([0, 3, 10, 21]));
}

#[test]
fn a_failure_of_code_is_drawn_on_its_line() {
    if !has("python3") {
        return;
    }
    let desk = Desk::new();
    let yaml =
        "schema_version: 1.2.0\nnodes:\n- id: bad\n  type: code\n  code: |\n    x = 1\n    y = x / 0\n";
    let file = desk.write("bad.yaml", yaml);
    let given = desk.ice(&["run", file.to_str().unwrap()]).code(1);
    let given = given.says("CODE_FAILED").says("ZeroDivisionError: division by zero (line 2 of `code`)");
    given.says("y = x / 0").says("bad.yaml:7");
}

#[test]
fn code_has_no_network_no_files_and_no_more_memory_than_it_may() {
    if !has("python3") {
        return;
    }
    let desk = Desk::new();
    let secret = desk.write("secret/key", "s3cret");
    let address = server();
    let nodes = json!([
        { "id": "net", "type": "code",
          "code": format!("import socket\nsocket.create_connection(('127.0.0.1', {}), timeout=2)", address.port()) },
        { "id": "file", "type": "code", "code": format!("output = open({:?}).read()", secret.to_str().unwrap()) },
        { "id": "hog", "type": "code", "code": "output = len(bytearray(3 << 30))" },
        { "id": "spin", "type": "code", "code": "while True: pass" },
    ]);
    let folder = desk.path("secret");
    // Granted to the run, but the code did not ask for it.
    let given = run(&desk, &nodes, &["--ro", folder.to_str().unwrap(), "--cage-cpu", "1s"]).code(1);
    assert!(!given.out.contains("s3cret"));
    let document = given.json();
    let failure = |id: &str| {
        let nodes = document["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["node"] == id).unwrap().clone()
    };
    assert!(failure("net")["failure"]["message"].as_str().unwrap().contains("PermissionError"), "{document}");
    assert!(failure("file")["failure"]["message"].as_str().unwrap().contains("FileNotFoundError"));
    assert_eq!(failure("spin")["report"]["verdict"], "cpu_limit");
    assert_eq!(failure("spin")["denials"], json!([{ "kind": "limit", "what": "cpu" }]));
    let hog = failure("hog");
    let (verdict, message) = (&hog["report"]["verdict"], hog["failure"]["message"].as_str().unwrap());
    assert!(verdict == "memory_limit" || message.contains("MemoryError"), "{hog}");
}

#[test]
fn code_that_asks_for_files_is_given_those_of_the_run() {
    if !has("python3") {
        return;
    }
    let desk = Desk::new();
    let path = desk.write("ro/there.txt", "a text");
    let nodes = json!([{ "id": "file", "type": "code", "capabilities": ["read_files"],
        "code": format!("output = open({:?}).read()", path.to_str().unwrap()) }]);
    let folder = desk.path("ro");
    let given = run(&desk, &nodes, &["--ro", folder.to_str().unwrap()]).code(0);
    assert_eq!(given.json()["output"]["file"], "a text");
}

/// Whether a process with this text in its arguments is there.
#[cfg(test)]
fn lives(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(mark)
    })
}

#[cfg(test)]
fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} did not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn nothing_outlives_a_killed_engine_and_the_run_goes_on_with_the_next() {
    if !has("python3") {
        return;
    }
    let desk = Desk::new();
    let (mark, go) = ("a-mark-of-the-killed-engine", desk.path("rw/go"));
    desk.write("rw/there", "");
    let code = format!(
        "import os, time\n\
         open({here:?}, 'w').close()\n\
         child = os.fork()\n\
         if child == 0:\n    os.execv('/bin/sh', ['{mark}', '-c', 'sleep 600; true'])\n\
         while not os.path.exists({go:?}): time.sleep(0.05)\n\
         os.kill(child, 9)\noutput = 'done'",
        here = desk.path("rw/here").to_str().unwrap(),
        go = go.to_str().unwrap(),
    );
    let folder = desk.path("rw");
    let nodes = json!([{ "id": "long", "type": "code", "capabilities": ["read_files", "write_files"], "code": code }]);
    let file = blueprint(&desk, &nodes);
    let engine = desk.start(&["run", &file, "--rw", folder.to_str().unwrap()]);
    until("the child", || desk.path("rw/here").exists() && lives(mark));
    engine.signal(Signal::KILL);
    until("the end of the child", || !lives(mark));
    drop(engine);
    std::fs::write(&go, "").unwrap();
    let list = desk.ice(&["runs", "list", "--json"]).code(0).json();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    // It may have written: that it is to be repeated is somebody's decision.
    let shown = desk.ice(&["runs", "resume", &id, "--in-doubt", "repeat", "--json"]);
    assert_eq!(shown.code(0).json()["output"]["long"], "done");
}

#[test]
fn a_layer_that_is_unknown_is_not_waived() {
    let desk = Desk::new();
    let nodes = json!([{ "id": "hello", "type": "tool", "tool_name": "hello" }]);
    run(&desk, &nodes, &["--waive", "landlok"]).code(2).says("landlock");
    let given = run(&desk, &nodes, &["--waive", "landlock"]).code(0);
    assert_eq!(given.json()["options"]["waive"], json!(["landlock"]));
}

#[test]
fn a_link_that_code_left_is_not_granted() {
    if !has("python3") {
        return;
    }
    let desk = Desk::new();
    desk.write("victim/key", "s3cret");
    desk.write("rw/there", "");
    let folder = desk.path("rw");
    let victim = desk.path("victim");
    let code = format!("import os\nos.symlink({:?}, {:?})", victim, folder.join("out"));
    let nodes = json!([{ "id": "plant", "type": "code", "capabilities": ["write_files"], "code": code }]);
    run(&desk, &nodes, &["--rw", folder.to_str().unwrap()]).code(0);
    let out = folder.join("out");
    assert!(out.is_symlink());
    let nodes = json!([{ "id": "write", "type": "tool", "tool_name": "write_text",
        "tool_args": { "path": "key", "text": "pwned" } }]);
    run(&desk, &nodes, &["--rw", out.to_str().unwrap()]).code(2);
    assert_eq!(desk.read("victim/key"), "s3cret");
}

#[test]
fn what_no_cage_can_be_given_is_refused_at_once() {
    let desk = Desk::new();
    let nodes = json!([{ "id": "hello", "type": "tool", "tool_name": "hello" }]);
    for options in [["--ro", "/"], ["--ro", "/proc"], ["--cage-memory", "1KiB"]] {
        run(&desk, &nodes, &options).code(2);
    }
}

/// Writes to standard output what it reads from standard input.
#[cfg(all(test, feature = "wasm"))]
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))))"#;

#[cfg(feature = "wasm")]
#[test]
fn webassembly_of_a_file_reads_its_inputs_and_keeps_to_its_limits() {
    let desk = Desk::new();
    desk.write("ro/echo.wat", ECHO);
    desk.write(
        "ro/loop.wat",
        r#"(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))"#,
    );
    let folder = desk.path("ro");
    let folder = folder.to_str().unwrap();
    let nodes = json!([
        { "id": "echo", "type": "code", "engine": "wasm", "module": format!("{folder}/echo.wat") },
        { "id": "below", "type": "code", "engine": "wasm", "module": "./echo.wat" },
        { "id": "loop", "type": "code", "engine": "wasm", "module": format!("{folder}/loop.wat") },
        { "id": "far", "type": "code", "engine": "wasm", "module": "/etc/hostname.wasm" },
    ]);
    let given = run(&desk, &nodes, &["--ro", folder, "-i", "n=3", "--cage-cpu", "500ms"]).code(1);
    let document = given.json();
    assert_eq!(document["output"], json!({ "echo": { "n": 3 }, "below": { "n": 3 } }), "{document}");
    let of = |id: &str| {
        let nodes = document["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["node"] == id).unwrap().clone()
    };
    assert_eq!(of("echo")["report"]["home"], "wasm");
    assert_eq!(of("loop")["report"]["verdict"], "cpu_limit", "{document}");
    assert_eq!(of("loop")["denials"], json!([{ "kind": "limit", "what": "cpu" }]));
    assert_eq!(of("far")["failure"]["code"], "GRANT_MISSING");
}

#[cfg(feature = "wasm")]
#[test]
fn javascript_runs_as_webassembly_once_its_interpreter_is_installed() {
    let desk = Desk::new();
    let nodes = json!([{ "id": "js", "type": "code", "engine": "wasm", "language": "javascript",
        "code": "const output = [1, 2, 3].map(x => x * inputs.n);" }]);
    let missing = run(&desk, &nodes, &["-i", "n=2"]).code(1);
    assert!(missing.out.contains("interpreters"), "{missing:#?}");
    let listed = desk.ice(&["interpreters", "--json"]).code(0).json();
    assert_eq!(listed[0]["installed"], false, "{listed}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_ice"));
    let name = listed[0]["file"].as_str().unwrap().rsplit('/').next().unwrap();
    let mut places = program.ancestors().map(|folder| folder.join("interpreters").join(name));
    let Some(fetched) = places.find(|file| file.is_file()) else {
        println!("skipped: `cargo xtask setup` has not fetched {name}");
        return;
    };
    desk.ice(&["interpreters", "install", "python", fetched.to_str().unwrap()]).code(2);
    desk.ice(&["interpreters", "install", "javascript", fetched.to_str().unwrap()]).code(0);
    assert_eq!(desk.ice(&["interpreters", "--json"]).code(0).json()[0]["installed"], true);
    let given = run(&desk, &nodes, &["-i", "n=2"]).code(0);
    assert_eq!(given.json()["output"]["js"], json!([2, 4, 6]));
}
