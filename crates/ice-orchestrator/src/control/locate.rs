//! From the failures of a run to where they stand in the documents that the run was started from.

use std::collections::BTreeMap;

use ice_core::blueprint::{Locator, NodeKind, Reached};
use ice_core::diagnostic::{Diagnostic, Diagnostics, Severity};

use super::{Assembled, Part};
use crate::journal::NodeFailure;

/// The most failures whose places are found; more are counted.
const MAX_LOCATED: usize = 200;

/// A failure at its place in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Which of [`Assembled::parts`] it stands in.
    pub part: usize,
    /// The failure, its message as it is. Its path is that of the node in the run, and not static: `each[3].body.clean`.
    pub diagnostic: Diagnostic,
}

impl Assembled {
    /// Finds where failures of a run of this blueprint stand, one by one. Nothing for one that is about no node of it,
    /// and for those after the first 200.
    #[must_use]
    pub fn locate(&self, failures: &[NodeFailure]) -> Vec<Option<Located>> {
        let mut locators = BTreeMap::new();
        let first = failures.iter().take(MAX_LOCATED).map(|failed| self.locate_one(failed, &mut locators));
        let rest = failures.iter().skip(MAX_LOCATED).map(|_| None);
        first.chain(rest).collect()
    }

    fn locate_one<'a>(
        &'a self,
        failed: &NodeFailure,
        locators: &mut BTreeMap<usize, Locator<'a>>,
    ) -> Option<Located> {
        let (part, reached) = self.reach(failed.node.as_str())?;
        let reading = &self.parts.get(part)?.reading;
        let failure = &failed.failure;
        // The field is one of the node that failed, not of one around it.
        let about = failure.about.as_ref().filter(|_| reached.rest.is_empty());
        let range = about.and_then(|about| about.part.as_ref());
        let range = range.map(|range| range.start as usize..range.end as usize);
        let failed_here = Diagnostic::new(failure.code, Severity::Error, failure.message.as_str());
        let mut diagnostic =
            reading.at(&reached, about.map(|about| about.field.as_str()), range, failed_here);
        diagnostic.path = Some(failed.node.clone());
        locators.entry(part).or_insert_with(|| reading.source.locator()).locate(&mut diagnostic);
        diagnostic.position.map(|_| Located { part, diagnostic })
    }

    /// Follows the path of a node from the first document into those that it runs.
    fn reach<'a>(&'a self, path: &'a str) -> Option<(usize, Reached<'a>)> {
        let mut at = 0;
        let mut reached = self.parts.first()?.reading.reach(path)?;
        // Each turn leaves less of the path.
        while let Some((next, inner)) = self.within(&reached) {
            (at, reached) = (next, inner);
        }
        Some((at, reached))
    }

    /// Where the path goes on, if that is in the document of a workflow node.
    fn within<'a>(&'a self, reached: &Reached<'a>) -> Option<(usize, Reached<'a>)> {
        let NodeKind::Workflow(workflow) = &reached.node.kind else { return None };
        let path = reached.rest.strip_prefix("run.")?;
        let (at, part) =
            self.parts.iter().enumerate().find(|(_, part)| part.name == workflow.workflow_ref)?;
        Some((at, part.reading.reach(path)?))
    }

    /// Failures that were [located](Self::locate), as the diagnostics of each document, under the names that its own
    /// diagnostics have. Those that were not are counted.
    #[must_use]
    pub fn located_diagnostics(&self, located: &[Option<Located>]) -> Vec<Diagnostics> {
        let of_part = |(at, part): (usize, &Part)| {
            let found = located.iter().flatten().filter(|located| located.part == at);
            let omitted = if at == 0 { located.len().saturating_sub(MAX_LOCATED) } else { 0 };
            let list = Diagnostics::new(found.map(|located| located.diagnostic.clone()), omitted);
            list.of_source(part.diagnostics.source().unwrap_or(&part.name))
        };
        let all = self.parts.iter().enumerate().map(of_part);
        all.filter(|found| !found.is_empty() || found.omitted() > 0).collect()
    }
}
