//! Generated files are what their generators make.

use anyhow::Result;

use super::Guard;
use crate::finding::Finding;
use crate::generate::{METRICS, SCHEMAS};
use crate::project::Project;

/// The guard of the JSON Schemas.
pub(crate) const SCHEMAS_GUARD: Guard = Guard {
    name: "schemas",
    about: "schemas/ is what the public types say",
    check: |project| SCHEMAS.check(project),
};

/// The guard of the Prometheus rules and the table of metrics.
pub(crate) const METRICS_GUARD: Guard =
    Guard { name: "metric-rules", about: "docs/generated/ is what MetricName says", check: check_metrics };

fn check_metrics(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for generator in METRICS {
        findings.extend(generator.check(project)?);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn an_empty_project_drifts() {
        let (_folder, project) =
            project(&[("schemas/Gone.json", "{}"), ("docs/generated/metrics.md", "old")]);
        let schemas = (SCHEMAS_GUARD.check)(&project).unwrap();
        assert!(schemas.iter().any(|finding| finding.file == "schemas/Gone.json"));
        assert!(schemas.iter().any(|finding| finding.file == "schemas/index.json"));
        let metrics: Vec<_> =
            (METRICS_GUARD.check)(&project).unwrap().into_iter().map(|finding| finding.file).collect();
        assert_eq!(metrics, ["docs/generated/metric_rules.yaml", "docs/generated/metrics.md"]);
    }
}
