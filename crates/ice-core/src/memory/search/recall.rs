//! One ranked answer across all kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fuse::{Fused, fuse, share};
use super::wording::said;
use super::{Reranker, Weights};
use crate::memory::{AsOf, Entry, Filter, Kind, MAX_PAGE, Memory, MemoryError, Scope, WantedCandidates};

/// At least so many candidates of each kind are asked of each index.
const LEAST_CANDIDATES: usize = 50;
/// At most so many.
const MOST_CANDIDATES: usize = 4_096;
/// The most bytes of a query.
const MAX_QUERY_BYTES: usize = 64 << 10;
/// So many times what is wanted is ordered once more by a [`Reranker`].
const RERANKED: usize = 3;

/// What is to be recalled.
#[derive(Clone, Debug)]
pub struct Recall {
    /// What is looked for, in words: at most 64 KiB.
    pub query: String,
    /// In these scopes.
    pub scopes: Vec<Scope>,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// Like this.
    pub filter: Filter,
    /// As of when.
    pub as_of: AsOf,
    /// At most so many, at most [`MAX_PAGE`].
    pub limit: usize,
    /// What counts besides how well an entry fits.
    pub weights: Weights,
    /// Who orders the best of it once more.
    pub reranker: Option<Arc<dyn Reranker>>,
}

impl Recall {
    /// At most ten entries of any kind in the scope `default` that fit a query best now.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            scopes: vec![Scope::default()],
            kinds: Kind::ALL.to_vec(),
            filter: Filter::default(),
            as_of: AsOf::NOW,
            limit: 10,
            weights: Weights::default(),
            reranker: None,
        }
    }
}

/// By what an entry was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// By these indexes: its place in the list of each for its kind, from 1.
    Indexes(BTreeMap<&'static str, usize>),
    /// It has words of the query, and there are no indexes.
    Words,
}

/// An entry that was recalled.
#[derive(Clone, Debug, PartialEq)]
pub struct RecalledEntry {
    /// The entry.
    pub entry: Entry,
    /// How well it fits, above 0: comparable within one answer only.
    pub score: f64,
    /// By what it was found.
    pub found_by: FoundBy,
}

/// What was recalled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recalled {
    /// The best first.
    pub entries: Vec<RecalledEntry>,
    /// What did not work as it should; the order is worse than it could be.
    pub problems: Vec<String>,
}

impl Memory {
    /// What fits a query best, across scopes and kinds.
    ///
    /// Each index of contents gives its best candidates of each kind, and these lists become one by reciprocal rank, times the
    /// [`Weights`]. Each kind that has anything gets at least half of its even share of the answer, and at least one place, so that
    /// none starves another. Of a memory without indexes, what has the most words of the query among the newest 2,000 of each kind.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] for a query with nothing in it or beyond 64 KiB, and if no scope or kind is named;
    /// [`MemoryError::Index`] and [`MemoryError::Store`] if they fail.
    pub async fn recall(&self, recall: &Recall) -> Result<Recalled, MemoryError> {
        let invalid = |problem: &str| Err(MemoryError::invalid("the search", problem));
        if recall.query.trim().is_empty() {
            return invalid("the query is empty; say what is looked for");
        }
        if recall.query.len() > MAX_QUERY_BYTES {
            return invalid("the query is longer than 64 KiB; search for a part of it");
        }
        if recall.scopes.is_empty() || recall.kinds.is_empty() {
            return invalid("no scope or no kind is named; name at least one of each");
        }
        let kinds: Vec<Kind> =
            recall.kinds.iter().copied().filter(|kind| self.config().enables(*kind)).collect();
        let mut recalled = Recalled::default();
        let limit = recall.limit.min(MAX_PAGE);
        if limit == 0 || kinds.is_empty() {
            return Ok(recalled);
        }
        let (mut by_kind, mut problems) = (Vec::new(), BTreeSet::new());
        for kind in kinds {
            let mut found = if self.has_indexes() {
                self.best_of(recall, kind, limit, &mut problems).await?
            } else {
                self.by_looking(recall, kind, limit).await?
            };
            found.sort_by(|one, other| other.score.total_cmp(&one.score));
            by_kind.push(found);
        }
        recalled.problems.extend(problems);
        let most = if recall.reranker.is_some() { limit.saturating_mul(RERANKED) } else { limit };
        let scores: Vec<Vec<f64>> =
            by_kind.iter().map(|found| found.iter().map(|found| found.score).collect()).collect();
        let mut slots: Vec<Vec<Option<RecalledEntry>>> =
            by_kind.into_iter().map(|found| found.into_iter().map(Some).collect()).collect();
        recalled.entries = share(&scores, most)
            .into_iter()
            .filter_map(|(list, place)| slots.get_mut(list)?.get_mut(place)?.take())
            .collect();
        if let Some(reranker) = &recall.reranker {
            recalled.rerank(&**reranker, &recall.query, limit).await;
        }
        Ok(recalled)
    }

