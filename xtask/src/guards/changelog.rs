//! The changelog keeps its form and has a place for what comes next.

use anyhow::Result;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the changelog.
pub(crate) const GUARD: Guard =
    Guard { name: "changelog", about: "CHANGELOG.md keeps its form and has an Unreleased section", check };

const FILE: &str = "CHANGELOG.md";
const SECTIONS: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

fn check(project: &Project) -> Result<Vec<Finding>> {
    if !project.contains(FILE) {
        return Ok(vec![Finding::new(FILE, "is missing")]);
    }
    Ok(inspect(&project.read(FILE)?))
}

fn inspect(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = text.lines().find_map(|line| line.strip_prefix("## "));
    if first != Some("[Unreleased]") {
        findings.push(Finding::new(FILE, "the first section must be `## [Unreleased]`"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(section) = line.strip_prefix("### ").filter(|section| !SECTIONS.contains(section)) {
            let message = format!("`{section}` is no kind of change; there are {}", SECTIONS.join(", "));
            findings.push(Finding::at(FILE, number, message));
        }
        let release = line.strip_prefix("## ").filter(|release| *release != "[Unreleased]");
        if let Some(release) = release.filter(|release| !is_release(release)) {
            let message = format!("`{release}` is no release: write `## [1.2.3] - 2026-01-31`");
            findings.push(Finding::at(FILE, number, message));
        }
    }
    findings
}

/// `[1.2.3] - 2026-01-31`.
fn is_release(text: &str) -> bool {
    text.strip_prefix('[').and_then(|rest| rest.split_once("] - ")).is_some_and(|(version, date)| {
        cargo_metadata::semver::Version::parse(version).is_ok() && date.parse::<jiff::civil::Date>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_in_form_passes() {
        let text = "# Changelog\n\n## [Unreleased]\n\n### Added\n- x\n\n## [0.1.0] - 2026-11-22\n";
        assert_eq!(inspect(text), []);
    }

    #[test]
    fn faults_are_found() {
        let found: Vec<_> =
            inspect("# Changelog\n## [0.1.0] - soon\n### New\n").iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("must be `## [Unreleased]`"));
        assert!(found[1].starts_with("CHANGELOG.md:2: "));
        assert!(found[2].starts_with("CHANGELOG.md:3: "));
    }
}
