//! Our engine beside others, by the harness that measures them all in one run: `shared/bench/peers` beside the
//! project. It is data of the machine as the advisory database is; without it the step is skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::step::Outcome;
use crate::command::{self, Runner};
use crate::console;
use crate::project::Project;

/// The harness, seen from the folder that holds the project.
const HARNESS: &str = "shared/bench/peers";
/// The name under which our engine's lines stand.
const OURS: &str = "ice";
/// What the harness asks of an engine. Each is measured first and last, so that drift of the machine shows.
const CASES: &[&str] = &[
    "chain-1000",
    "fan-1000",
    "layered-10x100",
    "tiny-c1",
    "tiny-c64",
    "durable-c1",
    "durable-c64",
    "sleep-fan",
    "hold-10k",
    "big-payload",
    "fib40",
    "fib40-durable",
];
const TIMES: usize = 2;

/// Installs the peers outside of the project, measures them and us, and shows the tables.
pub(super) fn peers(project: &Project, runner: &Runner) -> Result<Outcome> {
    match find(project) {
        Some(harness) => {
            let folder = runner.target().join("peers");
            measure(runner, &harness, &adapter(runner)?, &folder).map(Outcome::from)
        }
        None => Ok(Outcome::Skipped(format!("no {HARNESS} beside the project"))),
    }
}

fn find(project: &Project) -> Option<PathBuf> {
    let harness = project.root().parent()?.join(HARNESS);
    harness.join("all.sh").is_file().then_some(harness)
}

/// The program that runs one case with our engine and prints its line.
fn adapter(runner: &Runner) -> Result<String> {
    let arguments = ["--package", "ice-orchestrator", "--bench", "engine", "--message-format", "json"];
    let messages = runner.take("cargo", &[&["bench", "--no-run"], &arguments[..]].concat())?;
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|name| name == "engine"))
        .find_map(|message| message.get("executable")?.as_str().map(str::to_owned));
    program.ok_or_else(|| anyhow!("cargo bench --no-run names no program `engine`"))
}

/// Measures into `folder`. `true` if our engine has a result for every case.
fn measure(runner: &Runner, harness: &Path, adapter: &str, folder: &Path) -> Result<bool> {
    if adapter.contains(char::is_whitespace) {
        bail!("{adapter}: the harness splits the command at spaces; choose another CARGO_TARGET_DIR");
    }
    let state = folder.join("state");
    std::fs::create_dir_all(&state).with_context(|| format!("{} cannot be made", state.display()))?;
    let results = folder.join("results.jsonl");
    // What an earlier run has left must not be taken for the results of this one.
    if results.exists() {
        std::fs::remove_file(&results).with_context(|| format!("{} cannot be removed", results.display()))?;
    }
    if !command::show(&mut runner.command(harness.join("setup.sh")))? {
        console::warn("the peers cannot be installed");
        return Ok(false);
    }
    let mut all = runner.command(harness.join("all.sh"));
    all.arg(&results).env("ENGINE_CMD", adapter).env("BENCH_STATE", &state);
    let done = command::show(&mut all)?;
    let mut tables = runner.command("python3");
    tables.arg(harness.join("summarize.py")).arg(&results);
    let shown = command::show(&mut tables)?;
    let lines =
        std::fs::read_to_string(&results).with_context(|| format!("{} cannot be read", results.display()))?;
    let faults = faults(&lines);
    for fault in &faults {
        console::warn(fault);
    }
    console::say(&format!("the lines are in {}", results.display()));
    Ok(done && shown && faults.is_empty())
}

/// What is wrong with our lines. That a peer fails or has no time left is no fault of ours.
fn faults(lines: &str) -> Vec<String> {
    let mut good: BTreeMap<&str, usize> = CASES.iter().map(|case| (*case, 0)).collect();
    for line in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |key| line.get(key).and_then(Value::as_str);
        let ended = line.get("seconds").is_some_and(Value::is_number) || line.get("skipped").is_some();
        if text("peer") == Some(OURS)
            && ended
            && let Some(count) = text("case").and_then(|case| good.get_mut(case))
        {
            *count += 1;
        }
    }
    let missing = good.into_iter().filter(|(_, count)| *count != TIMES);
    missing.map(|(case, count)| format!("{case}: {OURS} has {count} results of {TIMES}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    /// A harness whose peer fails, and which asks the engine for every case at the start and at the end.
    fn harness(ask: &str) -> (tempfile::TempDir, Project, Runner) {
        let ours = format!("for c in {}; do $ENGINE_CMD $c >> \"$1\"; done", CASES.join(" "));
        let peer = "echo '{\"peer\":\"other\",\"case\":\"fib40\",\"failed\":\"over 30s\"}' >> \"$1\"";
        let all =
            format!("#!/bin/sh\n: > \"$1\"\n[ -d \"$BENCH_STATE\" ] || exit 1\n{ours}\n{peer}\n{ours}\n");
        let engine = format!("#!/bin/sh\n{ask}\n");
        let (folder, _) = project(&[
            ("project/layers.toml", ""),
            ("shared/bench/peers/all.sh", &all),
            ("shared/bench/peers/setup.sh", "#!/bin/sh\n"),
            ("shared/bench/peers/summarize.py", "import sys\nopen(sys.argv[1]).read()\n"),
            ("engine", &engine),
        ]);
        let scripts = ["shared/bench/peers/all.sh", "shared/bench/peers/setup.sh", "engine"];
        let chmod = ["+x"].into_iter().chain(scripts);
        let status = std::process::Command::new("chmod").args(chmod).current_dir(folder.path()).status();
        assert!(status.unwrap().success());
        let project = Project::at(&folder.path().join("project")).unwrap();
        let runner = Runner::new(&project);
        (folder, project, runner)
    }

    fn measured(ask: &str) -> bool {
        let (folder, project, runner) = harness(ask);
        let engine = folder.path().join("engine");
        let results = folder.path().join("results");
        measure(&runner, &find(&project).unwrap(), engine.to_str().unwrap(), &results).unwrap()
    }

    #[test]
    fn every_case_of_ours_must_have_a_result_at_both_ends() {
        let result = r#"echo "{\"peer\":\"ice\",\"case\":\"$1\",\"seconds\":0.5}""#;
        assert!(measured(result));
        assert!(!measured("exit 101"));
        assert!(!measured(&format!("[ $1 = fib40 ] || {result}")));
    }

    #[test]
    fn a_case_that_is_not_adapted_is_no_fault_and_one_that_failed_is() {
        let line = |case: &str, end: &str| format!("{{\"peer\":\"ice\",\"case\":\"{case}\",{end}}}\n");
        let lines = |end| -> String {
            CASES
                .iter()
                .map(|case| line(case, if *case == "fib40" { end } else { "\"seconds\":1" }).repeat(2))
                .collect()
        };
        assert_eq!(faults(&lines("\"skipped\":\"not adapted\"")), [""; 0]);
        assert_eq!(faults(&lines("\"failed\":\"x\"")), ["fib40: ice has 0 results of 2"]);
    }

    #[test]
    fn without_a_harness_the_step_is_skipped() {
        let (folder, _) = project(&[("project/layers.toml", "")]);
        let project = Project::at(&folder.path().join("project")).unwrap();
        let outcome = peers(&project, &Runner::new(&project)).unwrap();
        assert_eq!(outcome, Outcome::Skipped("no shared/bench/peers beside the project".into()));
    }
}