    /// The best of a kind, of which there are more than enough if they are there.
    async fn best_of(
        &self,
        recall: &Recall,
        kind: Kind,
        limit: usize,
        problems: &mut BTreeSet<String>,
    ) -> Result<Vec<RecalledEntry>, MemoryError> {
        let enough = limit.saturating_mul(2);
        let mut ask = limit.saturating_mul(4).clamp(LEAST_CANDIDATES, MOST_CANDIDATES);
        loop {
            let wanted = WantedCandidates {
                query: &recall.query,
                scopes: &recall.scopes,
                kinds: &[kind],
                filter: &recall.filter,
                as_of: recall.as_of,
                limit: ask,
            };
            let lists = self.candidates(&wanted).await?;
            problems.extend(lists.iter().filter_map(|list| list.problem.clone()));
            let may_be_more = ask < MOST_CANDIDATES && lists.iter().any(|list| list.ranked.len() >= ask);
            let mut found = Vec::new();
            for Fused { id, score, places } in fuse(&lists, kind) {
                let Some(entry) = self.candidate(id, &wanted).await? else { continue };
                let score = score * recall.weights.factor(&entry, self.now());
                found.push(RecalledEntry { entry, score, found_by: FoundBy::Indexes(places) });
                if found.len() == enough {
                    return Ok(found);
                }
            }
            // Most of them are not what they seemed: there may be others behind.
            if found.len() >= limit || !may_be_more {
                return Ok(found);
            }
            ask = ask.saturating_mul(4).min(MOST_CANDIDATES);
        }
    }

    async fn by_looking(
        &self,
        recall: &Recall,
        kind: Kind,
        limit: usize,
    ) -> Result<Vec<RecalledEntry>, MemoryError> {
        let found = self.look_through(recall, kind, limit).await?;
        let entries = found.into_iter().map(|(entry, share)| {
            let score = share * recall.weights.factor(&entry, self.now());
            RecalledEntry { entry, score, found_by: FoundBy::Words }
        });
        Ok(entries.collect())
    }
}

impl Recalled {
    /// Lets somebody order it once more, and keeps the best of that.
    async fn rerank(&mut self, reranker: &dyn Reranker, query: &str, limit: usize) {
        let texts: Vec<String> = self.entries.iter().map(|found| said(&found.entry)).collect();
        match reranker.rerank(query, &texts).await {
            Ok(scores) if scores.len() == texts.len() && scores.iter().all(|score| score.is_finite()) => {
                let mut scored: Vec<_> = std::mem::take(&mut self.entries).into_iter().zip(scores).collect();
                scored.sort_by(|(_, one), (_, other)| other.total_cmp(one));
                self.entries =
                    scored.into_iter().map(|(found, score)| RecalledEntry { score, ..found }).collect();
            }
            Ok(_) => self
                .problems
                .push("the reranker gave no number for each text; its answer is not used".to_owned()),
            Err(error) => self.problems.push(format!("the reranker failed: {error}")),
        }
        self.entries.truncate(limit);
    }
}
