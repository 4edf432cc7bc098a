//! cargo-deny against `deny.toml`: licences, sources and bans of every dependency, and known advisories.

use anyhow::Result;

use super::advisories::{self, Database};
use super::step::Outcome;
use crate::command::Runner;
use crate::console;
use crate::project::Project;
use crate::setup::CARGO_DENY;

/// Both halves after one another, for the command line.
pub(crate) fn deny(project: &Project, runner: &Runner) -> Result<bool> {
    let mut good = true;
    for (name, outcome) in [("deny", dependencies(runner)?), ("advisories", advisories_of(project, runner)?)]
    {
        good &= outcome.tell(name);
    }
    Ok(good)
}

/// Licences, sources and bans.
pub(super) fn dependencies(runner: &Runner) -> Result<Outcome> {
    run(runner, &["bans", "licenses", "sources"])
}

/// Advisories, if there is a database of them. None is fetched: the result depends on files alone.
pub(super) fn advisories_of(project: &Project, runner: &Runner) -> Result<Outcome> {
    let Some(database) = Database::find(project) else {
        return Ok(Outcome::Skipped(
            "no advisory database; ICE_ADVISORY_DB names its folder or .tgz".to_owned(),
        ));
    };
    let date = advisories::unpack(project, runner, &database)?;
    console::say(&format!("advisories known on {date}"));
    run(runner, &["advisories"])
}

fn run(runner: &Runner, checks: &[&str]) -> Result<Outcome> {
    let mut arguments = vec!["--offline", "--locked", "check", "--hide-inclusion-graph"];
    arguments.extend(checks);
    Outcome::with_tool(runner, &CARGO_DENY, || Ok(runner.run("cargo-deny", &arguments)?.into()))
}
