//! The shape of a guard, and how one is run.

use std::time::Instant;

use anyhow::Result;

use crate::console;
use crate::finding::Finding;
use crate::project::Project;

/// A check of the project's sources.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What it makes sure of, in one sentence.
    pub(crate) about: &'static str,
    /// Looks at the project and says what is wrong.
    pub(crate) check: fn(&Project) -> Result<Vec<Finding>>,
}

impl Guard {
    /// Runs the check and prints what it found. `true` if nothing was.
    pub(crate) fn run(&self, project: &Project) -> Result<bool> {
        let begin = Instant::now();
        let mut findings = (self.check)(project)?;
        findings.sort();
        findings.dedup();
        for finding in &findings {
            console::warn(&finding.to_string());
        }
        let verdict = match findings.len() {
            0 => "good".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        console::say(&format!("{:<16} {verdict} ({:.1} s)", self.name, begin.elapsed().as_secs_f64()));
        Ok(findings.is_empty())
    }
}
