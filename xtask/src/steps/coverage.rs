//! Which lines of a package its tests run. The crates of the workspace are built to count what runs of them, the tests
//! run, and what was counted is held against the sources. Code that exists only in tests does not count.

mod lcov;
mod lines;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::lines::Lines;
use super::step::Outcome;
use crate::command::{self, Runner};
use crate::console;
use crate::project::Project;
use crate::setup::LLVM;

/// What cargo calls in place of rustc.
const WRAPPER: &str = "xtask/coverage/instrument.sh";
/// The package whose tests go through the program, and so through all others.
const PROGRAM: &str = "ice-cli";

/// What is measured, and how much of it must be covered.
#[derive(Clone, Debug)]
pub(crate) struct Goal<'a> {
    /// The package: a folder in `crates`.
    pub(crate) package: &'a str,
    /// The least share of its lines, in percent.
    pub(crate) least: f64,
    /// Whether the tests run; if not, it is told what they counted when they last did.
    pub(crate) runs: bool,
}

impl Goal<'static> {
    /// What CI asks for.
    pub(crate) const CI: Self = Self { package: "ice-orchestrator", least: 90.0, runs: true };
}

/// Builds, runs the tests and counts. Fails if a test does, or if less is covered than it must.
pub(crate) fn coverage(project: &Project, runner: &Runner, goal: &Goal<'_>) -> Result<Outcome> {
    let sources = format!("crates/{}/src", goal.package);
    if !project.contains_folder(&sources) {
        bail!("there is no package `{}` in crates", goal.package);
    }
    Outcome::with_tool(runner, &LLVM, || {
        let folder = runner.target().join("coverage");
        let measured = Measured { project, runner, folder: &folder, package: goal.package };
        let passed = !goal.runs || measured.run()?;
        let lines = lines::read(project, &sources, &measured.counts(&sources)?)?;
        tell(&lines, goal, &folder.join("uncovered.txt"))?;
        Ok((passed && lines::percent(&lines) >= goal.least).into())
    })
}

struct Measured<'a> {
    project: &'a Project,
    runner: &'a Runner,
    folder: &'a Path,
    package: &'a str,
}

impl Measured<'_> {
    /// Runs the tests. What an earlier run has counted goes.
    fn run(&self) -> Result<bool> {
        let profiles = self.profiles();
        if profiles.exists() {
            std::fs::remove_dir_all(&profiles)
                .with_context(|| format!("{} cannot be removed", profiles.display()))?;
        }
        std::fs::create_dir_all(&profiles)
            .with_context(|| format!("{} cannot be made", profiles.display()))?;
        let passed = command::show(&mut self.cargo(&["nextest", "run", "--no-fail-fast"]))?;
        // What was started without its environment writes where it stands.
        for stray in files_in(self.project.root())? {
            let is_profile = stray.extension().is_some_and(|extension| extension == "profraw");
            if is_profile && let Some(name) = stray.file_name() {
                let moved =
                    std::fs::copy(&stray, profiles.join(name)).and_then(|_| std::fs::remove_file(&stray));
                moved.with_context(|| format!("{} cannot be moved", stray.display()))?;
            }
        }
        Ok(passed)
    }

    /// What the tests have counted, in the format of lcov.
    fn counts(&self, sources: &str) -> Result<String> {
        let profile = self.folder.join("all.profdata");
        let mut merge = self.runner.command("llvm-profdata");
        // A process that is killed leaves nothing, or half of it.
        merge.args(["merge", "--sparse", "--failure-mode=all", "--output"]).arg(&profile);
        let profiles = files_in(&self.profiles())?;
        if profiles.is_empty() {
            bail!("the tests have counted nothing");
        }
        merge.args(profiles);
        taken(&mut merge)?;
        let mut export = self.runner.command("llvm-cov");
        export.args(["export", "--format=lcov", "--skip-functions", "--skip-branches", "--instr-profile"]);
        export.arg(&profile);
        for program in self.programs()? {
            export.args(["--object", &program]);
        }
        export.arg("--sources").arg(self.project.path(sources));
        taken(&mut export)
    }

    /// Everything that was built to run tests.
    fn programs(&self) -> Result<Vec<String>> {
        let messages = taken(&mut self.cargo(&["test", "--no-run", "--message-format=json"]))?;
        let programs = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|message| message.get("executable")?.as_str().map(str::to_owned));
        let programs: Vec<String> = programs.collect();
        if programs.is_empty() { bail!("cargo test --no-run names no program") } else { Ok(programs) }
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.runner.command("cargo");
        command.args(arguments).args(["--all-features", "--package", self.package]);
        if self.package != PROGRAM {
            command.args(["--package", PROGRAM]);
        }
        command
            .env("RUSTC_WORKSPACE_WRAPPER", self.project.path(WRAPPER))
            // One of a few files for each program, into which its processes add what they have counted.
            .env("LLVM_PROFILE_FILE", self.profiles().join("%4m.profraw"))
            .env("CARGO_INCREMENTAL", "0");
        command
    }

    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles")
    }
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(files.filter(|path| path.is_file()).collect())
}

/// What a program prints. What it says on its way is not shown, unless it fails.
fn taken(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} cannot be started"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Shows the files by what is not covered of them, and writes which lines those are.
fn tell(lines: &[Lines], goal: &Goal<'_>, into: &Path) -> Result<()> {
    let ranges: String = lines.iter().flat_map(Lines::ranges).map(|range| range + "\n").collect();
    std::fs::write(into, ranges).with_context(|| format!("{} cannot be written", into.display()))?;
    for line in lines::table(lines) {
        console::say(&line);
    }
    let percent = lines::percent(lines);
    console::say(&format!(
        "{percent:.2} % of the lines of {} are covered, {} % must be",
        goal.package, goal.least
    ));
    console::say(&format!("which lines are not: {}", into.display()));
    Ok(())
}
