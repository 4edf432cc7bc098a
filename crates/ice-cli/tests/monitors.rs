//! Runs that watch themselves, through the real binary.

#[cfg(test)]
mod common;

use std::io::{Read, Write};
use std::net::TcpListener;

use common::{Desk, given};

#[test]
fn a_monitor_pauses_a_run_that_is_resumed_by_hand() {
    let desk = Desk::new();
    desk.write(
        "watched.yaml",
        "nodes:
- {id: a, type: tool, tool_name: hello, tool_args: {name: Ada}}
- {id: m, type: monitor, metric_expression: 'a.message and run.nodes_succeeded >= 1', action_on_trigger: pause}
- {id: b, type: tool, tool_name: hello, tool_args: {name: '{{ m.action_taken }}'}}
",
    );
    desk.ice(&["validate", "watched.yaml"]).code(0);
    desk.ice(&["run", "watched.yaml"]).code(4).says("RUN_PAUSED").says("ice runs resume");
    let shown = desk.ice(&["runs", "show", "last", "--json"]).code(0).json();
    assert_eq!((&shown["status"], &shown["failure"]["code"]), (&"parked".into(), &"RUN_PAUSED".into()));
    let events = desk.ice(&["runs", "events", "last"]).code(0).out;
    assert!(events.contains("node.checked") && events.contains("holds"), "{events}");
    let output = desk.ice(&["runs", "resume", "last", "--json"]).code(0).json();
    assert_eq!(output["status"], "succeeded", "{output}");
    assert_eq!(output["output"]["m"]["final_status"], "paused", "{output}");
    assert_eq!(output["output"]["b"]["message"], "Hello, workflow_paused!", "{output}");
}

#[test]
fn a_monitor_ends_a_run() {
    let desk = Desk::new();
    desk.write(
        "watched.yaml",
        "nodes:
- {id: a, type: tool, tool_name: hello, tool_args: {name: Ada}}
- {id: m, type: monitor, metric_expression: run.attempts > 0, action_on_trigger: abort, dependencies: [a]}
- {id: b, type: tool, tool_name: hello, tool_args: {name: b}, dependencies: [m]}
",
    );
    let ended = desk.ice(&["run", "watched.yaml", "--json"]).code(1).json();
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&"failed".into(), &"RUN_ABORTED".into()));
}

#[test]
fn alerts_are_posted_to_the_web_hook_that_the_run_may_reach() {
    let desk = Desk::new();
    let yaml = "nodes: [{id: m, type: monitor, metric_expression: 'true', alert_channels: [webhook, sms]}]";
    desk.write("watched.yaml", yaml);
    desk.ice(&["validate", "watched.yaml"]).code(0).says("nobody takes on alerts of the channel `webhook`");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut piece = [0_u8; 4096];
        while !String::from_utf8_lossy(&asked).contains("\"metrics\"") {
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&asked));
            asked.extend_from_slice(&piece[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&asked).into_owned()
    });
    let host = format!("127.0.0.1:{}", address.port());
    let url = format!("http://{host}/hook?token=secret");
    let run = |net: &[&str]| {
        let mut args = vec!["run", "--json", "watched.yaml", "--isolation", "in-process"];
        args.extend_from_slice(net);
        given(desk.command(args).env("ICE_ALERT_WEBHOOK", &url).output().unwrap())
    };
    let refused = run(&[]).code(0);
    assert_eq!(refused.json()["output"]["m"]["alerts_sent"], 0, "{refused:#?}");
    let sent = run(&["--allow-net", &host]).code(0);
    let output = sent.json();
    assert_eq!(output["output"]["m"]["alerts_sent"], 1, "{sent:#?}");
    let asked = server.join().unwrap().to_lowercase();
    let key = format!("idempotency-key: {}/m/1/check[1]/webhook", output["id"].as_str().unwrap());
    assert!(asked.starts_with("post /hook?token=secret") && asked.contains(&key), "{asked}");
    let events = desk.ice(&["runs", "events", "last"]).code(0);
    assert!(events.out.contains("webhook: sent") && events.out.contains("sms: not sent"), "{events:#?}");
    assert!(
        !events.out.contains("token=secret") && !sent.err.contains("token=secret"),
        "{events:#?} {sent:#?}"
    );
}
