//! Several lists as one.

use std::collections::BTreeMap;

use crate::memory::{Candidates, EntryId, Kind};

/// How little the first places of a list differ.
const K: f64 = 60.0;

/// A candidate of a kind, with its place in each list that has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fused {
    pub(super) id: EntryId,
    pub(super) score: f64,
    /// By index: its place there, from 1.
    pub(super) places: BTreeMap<&'static str, usize>,
}

/// The lists of a kind as one, by reciprocal rank: a candidate comes to the sum of 1 / (60 + its place) over the lists that have
/// it (Cormack, Clarke and Büttcher, *Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods*, 2009).
/// The best first; of equal ones the newer, whose id is greater.
pub(super) fn fuse(lists: &[Candidates], kind: Kind) -> Vec<Fused> {
    let mut all: BTreeMap<EntryId, Fused> = BTreeMap::new();
    for list in lists.iter().filter(|list| list.kind == kind) {
        for (place, candidate) in (1..).zip(&list.ranked) {
            let id = candidate.id;
            let fused = all.entry(id).or_insert_with(|| Fused { id, score: 0.0, places: BTreeMap::new() });
            fused.score += 1.0 / (K + place as f64);
            fused.places.insert(list.index, place);
        }
    }
    let mut fused: Vec<Fused> = all.into_values().collect();
    fused.sort_by(|one, other| other.score.total_cmp(&one.score).then(other.id.cmp(&one.id)));
    fused
}

/// The `most` best of several lists, each with its best first, so that none starves another: of each list at least half of its
/// even share of the places, and at least one, as far as it has so many. Gives list and place of each, the best first; of equal
/// ones that of the earlier list.
pub(super) fn share(lists: &[Vec<f64>], most: usize) -> Vec<(usize, usize)> {
    let filled = lists.iter().filter(|list| !list.is_empty()).count().max(1);
    let least = (most / filled / 2).max(1);
    let all = lists.iter().enumerate().flat_map(|(list, scores)| {
        scores.iter().enumerate().map(move |(place, score)| (place >= least, *score, list, place))
    });
    let mut all: Vec<(bool, f64, usize, usize)> = all.collect();
    let by_score = |one: &(bool, f64, usize, usize), other: &(bool, f64, usize, usize)| {
        other.1.total_cmp(&one.1).then((one.2, one.3).cmp(&(other.2, other.3)))
    };
    // Those that a list has a right to come first, the best of them if there is not enough room even for these.
    all.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| by_score(one, other)));
    all.truncate(most);
    all.sort_by(by_score);
    all.into_iter().map(|(_, _, list, place)| (list, place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::Candidate;

    fn list(index: &'static str, ids: &[u128]) -> Candidates {
        let ranked = ids
            .iter()
            .map(|id| Candidate { id: EntryId::from_bytes(id.to_be_bytes()), score: 1.0 })
            .collect();
        Candidates { index, kind: Kind::Semantic, ranked, problem: None }
    }

    #[test]
    fn what_several_lists_have_comes_before_what_one_has() {
        let fused = fuse(&[list("text", &[1, 2, 3]), list("meaning", &[4, 3, 2])], Kind::Semantic);
        let ids: Vec<u128> = fused.iter().map(|fused| u128::from_be_bytes(fused.id.bytes())).collect();
        assert_eq!(ids, [3, 2, 4, 1]);
        assert_eq!(fused[0].places, BTreeMap::from([("text", 3), ("meaning", 2)]));
        assert!((fused[0].score - (1.0 / 63.0 + 1.0 / 62.0)).abs() < 1e-12);
        assert_eq!(fuse(&[list("text", &[1])], Kind::Episodic), []);
    }

    proptest! {
        #[test]
        fn no_list_starves_another(
            mut lists in prop::collection::vec(prop::collection::vec(0.0_f64..1.0, 0..20), 1..5),
            most in 1_usize..30,
        ) {
            lists.iter_mut().for_each(|list| list.sort_by(|one, other| other.total_cmp(one)));
            let shared = share(&lists, most);
            let all: usize = lists.iter().map(Vec::len).sum();
            prop_assert_eq!(shared.len(), most.min(all));
            let score = |(list, place): &(usize, usize)| lists[*list][*place];
            prop_assert!(shared.is_sorted_by(|one, other| score(one) >= score(other)));
            let filled = lists.iter().filter(|list| !list.is_empty()).count().max(1);
            for (number, list) in lists.iter().enumerate() {
                let mut places: Vec<usize> = shared.iter().filter(|(of, _)| *of == number).map(|(_, place)| *place).collect();
                places.sort_unstable();
                // Always its best, none left out between.
                prop_assert!(places.iter().copied().eq(0..places.len()));
                if most >= filled {
                    prop_assert!(places.len() >= list.len().min((most / filled / 2).max(1)));
                }
            }
        }
    }
}
