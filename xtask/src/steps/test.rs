//! Every test: setup, then nextest, then the doctests.

use anyhow::Result;

use crate::command::Runner;
use crate::{environment, setup};

/// Installs what is needed and runs the tests with all features. With arguments, which go to nextest, the
/// doctests are left out.
pub(crate) fn test(runner: &Runner, arguments: &[String]) -> Result<bool> {
    let ready = setup::run_for_tests(runner, environment::is_ci());
    let mut nextest = vec!["nextest", "run", "--workspace", "--all-features"];
    if environment::is_ci() {
        nextest.extend(["--locked", "--profile", "ci"]);
    }
    nextest.extend(arguments.iter().map(String::as_str));
    let mut good = ready & runner.run("cargo", &nextest)?;
    if arguments.is_empty() {
        good &= runner.run("cargo", &["test", "--doc", "--workspace", "--all-features"])?;
    }
    Ok(good)
}
