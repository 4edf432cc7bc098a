//! The official conformance suite of MCP against our client: every scenario of both revisions that is named here must pass.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::step::Outcome;
use crate::command::Runner;
use crate::console;
use crate::setup::MCP_CONFORMANCE;

/// The scenarios of permission that must pass for every revision.
const AUTH: &[&str] = &[
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
    "auth/client-credentials-basic",
];

/// The revisions, and the scenarios that must pass for each besides: those that the revision asks for, and those beyond it
/// that pass. The suite is content with less: it says what a revision asks for, and nothing of what is missing from a report.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "2025-11-25",
        &[
            "initialize",
            "tools_call",
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            "json-schema-2020-12-preservation",
        ],
    ),
    (
        "2026-07-28",
        &[
            "tools_call",
            "request-metadata",
            "auth/resource-mismatch",
            "auth/offline-access-scope",
            "auth/offline-access-not-supported",
            "auth/authorization-server-migration",
            "auth/iss-supported",
            "auth/iss-not-advertised",
            "auth/iss-supported-missing",
            "auth/iss-wrong-issuer",
            "auth/iss-unexpected",
            "auth/iss-normalized",
            "auth/metadata-issuer-mismatch",
            "sep-2322-client-request-state",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
        ],
    ),
];

/// Builds the client and has the suite drive it.
pub(super) fn mcp_client(runner: &Runner) -> Result<Outcome> {
    Outcome::with_tool(runner, &MCP_CONFORMANCE, || {
        let arguments =
            ["build", "--package", "ice-integrations", "--features", "mcp", "--example", "mcp_conformance"];
        if !runner.run("cargo", &arguments)? {
            return Ok(Outcome::Failed);
        }
        let client = runner.target().join("debug/examples/mcp_conformance");
        let client = client.to_string_lossy();
        let mut good = true;
        for (revision, besides) in REQUIRED {
            let required = [AUTH, besides].concat();
            let results = runner.target().join("mcp-conformance").join(revision);
            let mut suite = runner.command("mcp-conformance");
            suite
                .args(["client", "--command", &client, "--requirements", revision, "--output-dir"])
                .arg(&results);
            let output = suite.output().context("the suite cannot be started")?;
            let report = String::from_utf8_lossy(&output.stdout);
            let faults = faults(&report, &required);
            for fault in &faults {
                console::warn(&format!("{revision}: {fault}"));
            }
            if !output.status.success() {
                console::warn(&format!("{revision}: the suite is not content, see {}", results.display()));
            }
            console::say(&format!(
                "{revision}: {} of {} scenarios",
                required.len() - faults.len(),
                required.len()
            ));
            good &= faults.is_empty() && output.status.success();
        }
        Ok(good.into())
    })
}

/// Scenarios that must pass and did not, with what the suite says of each.
fn faults(report: &str, required: &[&str]) -> Vec<String> {
    let found: BTreeMap<&str, (u64, u64)> = report.lines().filter_map(scenario).collect();
    let fault = |name: &&str| match found.get(name) {
        Some((passed, 0)) if *passed > 0 => None,
        Some((passed, failed)) => Some(format!("{name}: {passed} checks passed, {failed} failed")),
        None => Some(format!("{name}: the suite says nothing of it")),
    };
    required.iter().filter_map(fault).collect()
}

/// A line of the summary: `✓ tools_call: 2 passed, 0 failed`.
fn scenario(line: &str) -> Option<(&str, (u64, u64))> {
    let line = line.strip_prefix("✓ ").or_else(|| line.strip_prefix("✗ "))?;
    let (name, counts) = line.split_once(": ")?;
    let (passed, rest) = counts.split_once(" passed, ")?;
    let (failed, _) = rest.split_once(" failed")?;
    Some((name, (passed.parse().ok()?, failed.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_must_pass_and_none_may_be_missing() {
        let report = "=== SUITE SUMMARY ===\n\n✓ a: 2 passed, 0 failed\n✗ b: 16 passed, 1 failed\n✓ c: 0 passed, 0 failed\n  ✗ d (extension)\n";
        assert_eq!(faults(report, &["a"]), [""; 0]);
        let expected = [
            "b: 16 checks passed, 1 failed",
            "c: 0 checks passed, 0 failed",
            "d: the suite says nothing of it",
        ];
        assert_eq!(faults(report, &["a", "b", "c", "d"]), expected);
    }

    #[test]
    fn no_scenario_stands_twice() {
        for (revision, besides) in REQUIRED {
            let required = [AUTH, besides].concat();
            let names: std::collections::BTreeSet<_> = required.iter().collect();
            assert_eq!(names.len(), required.len(), "{revision}");
        }
    }
}
