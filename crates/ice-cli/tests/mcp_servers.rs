//! MCP servers in real cages, through the real binary.
#![cfg(all(target_os = "linux", feature = "mcp"))]

#[cfg(test)]
mod common;

use common::Desk;
use serde_json::{Value, json};

/// A server of a few lines, which speaks the protocol with a handshake.
const SERVER: &str = r#"
import json, os, sys

def answer(id, result):
    print(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}), flush=True)

def tool(name):
    return {"name": name, "description": "The tool " + name + ".", "inputSchema": {"type": "object"}}

def look(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return type(error).__name__

open(os.path.join(os.environ.get("HOME", "."), "mark"), "w").write("here")
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        answer(id, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}})
    elif method == "tools/list":
        answer(id, {"tools": [tool("look"), tool("sayToken"), tool("die"), tool("hang"), tool("huge")]})
    elif method == "tools/call":
        name, given = message["params"]["name"], message["params"].get("arguments", {})
        if name == "look":
            answer(id, {"content": [], "structuredContent": {"found": look(given["path"]), "run": os.environ.get("ICE_RUN"), "mode": os.environ.get("MODE")}})
        elif name == "sayToken":
            answer(id, {"content": [{"type": "text", "text": "it is " + os.environ["TOKEN"]}]})
        elif name == "die":
            print("out of luck", file=sys.stderr)
            sys.exit(7)
        elif name == "huge":
            sys.stdout.write("x" * (1 << 20))
            sys.stdout.flush()
        else:
            while True:
                pass
    elif id is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "what?"}}), flush=True)
"#;

const MANIFEST: &str = "kind: mcp_server\nname: probe\ncommand: [python3, ./server.py]\nprofile: python\n\
                        environment: {MODE: fast}\nsecrets: {TOKEN: {from: 'env:MY_TOKEN'}}\nmessage: 64KiB\nidle: 3s\n";

#[cfg(test)]
fn desk(manifest: &str, server: &str) -> Desk {
    let desk = Desk::new();
    desk.write("tools/probe.yaml", manifest);
    desk.write("tools/server.py", server);
    desk
}

/// What a run that calls a tool ends with.
#[cfg(test)]
fn run(desk: &Desk, tool: &str, args: &Value, code: i32) -> Value {
    let node = json!({"nodes": [{"id": "n", "type": "tool", "tool_name": tool, "tool_args": args}]});
    desk.write("call.json", &node.to_string());
    let mut command = desk.command(["run", "call.json", "--tools", "tools", "--json"]);
    common::given(command.env("MY_TOKEN", "hunter2hunter2").output().unwrap()).code(code).json()
}

#[cfg(test)]
fn listed(desk: &Desk, more: &[&str]) -> common::Given {
    let words = ["tools", "list", "--tools", "tools"];
    let mut command = desk.command([&words[..], more].concat());
    common::given(command.env("MY_TOKEN", "hunter2hunter2").output().unwrap())
}

#[test]
fn tools_of_a_server_are_listed_and_called_in_its_cage() {
    let desk = desk(MANIFEST, SERVER);
    let list = listed(&desk, &["--json"]).code(0).json();
    let found =
        list.as_array().unwrap().iter().find(|tool| tool["name"] == "probe.say_token").cloned().unwrap();
    assert_eq!(
        (&found["home"], &found["effect"], &found["version"]),
        (&json!("mcp"), &json!("irreversible"), &json!("1.0.0"))
    );
    assert_eq!(found["from"], json!(desk.path("tools/probe.yaml").canonicalize().unwrap()));

    let secret = desk.write("secret.txt", "not for servers");
    let output = run(&desk, "probe.look", &json!({"path": secret}), 0);
    let expected = json!({"found": "FileNotFoundError", "run": null, "mode": "fast"});
    assert_eq!(output["output"]["n"], expected, "{output}");
    let output = run(&desk, "probe.look", &json!({"path": desk.path("tools").canonicalize().unwrap()}), 0);
    assert!(output["output"]["n"]["found"].as_array().unwrap().contains(&json!("server.py")), "{output}");

    let output = run(&desk, "probe.say_token", &json!({}), 0);
    assert_eq!(output["output"]["n"], json!({"text": "it is **************"}));
}

#[test]
fn a_server_that_dies_hangs_or_says_too_much_fails_the_call_and_not_the_command() {
    let desk = desk(MANIFEST, SERVER);
    let failure = |tool: &str| {
        let document = run(&desk, tool, &json!({}), 1);
        document["nodes"][0]["failure"]["message"].as_str().unwrap_or_default().to_owned()
    };
    let died = failure("probe.die");
    assert!(
        died.contains(
            "ended in the middle of the call: it ended with exit code 7; it said last: out of luck"
        ),
        "{died}"
    );
    let huge = failure("probe.huge");
    assert!(huge.contains("a message of more than 64KiB"), "{huge}");
    let hung = failure("probe.hang");
    assert!(hung.contains("said nothing for longer than 3s: raise `idle`"), "{hung}");
}

#[test]
fn a_server_that_cannot_be_asked_stops_what_needs_tools_and_nothing_else() {
    let desk = desk(MANIFEST, "import sys\nprint('no such module', file=sys.stderr)\nsys.exit(3)\n");
    listed(&desk, &[])
        .code(1)
        .says("error[MCP_UNAVAILABLE]: the MCP server `probe` cannot be reached: it ended with exit code 3; it said last: no such module")
        .says("take the manifest of `probe` out of the folders of tools");
    desk.ice(&["runs", "list", "--tools", "tools"]).code(0);
    desk.ice(&["tools", "list", "--tools", "tools"]).code(1).says("the variable is not set");
    // Two of the same name are none.
    desk.write("tools/other.yaml", MANIFEST);
    listed(&desk, &[]).code(2).says("error[REGISTRY_CONFLICT]").says("a server `probe` stands in");
}
