//! Every test: setup, the doctests, then nextest.

use anyhow::Result;

use crate::command::Runner;
use crate::setup;

/// Installs what is needed and runs the tests with all features. With arguments, which go to nextest, the
/// doctests are left out. `strict`: as in CI, where a missing tool or a stale lock file is an error.
pub(crate) fn test(runner: &Runner, arguments: &[String], strict: bool) -> Result<bool> {
    let ready = setup::run_for_tests(runner, strict);
    let mut good = ready;
    if arguments.is_empty() {
        good &= runner.run("cargo", &["test", "--doc", "--workspace", "--all-features"])?;
    }
    // Last, so that a run ends with the line that counts every test.
    let mut nextest = vec!["nextest", "run", "--workspace", "--all-features"];
    if strict {
        nextest.extend(["--locked", "--profile", "ci"]);
    }
    nextest.extend(arguments.iter().map(String::as_str));
    good &= runner.run("cargo", &nextest)?;
    Ok(good)
}
