//! Searching in words, as tools and people do, and what is done where there are no indexes of contents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wording::words;
use super::{Recall, RecalledEntry};
use crate::memory::{AsOf, Entry, Filter, Kind, Memory, MemoryError, Query, Scope};
use crate::text::Terms;

/// The most entries of a search.
pub const MAX_FOUND: usize = 1_000;
/// How many of the newest entries of a kind are looked through without an index.
const LOOKED_THROUGH: usize = 2_000;
/// How many of them are in memory at once.
const PAGE: usize = 64;

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySearch {
    /// In words. Without any, the newest entries are found.
    pub query: String,
    /// In these scopes.
    pub scopes: Vec<Scope>,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// What entries must be like, besides.
    pub filter: Filter,
    /// As of when.
    pub as_of: AsOf,
    /// At most so many, at most [`MAX_FOUND`].
    pub limit: usize,
}

impl MemorySearch {
    /// Ten entries of any kind in some scopes, as they are now.
    #[must_use]
    pub fn new(query: impl Into<String>, scopes: Vec<Scope>) -> Self {
        Self {
            query: query.into(),
            scopes,
            kinds: Kind::ALL.to_vec(),
            filter: Filter::default(),
            as_of: AsOf::NOW,
            limit: 10,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryHit {
    /// How well it fits: the higher, the better. Comparable within one search only.
    pub score: f64,
    /// The entry.
    pub entry: Entry,
}

impl Memory {
    /// Entries by what they say, the best first, as [`Memory::recall`] finds them; without a word in the query, the newest.
    ///
    /// # Errors
    /// As [`Memory::recall`].
    pub async fn search(&self, search: &MemorySearch) -> Result<Vec<MemoryHit>, MemoryError> {
        let limit = search.limit.min(MAX_FOUND);
        if limit == 0 || search.scopes.is_empty() || search.kinds.is_empty() {
            return Ok(Vec::new());
        }
        let MemorySearch { query, scopes, kinds, filter, as_of, .. } = search.clone();
        if Terms::of(&query).is_empty() {
            let page = self.list(&Query { scopes, kinds, filter, as_of, limit, after: None }).await?;
            return Ok(page.entries.into_iter().map(|entry| MemoryHit { score: 0.0, entry }).collect());
        }
        let recalled =
            self.recall(&Recall { scopes, kinds, filter, as_of, limit, ..Recall::new(query) }).await?;
        for problem in recalled.problems {
            tracing::warn!(problem, "memory was not searched as well as it could be");
        }
        let hits = recalled.entries.into_iter();
        Ok(hits.map(|RecalledEntry { entry, score, .. }| MemoryHit { score, entry }).collect())
    }

    /// The entries of a kind with the most of a query's words among the newest 2,000, each with how many of the words it has.
    pub(super) async fn look_through(
        &self,
        recall: &Recall,
        kind: Kind,
        limit: usize,
    ) -> Result<Vec<(Entry, f64)>, MemoryError> {
        let wanted = Terms::of(&recall.query);
        let mut found: Vec<(Entry, f64)> = Vec::new();
        let mut query = Query {
            scopes: recall.scopes.clone(),
            kinds: vec![kind],
            filter: recall.filter.clone(),
            as_of: recall.as_of,
            limit: PAGE,
            after: None,
        };
        let mut seen = 0;
        while seen < LOOKED_THROUGH {
            let page = self.list(&query).await?;
            seen += page.entries.len();
            for entry in page.entries {
                let terms = Terms::of(&words(&entry));
                let common = wanted.iter().filter(|(term, _)| terms.count(term) > 0).count();
                if common > 0 {
                    found.push((entry, common as f64 / wanted.iter().len() as f64));
                }
            }
            // The sort is stable: of equal ones the newer stays first.
            found.sort_by(|one, other| other.1.total_cmp(&one.1));
            found.truncate(limit);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Episode, Fact, MemoryKey, MemoryOptions, Write};

    #[tokio::test]
    async fn what_has_most_of_the_words_comes_first_and_other_scopes_are_not_seen() {
        let memory = Memory::open(MemoryOptions::in_memory()).await.unwrap();
        let key = |text: &str| MemoryKey::new(text).unwrap();
        let fact = |text: &str, name: &str| Write::fact(text, Fact::default()).key(key(name));
        memory.remember(fact("The harbour of Oslo is open at night", "harbour")).await.unwrap();
        memory.remember(fact("Oslo is the capital of Norway", "capital")).await.unwrap();
        memory.remember(Write::episode("We met in Oslo", Episode::default())).await.unwrap();
        let secret = fact("The harbour of Oslo is closed", "closed").scope(Scope::new("other").unwrap());
        memory.remember(secret).await.unwrap();
        let found = memory.search(&MemorySearch::new("harbour OSLO", vec![Scope::default()])).await.unwrap();
        let keys: Vec<_> = found.iter().map(|hit| (hit.entry.kind(), hit.score)).collect();
        assert_eq!(found[0].entry.key.as_str(), "harbour");
        // Which of the other two is before depends on a millisecond.
        let mut others: Vec<Kind> = keys.iter().skip(1).map(|(kind, _)| *kind).collect();
        others.sort();
        assert_eq!(others, [Kind::Episodic, Kind::Semantic]);
        assert!(keys.is_sorted_by(|one, other| one.1 >= other.1), "{keys:?}");
        let none = memory.search(&MemorySearch::new("submarine", vec![Scope::default()])).await.unwrap();
        assert!(none.is_empty(), "{none:?}");
        let newest = MemorySearch { limit: 2, ..MemorySearch::new(" ", vec![Scope::default()]) };
        assert_eq!(memory.search(&newest).await.unwrap().len(), 2);
    }
}
