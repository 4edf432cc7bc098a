//! Several `ice` commands on one data folder: one owns it, the others are its clients.

#[cfg(test)]
mod common;

use std::time::Duration;

use common::{Desk, HELLO, SLOW};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_second_terminal_lists_shows_watches_and_cancels() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut running = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "."]);
    let id = running.run_id();
    running.until_said("mark");

    let runs = desk.ice(&["runs", "list", "--json"]).code(0).json();
    assert_eq!((&runs[0]["id"], &runs[0]["status"]), (&json!(id), &json!("running")));
    assert!(desk.ice(&["runs", "list", "--status", "running"]).code(0).out.contains(&id));
    assert_eq!(desk.ice(&["runs", "list", "--status", "failed", "--json"]).code(0).json(), json!([]));
    let shown = desk.ice(&["runs", "show", &id, "--json"]).code(0).json();
    assert_eq!(shown["nodes"][0]["status"], "succeeded");

    let mut watching = desk.start(&["runs", "events", "last", "--follow", "--json"]);
    watching.until_printed("node.started");
    let graph = desk.ice(&["graph", "slow.yaml", "--run", &id]).code(0).out;
    assert!(graph.contains("running") && graph.contains("succeeded"), "{graph}");

    desk.ice(&["runs", "cancel", &id, "--reason", "enough"]).code(0);
    watching.until_printed("\"enough\"");
    watching.until_printed("run.ended");
    watching.finish().code(0);
    running.finish().code(130).says("cancelled Slow");
    desk.ice(&["runs", "cancel", &id]).code(1).says("error[RUN_STATE]");
}

#[test]
fn a_run_of_a_client_is_carried_out_by_the_owner() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    desk.write("hello.yaml", HELLO);
    let mut owner = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "."]);
    owner.run_id();
    let given = desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    assert_eq!(given.json(), json!({"greet": {"message": "Hello, Ada!"}}));
    // What the owner refuses is told as if it had been this process.
    desk.ice(&["run", "hello.yaml"]).code(2).says("error[INPUT_INVALID]");
    desk.ice(&["worker"]).code(1).says("error[STORE_LOCKED]").says(&owner.pid().to_string());
}

#[test]
fn an_owner_stays_for_what_others_started() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    desk.write("a/empty", "");
    desk.write("b/empty", "");
    let mut owner = desk.start(&["run", "slow.yaml", "-i", "seconds=1", "--rw", "a"]);
    owner.run_id();
    let mut client = desk.start(&["run", "slow.yaml", "-i", "seconds=3", "--rw", "b"]);
    client.run_id();
    owner.until_said("staying for 1 run");
    client.finish().code(0);
    owner.finish().code(0);
    assert_eq!(desk.read("b/lines.txt"), "first\nsecond\n");
}

#[test]
fn a_client_takes_over_when_the_owner_dies() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    desk.write("a/empty", "");
    desk.write("b/empty", "");
    let mut owner = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "a"]);
    let left = owner.run_id();
    owner.until_said("mark");
    let mut client = desk.start(&["run", "slow.yaml", "-i", "seconds=2", "--rw", "b"]);
    client.run_id();
    client.until_said("mark");
    owner.signal(Signal::KILL);
    assert_eq!(owner.finish().code, None);
    client.until_said("went away");
    client.until_said("owns the data folder now and goes on with 2 runs");
    // It stays for the run that the dead owner left, too.
    client.until_said("staying for 1 run");
    desk.ice(&["runs", "cancel", &left]).code(0);
    client.finish().code(0);
    assert_eq!(desk.read("b/lines.txt"), "first\nsecond\n");
    assert_eq!(desk.read("a/lines.txt"), "first\n");
}

