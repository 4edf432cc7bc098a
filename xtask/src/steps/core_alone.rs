//! `ice-core` alone, built from nothing, stays within its budget of CPU time: who embeds ice pays it.

use anyhow::{Context, Result, anyhow, bail};

use super::step::Outcome;
use crate::command::Runner;
use crate::console;

/// How many times the CPU time of the yardstick the whole may take. On a machine where the yardstick takes 30 seconds that
/// is 200 seconds.
const BUDGET: f64 = 6.7;

/// Packages among the dependencies of `ice-core` whose build tells how fast the machine is: well known, and not ours.
const YARDSTICK: &str = "--package regex --package url --package serde_json";

/// Builds the yardstick into a folder of its own, then `ice-core` with its default features beside it, and compares.
pub(super) fn core_alone(runner: &Runner) -> Result<Outcome> {
    let folder = runner.target().join("core-alone");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    // `times` is the one way of every POSIX system to ask for the CPU time of children.
    let script = format!(
        "cargo build --quiet {YARDSTICK} --target-dir \"$0\" && times && \
         cargo build --quiet --package ice-core --target-dir \"$0\" && times"
    );
    let folder_text = folder.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", folder.display()))?;
    let report = runner.take("sh", &["-c", &script, folder_text])?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    let Some((yardstick, whole)) = both(&report) else { bail!("`times` said {report:?}") };
    let ratio = whole / yardstick.max(0.1);
    console::say(&format!(
        "ice-core alone: {whole:.0} CPU seconds, {ratio:.1} times the {yardstick:.0} of its yardstick, at most {BUDGET}"
    ));
    Ok((ratio <= BUDGET).into())
}

/// What two calls of `times` say of the children: first those of the yardstick, then all.
fn both(report: &str) -> Option<(f64, f64)> {
    let (first, second) = report.split_at(report.match_indices('\n').nth(1)?.0 + 1);
    Some((children(first)?, children(second)?))
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
        let twice = "0m0.00s 0m0.00s\n0m20.00s 0m1.00s\n0m0.00s 0m0.00s\n2m0.00s 0m5.00s\n";
        assert_eq!(both(twice), Some((21.0, 125.0)));
        assert_eq!(both("0m0.00s 0m0.00s\n0m20.00s 0m1.00s\n"), None);
    }

    #[test]
    fn the_shell_counts_what_children_spend() {
        let (_folder, project) = crate::project::fixture::project(&[("a", "")]);
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let report = Runner::new(&project).take("sh", &["-c", "sh -c \"$0\" && times", busy]).unwrap();
        assert!(children(&report).is_some_and(|spent| spent > 0.0 && spent < 60.0), "{report}");
    }
}
