//! promtool on the generated Prometheus rules: they are valid, and they fire when they should.

use anyhow::{Result, bail};
use ice_core::metrics::MetricName;

use super::step::Outcome;
use crate::command::Runner;
use crate::console;
use crate::generate::{RULES_FILE, rule_count};
use crate::project::Project;
use crate::setup::PROMTOOL;

/// Series and the alerts they must raise.
const TESTS_FILE: &str = "xtask/promtool/metric_rules_test.yaml";

/// Checks and tests the rules.
pub(super) fn alerts(project: &Project, runner: &Runner) -> Result<Outcome> {
    let untested = untested(&project.read(TESTS_FILE)?);
    for alert in &untested {
        console::warn(&format!("{TESTS_FILE}: alert {alert} has no test"));
    }
    Outcome::with_tool(runner, &PROMTOOL, || {
        let report = runner.take_all("promtool", &["check", "rules", RULES_FILE])?;
        console::say(report.trim());
        // promtool is content with an empty file.
        match (found_rules(&report), rule_count()) {
            (Some(found), made) if found == made => {}
            (found, made) => bail!("promtool found {found:?} rules in {RULES_FILE}, {made} were made"),
        }
        let fired = runner.run("promtool", &["test", "rules", TESTS_FILE])?;
        Ok((fired && untested.is_empty()).into())
    })
}

/// The alerts of the enum that the tests do not name.
fn untested(tests: &str) -> Vec<&'static str> {
    MetricName::ALL
        .iter()
        .filter_map(|metric| metric.alert())
        .map(|alert| alert.name)
        .filter(|name| {
            !tests.lines().any(|line| line.trim().trim_start_matches("- ") == format!("alertname: {name}"))
        })
        .collect()
}

/// The count in promtool's `SUCCESS: 12 rules found`.
fn found_rules(report: &str) -> Option<usize> {
    let (before, _) = report.split_once(" rules found")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        assert_eq!(found_rules("Checking x\n  SUCCESS: 12 rules found\n"), Some(12));
        assert_eq!(found_rules("FAILED"), None);
    }

    #[test]
    fn an_alert_without_a_test_is_found() {
        let all = untested("");
        assert!(!all.is_empty());
        let tested = format!("      - alertname: {}\n", all[0]);
        assert_eq!(untested(&tested), all[1..]);
    }
}