#[test]
fn many_at_once_all_get_through() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let running: Vec<_> =
        (0..6).map(|_| desk.start(&["run", "hello.yaml", "--json", "-i", "name=Ada"])).collect();
    for one in running {
        assert_eq!(one.finish().code(0).json()["status"], "succeeded");
    }
    let runs = desk.ice(&["runs", "list", "--all", "--json"]).code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 6);
    assert_eq!(desk.ice(&["runs", "list", "--limit", "2", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_detached_run_goes_on_in_a_worker() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let id = desk.ice(&["run", "slow.yaml", "--detach", "-i", "seconds=1", "--rw", "."]).code(0).out;
    let id = id.trim();
    let mut watching = desk.start(&["runs", "events", id, "--follow"]);
    watching.until_printed("run.ended");
    watching.finish().code(0);
    assert_eq!(desk.read("lines.txt"), "first\nsecond\n");
    let document =
        desk.ice(&["run", "slow.yaml", "--detach", "--json", "-i", "seconds=60", "--rw", "."]).code(0).json();
    assert!(document["id"].is_string() && document["output"].is_object(), "{document}");
    desk.ice(&["runs", "cancel", document["id"].as_str().unwrap()]).code(0);
    assert!(desk.read("data/worker.log").contains("ice worker owns"));
    // The worker goes by itself; here it is told to, so that nothing outlives the test.
    let pid = desk.ice(&["worker"]).code(1).err;
    let pid = pid.split("pid ").nth(1).unwrap().lines().next().unwrap().trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
}

#[test]
fn a_worker_goes_on_with_what_was_left_and_ends_when_told() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut running = desk.start(&["run", "slow.yaml", "-i", "seconds=1", "--rw", "."]);
    running.run_id();
    running.until_said("mark");
    running.signal(Signal::KILL);
    running.finish();
    let mut worker = desk.start(&["worker"]);
    worker.until_said("ice worker owns");
    worker.until_said("goes on with 1 run");
    let mut watching = desk.start(&["runs", "events", "last", "--follow"]);
    watching.until_printed("run.ended");
    worker.signal(Signal::TERM);
    worker.finish().code(0);
    assert_eq!(desk.read("lines.txt"), "first\nsecond\n");
    let idle = desk.start(&["worker", "--idle", "1"]);
    idle.finish().code(0);
}

#[test]
fn a_socket_that_a_dead_owner_left_is_replaced() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    std::fs::create_dir(desk.data()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(desk.data().join("control.sock")).unwrap());
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
}

#[test]
fn a_long_path_is_no_obstacle() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let data = "d".repeat(200);
    let mut owner = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", ".", "--data", &data]);
    let id = owner.run_id();
    desk.ice(&["runs", "cancel", &id, "--data", &data]).code(0);
    owner.finish().code(130);
}

#[test]
fn what_listens_but_does_not_answer_is_not_waited_for_without_end() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    std::fs::create_dir(desk.data()).unwrap();
    let _mute = std::os::unix::net::UnixListener::bind(desk.data().join("control.sock")).unwrap();
    let begun = std::time::Instant::now();
    desk.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(1).says("error[CONTROL_UNAVAILABLE]");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_owner_that_is_stopped_is_named_and_can_be_left() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    desk.write("a/empty", "");
    desk.write("b/empty", "");
    let mut owner = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "a"]);
    let id = owner.run_id();
    let mut client = desk.start(&["run", "slow.yaml", "-i", "seconds=60", "--rw", "b"]);
    client.run_id();
    client.until_said("mark");
    owner.signal(Signal::STOP);
    desk.ice(&["runs", "list"]).code(1).says("error[CONTROL_UNAVAILABLE]").says(&owner.pid().to_string());
    // The wish to cancel cannot be delivered: the second Ctrl-C leaves without waiting for it.
    client.signal(Signal::INT);
    client.until_said("cancelling");
    client.signal(Signal::INT);
    client.finish().code(130).says("left the run");
    owner.signal(Signal::CONT);
    desk.ice(&["runs", "cancel", &id]).code(0);
    desk.ice(&["runs", "cancel", "last"]).code(0);
    owner.finish().code(130);
}

#[test]
fn who_waits_stays_through_parking() {
    let desk = Desk::new();
    let (id, _server) = common::in_doubt(&desk);
    let mut waiting = desk.start(&["runs", "resume", &id, "--wait"]);
    waiting.until_said("parked");
    desk.ice(&["runs", "resume", &id, "--in-doubt", "fail"]).code(1);
    waiting.finish().code(1).says("failed");
}
