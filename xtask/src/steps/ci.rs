//! The lists of steps: quick, whole, long.

use anyhow::Result;

use super::step::{self, Step};
use super::test::test;
use crate::cli::Ci;
use crate::command::Runner;
use crate::guards;
use crate::project::Project;

/// Does all steps and shows a table of them. `true` if none failed.
pub(crate) fn ci(project: &Project, runner: &Runner, options: Ci) -> Result<bool> {
    let mut steps = vec![
        Step::new("test", || test(runner, &[])),
        Step::new("fmt", || runner.run("cargo", &["fmt", "--all", "--check"])),
        Step::new("clippy", || {
            runner.run(
                "cargo",
                &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
            )
        }),
    ];
    for guard in guards::ALL {
        steps.push(Step::new(guard.name, || guard.run(project)));
    }
    Ok(step::run(steps, options.fail_fast))
}
