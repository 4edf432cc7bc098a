//! The algorithms against brute force on small graphs, their pace on large ones, and what they say of plans.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Dag, bottlenecks, critical_path, width};

/// A graph: each node waits for some of those before it.
fn graph() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<u64>)> {
    (0..9_usize).prop_flat_map(|count| {
        let waits = (0..count).map(|index| {
            let before = proptest::collection::btree_set(0..index.max(1) as u32, 0..3);
            before.prop_map(move |set| if index == 0 { Vec::new() } else { set.into_iter().collect() })
        });
        (waits.collect::<Vec<_>>(), proptest::collection::vec(0..6_u64, count))
    })
}

/// Every path from a node that waits for nothing to one that nothing waits for.
fn paths(dependencies: &[Vec<u32>]) -> Vec<Vec<u32>> {
    fn back(dependencies: &[Vec<u32>], path: &mut Vec<u32>, all: &mut Vec<Vec<u32>>) {
        let waits = &dependencies[path[path.len() - 1] as usize];
        if waits.is_empty() {
            all.push(path.iter().rev().copied().collect());
        }
        for dependency in waits {
            path.push(*dependency);
            back(dependencies, path, all);
            path.pop();
        }
    }
    let mut all = Vec::new();
    let waited_for: BTreeSet<u32> = dependencies.iter().flatten().copied().collect();
    for end in (0..dependencies.len() as u32).filter(|end| !waited_for.contains(end)) {
        back(dependencies, &mut vec![end], &mut all);
    }
    all
}

/// For each node all those it waits for, directly or through others.
fn before(dependencies: &[Vec<u32>]) -> Vec<BTreeSet<u32>> {
    let mut before: Vec<BTreeSet<u32>> = Vec::new();
    for waits in dependencies {
        let further = waits.iter().flat_map(|dependency| before[*dependency as usize].iter().copied());
        let all = further.chain(waits.iter().copied()).collect();
        before.push(all);
    }
    before
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_critical_path_is_the_heaviest_of_all((dependencies, weights) in graph()) {
        let dag = Dag::new(dependencies.clone()).unwrap();
        let weigh = |path: &[u32]| path.iter().map(|node| weights[*node as usize]).sum::<u64>();
        let all = paths(&dependencies);
        let found = critical_path(&dag, &weights);
        prop_assert_eq!(found.total, all.iter().map(|path| weigh(path)).max().unwrap_or(0));
        prop_assert_eq!(weigh(&found.nodes), found.total);
        prop_assert!(found.nodes.windows(2).all(|pair| dependencies[pair[1] as usize].contains(&pair[0])));
        for node in 0..dependencies.len() as u32 {
            let through = all.iter().filter(|path| path.contains(&node)).map(|path| weigh(path)).max();
            prop_assert_eq!(Some(found.slack[node as usize]), through.map(|through| found.total - through));
        }
    }

    #[test]
    fn a_bottleneck_gains_what_the_whole_would_lose((dependencies, weights) in graph()) {
        let dag = Dag::new(dependencies.clone()).unwrap();
        let total = |weights: &[u64]| critical_path(&dag, weights).total;
        let all = paths(&dependencies);
        let found = bottlenecks(&dag, &weights);
        for node in 0..dependencies.len() as u32 {
            let mut without = weights.clone();
            without[node as usize] = 0;
            let gain = total(&weights) - total(&without);
            let is_gate = dependencies.len() > 1 && all.iter().all(|path| path.contains(&node));
            let bottleneck = found.iter().find(|found| found.node == node);
            prop_assert_eq!(bottleneck.map(|found| (found.gain, found.is_gate)), (gain > 0 || is_gate).then_some((gain, is_gate)));
        }
        prop_assert!(found.windows(2).all(|pair| pair[0].gain >= pair[1].gain));
    }

    #[test]
    fn the_width_is_the_largest_set_in_which_nobody_waits_for_another((dependencies, _) in graph()) {
        let (dag, before) = (Dag::new(dependencies.clone()).unwrap(), before(&dependencies));
        let count = dependencies.len() as u32;
        let is_free = |set: &u32| {
            let members: Vec<u32> = (0..count).filter(|node| set & (1 << node) != 0).collect();
            members.iter().all(|node| members.iter().all(|other| !before[*node as usize].contains(other)))
        };
        let largest = (0..1_u32 << count).filter(is_free).map(u32::count_ones).max().unwrap_or(0);
        prop_assert_eq!(width(&dag), largest as usize);
        let levels = dag.levels();
        prop_assert_eq!(levels.iter().map(Vec::len).sum::<usize>(), dependencies.len());
        prop_assert!(levels.iter().all(|level| level.len() <= largest as usize));
    }
}

#[test]
fn a_circle_is_no_such_graph() {
    assert_eq!(Dag::new(vec![vec![1], vec![0]]), None);
    assert_eq!(Dag::new(vec![vec![5]]), None);
    assert!(Dag::new(Vec::new()).unwrap().is_empty());
}

/// Rows of as many nodes, each of which waits for three of the row before, between one at the beginning and one at the end.
fn rows(size: u32) -> Dag {
    let mut dependencies: Vec<Vec<u32>> = vec![Vec::new()];
    for row in 0..size {
        for column in 0..size {
            let above = |column: u32| (row - 1) * size + column % size + 1;
            let three = || vec![above(column), above(column + 1), above(column + 7)];
            dependencies.push(if row == 0 { vec![0] } else { three() });
        }
    }
    dependencies.push((size * (size - 1) + 1..=size * size).collect());
    Dag::new(dependencies).unwrap()
}

fn chain(count: u32) -> Dag {
    Dag::new((0..count).map(|index| index.checked_sub(1).into_iter().collect()).collect()).unwrap()
}

#[test]
fn ten_thousand_nodes_are_no_trouble() {
    let dag = rows(100);
    let weights: Vec<u64> = (0..dag.len() as u64).map(|index| index * 7_919 % 101).collect();
    assert_eq!((critical_path(&dag, &weights).nodes.len(), dag.levels().len()), (102, 102));
    let gates = bottlenecks(&dag, &weights).into_iter().filter(|found| found.is_gate);
    assert_eq!(gates.count(), 2);
    assert_eq!(bottlenecks(&chain(10_000), &vec![1_u64; 10_000]).len(), 10_000);
    let apart = Dag::new(vec![Vec::new(); 10_000]).unwrap();
    assert_eq!(bottlenecks(&apart, &vec![1_u64; 10_000]), vec![]);
}

/// The flow takes more than linear time: a few hundred nodes are enough to see that it is not exponential.
#[test]
fn the_width_of_large_graphs_is_found() {
    assert_eq!((width(&rows(20)), width(&chain(500))), (20, 1));
    assert_eq!(width(&Dag::new(vec![Vec::new(); 500]).unwrap()), 500);
}
