//! `ice-core` alone, built from nothing, stays within its budget of CPU seconds: who embeds ice pays it.

use anyhow::{Context, Result, anyhow, bail};

use super::step::Outcome;
use crate::command::Runner;
use crate::console;

/// CPU seconds, user and system, of all processes of the build.
const BUDGET: f64 = 200.0;

/// Builds `ice-core` with its default features into a folder of its own and counts.
pub(super) fn core_alone(runner: &Runner) -> Result<Outcome> {
    let folder = runner.target().join("core-alone");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    // `times` is the one way of every POSIX system to ask for the CPU time of children.
    let script = "cargo build --quiet --package ice-core --target-dir \"$0\" && times";
    let folder_text = folder.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", folder.display()))?;
    let report = runner.take("sh", &["-c", script, folder_text])?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    let Some(spent) = children(&report) else { bail!("`times` said {report:?}") };
    console::say(&format!("ice-core alone: {spent:.0} CPU seconds of {BUDGET:.0}"));
    Ok((spent <= BUDGET).into())
}

/// User and system seconds of the children, from the second line that `times` prints: `1m2.50s 0m3.25s`.
fn children(report: &str) -> Option<f64> {
    let (user, system) = report.lines().nth(1)?.split_once(' ')?;
    Some(seconds(user)? + seconds(system)?)
}

fn seconds(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.trim().strip_suffix('s')?.split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.replace(',', ".").parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_children_is_read() {
        assert_eq!(children("0m0.00s 0m0.00s\n2m1.50s 0m3.25s\n"), Some(124.75));
        assert_eq!(children("0m0.00s 0m0.00s\n"), None);
        assert_eq!(children("x\ny z\n"), None);
    }

    #[test]
    fn the_shell_counts_what_children_spend() {
        let (_folder, project) = crate::project::fixture::project(&[("a", "")]);
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let report = Runner::new(&project).take("sh", &["-c", "sh -c \"$0\" && times", busy]).unwrap();
        assert!(children(&report).is_some_and(|spent| spent > 0.0 && spent < 60.0), "{report}");
    }
}
