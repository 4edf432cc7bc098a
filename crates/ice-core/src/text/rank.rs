//! Which documents fit a query best.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

use super::{Postings, Terms};

/// How soon more occurrences of a term count for less.
const K1: f64 = 1.2;
/// How much it counts how long a document is.
const B: f64 = 0.75;
/// Where a document stands that is longer than this many times the number of those found, counts are kept in a map.
const SPARSE: usize = 16;

/// A document that fits a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Which of the postings it is in; their number for a loose one.
    pub part: usize,
    /// Its number there.
    pub document: u32,
    /// How well it fits, above 0: comparable among what is found by one query only.
    pub score: f32,
}

/// The `most` documents that fit a query best among those that are accepted, the best first; of equal ones the earlier. Looks
/// at documents in postings and at `loose` ones, which are in none yet and take more time each.
///
/// Okapi BM25 with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond*, 2009,
/// section 3), with ln(1 + (N - n + 0.5) / (n + 0.5)) as weight of a term that n of N documents hold, which is never negative.
/// A term that the query has twice counts twice. Documents that are not accepted still count in N and n.
pub fn best(
    parts: &[&Postings],
    loose: &[&Terms],
    query: &Terms,
    most: usize,
    accepts: impl Fn(usize, u32) -> bool,
) -> Vec<Found> {
    let documents = parts.iter().map(|part| part.documents()).sum::<usize>() + loose.len();
    let lengths =
        parts.iter().map(|part| part.length()).chain(loose.iter().map(|terms| terms.length().into()));
    let average = (lengths.sum::<u64>() as f64 / documents.max(1) as f64).max(f64::MIN_POSITIVE);
    let scored = |weight: f64, count: u32, length: u32| {
        let (count, long) = (f64::from(count), 1.0 - B + B * f64::from(length) / average);
        (weight * count * (K1 + 1.0) / (count + K1 * long)) as f32
    };
    let weights: Vec<(&str, f64)> = query
        .iter()
        .map(|(term, count)| {
            let holding = parts.iter().map(|part| part.holding(term).count()).sum::<usize>()
                + loose.iter().filter(|terms| terms.count(term) > 0).count();
            let (all, holding) = (documents as f64, holding as f64);
            (term, f64::from(count) * (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln())
        })
        .collect();
    let mut heap = Heap { found: BinaryHeap::new(), most };
    for (number, part) in parts.iter().enumerate() {
        let mut scores = Scores::of(part, query);
        for (term, weight) in &weights {
            for (document, count) in part.holding(term) {
                scores.add(document, scored(*weight, count, part.length_of(document)));
            }
        }
        scores.each(|document, score| heap.offer(Found { part: number, document, score }, &accepts));
    }
    for (document, terms) in (0..).zip(loose) {
        let held =
            weights.iter().map(|(term, weight)| (*weight, terms.count(term))).filter(|(_, count)| *count > 0);
        let score = held.map(|(weight, count)| scored(weight, count, terms.length())).sum();
        if score > 0.0 {
            heap.offer(Found { part: parts.len(), document, score }, &accepts);
        }
    }
    heap.found.into_sorted_vec().into_iter().map(|Best(found)| found).collect()
}

/// The best so far.
struct Heap {
    found: BinaryHeap<Best>,
    most: usize,
}

impl Heap {
    fn offer(&mut self, found: Found, accepts: impl Fn(usize, u32) -> bool) {
        let is_full = self.found.len() >= self.most;
        let fits = !is_full || self.found.peek().is_some_and(|least| Best(found) < *least);
        if fits && self.most > 0 && accepts(found.part, found.document) {
            if is_full {
                self.found.pop();
            }
            self.found.push(Best(found));
        }
    }
}

/// What documents have come to: a number for each, or for those that hold a term if they are few.
enum Scores {
    Dense(Vec<f32>),
    Sparse(HashMap<u32, f32, ahash::RandomState>),
}

impl Scores {
    fn of(part: &Postings, query: &Terms) -> Self {
        let (_, most) = query
            .iter()
            .map(|(term, _)| part.holding(term).bounds())
            .fold((0, 0), |sum, bounds| (sum.0 + bounds.0, sum.1 + bounds.1));
        if most.saturating_mul(SPARSE) < part.documents() {
            Self::Sparse(HashMap::default())
        } else {
            Self::Dense(vec![0.0; part.documents()])
        }
    }

    fn add(&mut self, document: u32, score: f32) {
        match self {
            Self::Dense(scores) => {
                if let Some(slot) = scores.get_mut(document as usize) {
                    *slot += score;
                }
            }
            Self::Sparse(scores) => *scores.entry(document).or_default() += score,
        }
    }

    fn each(self, mut each: impl FnMut(u32, f32)) {
        match self {
            Self::Dense(scores) => {
                let held = (0..).zip(scores).filter(|(_, score)| *score > 0.0);
                held.for_each(|(document, score)| each(document, score));
            }
            Self::Sparse(scores) => scores.into_iter().for_each(|(document, score)| each(document, score)),
        }
    }
}

/// Ordered so that the worst is the greatest: a heap then gives it away first.
struct Best(Found);

impl Ord for Best {
    fn cmp(&self, Self(other): &Self) -> Ordering {
        let Self(found) = self;
        let place = |found: &Found| (found.part, found.document);
        other.score.total_cmp(&found.score).then_with(|| place(found).cmp(&place(other)))
    }
}

impl PartialOrd for Best {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Best {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Best {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(texts: &[String]) -> Postings {
        let terms: Vec<Terms> = texts.iter().map(|text| Terms::of(text)).collect();
        Postings::open(Postings::of(&terms)).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_score_is_that_of_the_formula() {
        // Three documents of 2, 4 and 3 terms, 3 on average; two hold `red`, so it weighs ln(1 + 1.5 / 2.5).
        let postings = open(&texts(&["red car", "red red wine glass", "a blue sky"]));
        let found = best(&[&postings], &[], &Terms::of("red"), 9, |_, _| true);
        let weight = (1.0_f64 + 1.5 / 2.5).ln();
        let expected = [
            (1, weight * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 4.0 / 3.0))),
            (0, weight * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.0))),
        ];
        assert_eq!(found.len(), expected.len());
        for (found, (document, score)) in found.iter().zip(expected) {
            assert_eq!(found.document, document);
            assert!((f64::from(found.score) - score).abs() < 1e-6, "{found:?} {score}");
        }
    }

    #[test]
    fn rare_terms_weigh_more_and_what_is_not_accepted_is_not_found() {
        let postings = open(&texts(&["the cat", "the dog", "the bird", "a fish"]));
        let query = Terms::of("the dog");
        let found = best(&[&postings], &[], &query, 2, |_, _| true);
        assert_eq!(found.iter().map(|found| found.document).collect::<Vec<_>>(), [1, 0]);
        let found = best(&[&postings], &[], &query, 2, |_, document| document != 1);
        assert_eq!(found.iter().map(|found| found.document).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(best(&[&postings], &[], &query, 0, |_, _| true), []);
        assert_eq!(best(&[], &[], &query, 3, |_, _| true), []);
    }

    proptest! {
        #[test]
        fn parts_change_nothing(documents in prop::collection::vec("[a-d]( [a-d]){0,5}", 1..30), cut in 0_usize..30, most in 1_usize..9) {
            let cut = cut.min(documents.len());
            let whole = open(&documents);
            let (one, loose) = (open(&documents[..cut]), documents[cut..].iter().map(|text| Terms::of(text)).collect::<Vec<_>>());
            let query = Terms::of("a b a");
            let at_once = best(&[&whole], &[], &query, most, |_, _| true);
            let in_parts = best(&[&one], &loose.iter().collect::<Vec<_>>(), &query, most, |_, _| true);
            let in_parts: Vec<(usize, f32)> =
                in_parts.iter().map(|found| (found.part * cut + found.document as usize, found.score)).collect();
            let at_once: Vec<(usize, f32)> = at_once.iter().map(|found| (found.document as usize, found.score)).collect();
            prop_assert_eq!(at_once, in_parts);
        }
    }
}
