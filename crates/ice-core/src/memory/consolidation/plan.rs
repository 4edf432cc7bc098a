//! What is to be done.

use std::time::Duration;

use super::{Consolidated, Decay, Summariser};
use crate::llm::Usd;
use crate::memory::{Kind, Memory, MemoryError, Scope};

/// What is to be done, in this order: duplicates, summaries, retention.
#[derive(Clone, Debug, PartialEq)]
pub struct Consolidation {
    /// In these scopes.
    pub scopes: Vec<Scope>,
    /// Whether facts that say the same become one. They do if their words are the same, in the same order, but for upper and lower
    /// case, marks and signs, and if what is known of them is, but for their confidence. The newest is written anew with the tags
    /// and persons of all; the others are superseded by it, so that nothing is lost.
    pub duplicates: bool,
    /// Whether old episodes are summarised.
    pub summaries: Option<Summaries>,
    /// What goes.
    pub retention: Vec<Retention>,
    /// Whether nothing is written, and only told what would be.
    pub dry_run: bool,
}

impl Consolidation {
    /// Duplicates in a scope, and nothing else.
    #[must_use]
    pub const fn of(scopes: Vec<Scope>) -> Self {
        Self { scopes, duplicates: true, summaries: None, retention: Vec::new(), dry_run: false }
    }
}

/// How old episodes are summarised: those of the same participants on the same day (UTC) become one fact of the type `summary`, which
/// names them and is about the participants. They stay until retention says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summaries {
    /// Episodes that are at least so old.
    pub older_than: Duration,
    /// Only so many or more become a summary; at least 2.
    pub least: usize,
    /// The most tokens of a summary.
    pub max_tokens: u64,
    /// The most summaries of one call.
    pub max_calls: u64,
    /// What they may cost together; what costs more is left for another call. The last of them may go beyond it.
    pub max_cost: Option<Usd>,
}

impl Default for Summaries {
    /// Of five episodes or more that are older than a week, 200 tokens each, at most 100 of them.
    fn default() -> Self {
        Self {
            older_than: Duration::from_secs(7 * 24 * 3_600),
            least: 5,
            max_tokens: 200,
            max_calls: 100,
            max_cost: None,
        }
    }
}

/// What goes: entries of a kind for which all that is named here holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Of this kind.
    pub kind: Kind,
    /// At least so old.
    pub older_than: Duration,
    /// Of which less importance is left.
    pub below: Option<(f64, Decay)>,
    /// Whether nothing of them is to be left; else they are forgotten, and readable "as of".
    pub erase: bool,
}

impl Memory {
    /// Does what a plan says; the summaries are made by `summariser`. Cancel-safe: what was done stays, and is not done again by the
    /// next call.
    ///
    /// # Errors
    /// [`MemoryError`] if the store fails or a write is refused; what was done stays. A summary that fails is told in the report.
    pub async fn consolidate(
        &self,
        plan: &Consolidation,
        summariser: &dyn Summariser,
    ) -> Result<Consolidated, MemoryError> {
        let mut done = Consolidated::default();
        for scope in &plan.scopes {
            if plan.duplicates && self.config().enables(Kind::Semantic) {
                self.merge_duplicates(scope, plan.dry_run, &mut done).await?;
            }
            if let Some(summaries) = &plan.summaries {
                self.summarise(scope, summaries, summariser, plan.dry_run, &mut done).await?;
            }
            for retention in &plan.retention {
                self.retire(scope, retention, plan.dry_run, &mut done).await?;
            }
        }
        Ok(done)
    }
}
