//! Memory in a Redis server, through the binary. Without `redis-server`, which `cargo xtask setup` installs, it is skipped.
#![cfg(feature = "redis")]

#[cfg(test)]
mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::{Desk, Given, given};

/// A server in a folder, reached by a socket, which wants a password. It is killed when it is dropped.
#[cfg(test)]
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

#[cfg(test)]
impl Server {
    fn start(durable: bool) -> Option<Self> {
        let here = std::env::current_exe().unwrap();
        let installed = here.ancestors().map(|folder| folder.join("tools/bin/redis-server"));
        let Some(program) = installed.into_iter().find(|file| file.is_file()) else {
            println!("skipped: `redis-server` is not installed; `cargo xtask setup` fetches it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let keeps = if durable { "yes" } else { "no" };
        let mut child = Command::new(program)
            .args(["--port", "0", "--daemonize", "no", "--save", "", "--requirepass", "open sesame"])
            .args(["--appendonly", keeps, "--appendfsync", "always", "--dir"])
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(folder.path().join("redis.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().any(|line| line.unwrap().contains("ready to accept connections")));
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, folder })
    }

    /// A `memory.toml` that names it.
    fn config(&self, params: &str) -> String {
        let url = format!("redis+unix://{}", self.folder.path().join("redis.sock").display());
        let rest = "[episodic]\nbackend = \"redis\"\n[procedural]\nbackend = \"redis\"\n";
        format!("{rest}[semantic]\nbackend = \"redis\"\nconnection_params = {{ url = \"{url}\"{params} }}\n")
    }
}

#[cfg(test)]
impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
fn ice(desk: &Desk, args: &[&str]) -> Given {
    let mut command = desk.command(args);
    command.env("ICE_MEMORY", desk.path("memory.toml")).env("SESAME", "open sesame");
    given(command.output().unwrap())
}

#[test]
fn two_folders_share_a_memory_in_redis_and_pruning_runs_leaves_what_it_names() {
    let Some(server) = Server::start(true) else { return };
    let (here, there) = (Desk::new(), Desk::new());
    for desk in [&here, &there] {
        desk.write("memory.toml", &server.config(", name = \"team-a\", password = \"env:SESAME\""));
        desk.write("hello.yaml", common::HELLO);
    }
    let large = "harbour ".repeat(10_000);
    here.write("large.txt", &large);
    ice(&here, &["memory", "put", &large, "--key", "harbour"]).code(0);
    ice(&here, &["memory", "ingest", "large.txt", "--size", "1000"]).code(0);
    let shown = ice(&there, &["memory", "show", "harbour", "--json"]).code(0).json();
    assert_eq!(shown[0]["content"].as_str().unwrap().len(), large.len());
    let found = ice(&there, &["memory", "search", "harbour", "--json"]).code(0).json();
    assert!(!found.as_array().unwrap().is_empty());
    ice(&there, &["memory", "forget", "harbour", "--erase"]).code(0);
    ice(&there, &["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    ice(&there, &["runs", "prune", "--older-than", "0s", "--json"]).code(0);
    // What is named is still there.
    assert!(
        !ice(&here, &["memory", "search", "harbour", "--json"]).code(0).json().as_array().unwrap().is_empty()
    );
}

#[test]
fn what_the_server_cannot_keep_and_what_is_wrong_is_told_without_the_password() {
    let Some(server) = Server::start(false) else { return };
    let desk = Desk::new();
    let told = |params: &str, code: i32| {
        desk.write("memory.toml", &server.config(params));
        let given = ice(&desk, &["memory", "put", "x"]).code(code);
        assert!(!given.err.contains("open sesame") && !given.err.contains("hunter2"), "{given:?}");
        given
    };
    told(", password = \"env:SESAME\"", 1).says("error[MEMORY_GUARANTEE]").says("redis");
    told("", 1).says("error[STORE_UNAVAILABLE]");
    told(", password = \"hunter2\"", 1).says("it is no reference");
    told(", password = \"env:NOT_SET\"", 1).says("the variable `NOT_SET` is not set");
    told(", name = \"Team A\"", 1).says("a store in Redis is named by");
    desk.write("memory.toml", "[semantic]\nbackend = \"redis\"\nconnection_params = { url = \"redis://u:hunter2@h\" }\n[episodic]\nbackend = \"redis\"\n[procedural]\nbackend = \"redis\"\n");
    let given = ice(&desk, &["memory", "put", "x"]).code(1).says("take it out");
    assert!(!given.err.contains("hunter2"), "{given:?}");
}
