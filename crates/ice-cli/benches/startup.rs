//! How long `ice run` of hello world takes, from the start of the process to its result, beside a program that only
//! starts an empty tokio runtime: both are started in turn, so that both see the same machine.
//!
//! `cargo bench -p ice-cli --bench startup` prints the medians and their ratio. Three cases: a fresh data folder, a
//! data folder that is there, and one whose store is asked to promise nothing (no sync of its own).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The rounds of each case.
const ROUNDS: usize = 60;

const HELLO: &str =
    "nodes: [{id: greet, type: tool, tool_name: hello, tool_args: {name: \"{{ inputs.name }}\"}}]\n";

fn main() {
    // This program is its own floor: started with this variable it does nothing but start a runtime.
    if std::env::var_os("ICE_BENCH_FLOOR").is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map(|runtime| runtime.block_on(async {})).ok();
        return;
    }
    let home = match tempfile::tempdir() {
        Ok(home) => home,
        Err(error) => return report(&format!("no folder to work in: {error}")),
    };
    let file = home.path().join("hello.yaml");
    if let Err(error) = std::fs::write(&file, HELLO) {
        return report(&format!("no blueprint to run: {error}"));
    }
    let cases: [(&str, &[&str], bool); 3] = [
        ("fresh data folder", &[], true),
        ("data folder that is there", &[], false),
        ("data folder that is there, buffered", &["--durability", "buffered"], false),
    ];
    for (name, options, fresh) in cases {
        let data = home.path().join("data");
        let (mut floor, mut ice) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS + 5 {
            if fresh {
                std::fs::remove_dir_all(&data).ok();
            }
            let times = (time(&mut empty()), time(&mut run(home.path(), &file, &data, options)));
            // The first rounds warm the caches of the system.
            if let (Some(one), Some(other)) = times
                && round >= 5
            {
                floor.push(one);
                ice.push(other);
            }
        }
        let (floor, ice) = (median(floor), median(ice));
        report(&format!(
            "{name}: ice run {:.2} ms, empty tokio program {:.2} ms, ratio {:.1}",
            ice.as_secs_f64() * 1e3,
            floor.as_secs_f64() * 1e3,
            ice.as_secs_f64() / floor.as_secs_f64().max(f64::EPSILON)
        ));
    }
}

fn empty() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_default());
    command.env("ICE_BENCH_FLOOR", "1");
    command
}

fn run(home: &Path, file: &Path, data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ice"));
    command.arg("run").arg(file).args(["-i", "name=Ada", "--json", "--data"]).arg(data).args(options);
    command.current_dir(home);
    command
}

fn time(command: &mut Command) -> Option<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let ended = command.status().ok()?;
    ended.success().then(|| begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a benchmark writes what it has measured")]
fn report(line: &str) {
    println!("{line}");
}
