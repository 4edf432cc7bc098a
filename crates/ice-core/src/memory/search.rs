//! Searching by what entries say: what indexes of contents propose is fused; without indexes words are looked for in what
//! is newest.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AsOf, Entry, EntryId, Filter, Kind, Memory, MemoryError, Query, Scope, WantedCandidates};

/// How much the first places count more than later ones when lists are fused by their ranks, as Cormack, Clarke and Büttcher
/// found it to work well (Reciprocal rank fusion outperforms Condorcet and individual rank learning methods, 2009).
const FUSED: f64 = 60.0;
/// The most entries of a search.
pub const MAX_FOUND: usize = 1_000;
/// How many of the newest entries of a kind are looked through without an index.
const LOOKED_THROUGH: usize = 2_000;
/// How many of them are in memory at once.
const PAGE: usize = 64;
/// The most words of a query that count.
const MAX_QUERY_WORDS: usize = 64;

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
    /// Entries by what they say, the best first. Reads nothing of other scopes and kinds.
    ///
    /// With indexes of contents, what each of them proposes for each kind counts by its rank, so that no kind is pushed out by
    /// the scores of another. Without, the newest 2,000 entries of each kind and scope are looked through for the words.
    ///
    /// # Errors
    /// As [`Memory::get`](super::Memory::get), or [`MemoryError::Index`].
    pub async fn search(&self, search: &MemorySearch) -> Result<Vec<MemoryHit>, MemoryError> {
        let limit = search.limit.min(MAX_FOUND);
        if limit == 0 || search.scopes.is_empty() || search.kinds.is_empty() {
            return Ok(Vec::new());
        }
        let words = words(&search.query);
        if words.is_empty() {
            let query = Query { limit, ..query_of(search, &search.scopes, &search.kinds) };
            let page = self.list(&query).await?;
            return Ok(page.entries.into_iter().map(|entry| MemoryHit { score: 0.0, entry }).collect());
        }
        let wanted = WantedCandidates {
            query: &search.query,
            scopes: &search.scopes,
            kinds: &search.kinds,
            filter: &search.filter,
            as_of: search.as_of,
            limit: limit.saturating_mul(2).max(50),
        };
        let lists = self.candidates(&wanted).await?;
        if lists.is_empty() {
            return self.look_through(search, &words, limit).await;
        }
        let mut fused: HashMap<EntryId, f64> = HashMap::new();
        for list in &lists {
            for (rank, candidate) in list.ranked.iter().enumerate() {
                *fused.entry(candidate.id).or_default() += 1.0 / (FUSED + 1.0 + rank as f64);
            }
        }
        let mut ranked: Vec<(EntryId, f64)> = fused.into_iter().collect();
        // Of two that fit as well the newer one comes first: ids ascend with time.
        ranked.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(other.0.cmp(&one.0)));
        let mut hits = Vec::new();
        for (id, score) in ranked {
            if hits.len() == limit {
                break;
            }
            if let Some(entry) = self.candidate(id, &wanted).await? {
                hits.push(MemoryHit { score, entry });
            }
        }
        Ok(hits)
    }

    /// The entries with the most of the words, among those that are newest.
    async fn look_through(
        &self,
        search: &MemorySearch,
        words: &BTreeSet<String>,
        limit: usize,
    ) -> Result<Vec<MemoryHit>, MemoryError> {
        let mut hits: Vec<MemoryHit> = Vec::new();
        let best_first = |hits: &mut Vec<MemoryHit>| {
            hits.sort_by(|one, other| {
                let newer = || other.entry.time().cmp(&one.entry.time());
                other.score.total_cmp(&one.score).then_with(newer)
            });
            hits.truncate(limit);
        };
        for scope in &search.scopes {
            for kind in &search.kinds {
                let mut query = query_of(search, std::slice::from_ref(scope), std::slice::from_ref(kind));
                let mut seen = 0;
                while seen < LOOKED_THROUGH {
                    let page = self.list(&query).await?;
                    seen += page.entries.len();
                    for entry in page.entries {
                        let found = words_of(&entry);
                        let common = words.intersection(&found).count();
                        if common > 0 {
                            let score = common as f64 / words.len() as f64;
                            hits.push(MemoryHit { score, entry });
                        }
                    }
                    best_first(&mut hits);
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(hits)
    }
}

fn query_of(search: &MemorySearch, scopes: &[Scope], kinds: &[Kind]) -> Query {
    Query {
        scopes: scopes.to_vec(),
        kinds: kinds.to_vec(),
        filter: search.filter.clone(),
        as_of: search.as_of,
        limit: PAGE,
        after: None,
    }
}

/// The words of a text, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).take(MAX_QUERY_WORDS).collect()
}

/// All words of an entry: of its content, its key, its tags and its metadata.
fn words_of(entry: &Entry) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut see = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        found.extend(words.map(str::to_lowercase));
    };
    see(&entry.text());
    see(entry.key.as_str());
    entry.tags.iter().for_each(|tag| see(tag));
    entry.metadata.values().for_each(|value| see(&value.to_string()));
    found
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
        assert_eq!(keys, [(Kind::Semantic, 1.0), (Kind::Episodic, 0.5), (Kind::Semantic, 0.5)]);
        let none = memory.search(&MemorySearch::new("submarine", vec![Scope::default()])).await.unwrap();
        assert!(none.is_empty(), "{none:?}");
        let newest = MemorySearch { limit: 2, ..MemorySearch::new(" ", vec![Scope::default()]) };
        assert_eq!(memory.search(&newest).await.unwrap().len(), 2);
    }
}
