//! The lists of steps: quick, whole, long.

use anyhow::{Result, bail};

use super::alerts::alerts;
use super::cache;
use super::core_alone::core_alone;
use super::coverage::{Goal, coverage};
use super::deny::{advisories_of, dependencies};
use super::examples::examples;
use super::fuzz::fuzz;
use super::mcp_client::mcp_client;
use super::peers::peers;
use super::step::{self, Step};
use super::test::test;
use super::unused::unused;
use crate::cli::Ci;
use crate::command::{self, Runner};
use crate::project::Project;
use crate::{guards, setup};

/// Seconds that each fuzz target gets in CI, and in a long run.
const FUZZ_SECONDS: u64 = 10;
const FUZZ_SECONDS_LONG: u64 = 900;

/// Whoever asks for CI means all of it, wherever that is: a missing tool is an error.
const STRICT: bool = true;

/// Does the steps asked for and shows a table of them. `true` if none failed.
pub(crate) fn ci(project: &Project, runner: &Runner, options: &Ci) -> Result<bool> {
    cache::trim(runner)?;
    let mut steps = quick(project, runner);
    if !options.quick {
        let seconds = if options.long { FUZZ_SECONDS_LONG } else { FUZZ_SECONDS };
        steps.extend(whole(project, runner, seconds));
    }
    if options.long {
        steps.extend(long(project, runner));
    }
    Ok(step::run(chosen(steps, &options.only)?, options.fail_fast))
}

/// The steps of these names; all of them if none is named.
fn chosen<'a>(mut steps: Vec<Step<'a>>, only: &[String]) -> Result<Vec<Step<'a>>> {
    let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no step `{unknown}`; there are {}", names.join(", "));
    }
    if !only.is_empty() {
        steps.retain(|step| only.iter().any(|name| name == step.name));
    }
    Ok(steps)
}

/// At most 25 minutes on two cores, from nothing.
fn quick<'a>(project: &'a Project, runner: &'a Runner) -> Vec<Step<'a>> {
    let mut steps = vec![
        Step::new("test", || test(runner, &[], STRICT)),
        Step::new("setup", || Ok(setup::run(runner, STRICT))),
        Step::new("fmt", || runner.run("cargo", &["fmt", "--all", "--check"])),
        Step::new("clippy", || {
            let arguments =
                ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
            runner.run("cargo", &arguments)
        }),
    ];
    steps.extend(guards::ALL.iter().map(|guard| Step::new(guard.name, || guard.run(project))));
    steps.push(Step::with_outcome("alerts", || alerts(project, runner)));
    steps
}

/// What CI does besides: at most 75 minutes together.
fn whole<'a>(project: &'a Project, runner: &'a Runner, fuzz_seconds: u64) -> Vec<Step<'a>> {
    vec![
        Step::with_outcome("deny", || dependencies(runner)),
        Step::with_outcome("advisories", || advisories_of(project, runner)),
        Step::with_outcome("unused", || unused(runner)),
        Step::new("docs", || {
            let mut command = runner.command("cargo");
            command.args(["doc", "--workspace", "--no-deps", "--all-features"]);
            command.env("RUSTDOCFLAGS", "-D warnings");
            command::show(&mut command)
        }),
        Step::new("core-bare", || {
            runner.run("cargo", &["check", "--package", "ice-core", "--no-default-features"])
        }),
        Step::new("defaults", || runner.run("cargo", &["check", "--workspace"])),
        Step::with_outcome("core-alone", || core_alone(runner)),
        Step::new("examples", || examples(project, runner)),
        Step::with_outcome("mcp-client", || mcp_client(runner)),
        Step::with_outcome("fuzz", move || fuzz(project, runner, fuzz_seconds, &[])),
    ]
}

/// What takes hours.
fn long<'a>(project: &'a Project, runner: &'a Runner) -> Vec<Step<'a>> {
    vec![
        Step::new("large", || {
            // Without a single such test nextest fails: the step must not pass by doing nothing.
            let arguments = ["nextest", "run", "--workspace", "--all-features", "--run-ignored", "only"];
            runner.run("cargo", &arguments)
        }),
        Step::with_outcome("coverage", || coverage(project, runner, &Goal::CI)),
        Step::new("benches", || runner.run("cargo", &["bench", "--workspace", "--benches"])),
        Step::new("million", || {
            let bench = ["bench", "--package", "ice-core", "--bench"];
            runner.run("cargo", &[&bench[..], &["vectors", "--", "--million"]].concat())?;
            runner.run("cargo", &[&bench[..], &["memory", "--", "--long"]].concat())
        }),
        Step::with_outcome("peers", || peers(project, runner)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn tests_come_first_and_names_are_unique() {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        let steps = quick(&project, &runner)
            .into_iter()
            .chain(whole(&project, &runner, 1))
            .chain(long(&project, &runner));
        let names: Vec<&str> = steps.map(|step| step.name).collect();
        assert_eq!(names.first(), Some(&"test"));
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        for guard in guards::ALL {
            assert!(names.contains(&guard.name), "{}", guard.name);
        }
        assert!(names.ends_with(&["large", "coverage", "benches", "million", "peers"]), "{names:?}");
    }

    #[test]
    fn steps_are_chosen_by_name() -> Result<()> {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        let names = |only: &[&str]| -> Result<Vec<&str>> {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            Ok(chosen(quick(&project, &runner), &only)?.iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&["alerts", "fmt"])?, ["fmt", "alerts"]);
        assert_eq!(names(&[])?.len(), quick(&project, &runner).len());
        let unknown = names(&["alarms"]).unwrap_err().to_string();
        assert!(unknown.contains("no step `alarms`; there are test, setup,"), "{unknown}");
        Ok(())
    }
}
