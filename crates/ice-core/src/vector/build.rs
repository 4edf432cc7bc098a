//! Building a graph: rows are added in batches, each of which looks for its neighbours in the graph of those before it.
//!
//! Within a batch nothing depends on the order in which threads work, so that the same rows give the same graph. Which neighbours a row
//! points to follows the rule of Malkov and Yashunin (2016, algorithm 4): not to one that is nearer to another neighbour than to the row,
//! since the way there leads over that one; adding in batches, and both directions of a link at once, follows Manohar et al. (2024).

use tokio_util::sync::CancellationToken;

use super::codes::{Codes, Query};
use super::graph::{Graph, NONE, Seeds, Trail, WIDTH, walk};
use super::split::split;
use crate::segments::Threads;

/// How many a row that is added keeps in sight: as others do by default, so that builds compare.
const EF: usize = 128;
/// The most rows of one batch; while the graph is small, a batch is an eighth of it.
const BATCH: usize = 1_024;
/// The most that a new row points to; what points back to it fills up the rest.
const FIRST: usize = 24;
/// A link is left out when another neighbour is so much nearer to its end than the row is, in squared distances.
const SLACK: f32 = 1.1;

type Links = [u32; WIDTH];

/// A graph of all rows of `codes`, of which the first have `links` already.
pub(super) fn build(
    codes: &Codes,
    mut links: Vec<Links>,
    threads: Threads,
    cancel: &CancellationToken,
) -> Graph {
    let rows = codes.rows();
    let mut present = links.len();
    links.resize(rows, [NONE; WIDTH]);
    while present < rows && !cancel.is_cancelled() {
        let count = (present / 8).clamp(1, BATCH).min(rows - present);
        add(codes, &mut links, present, count, threads);
        present += count;
    }
    Graph::new(codes, links)
}

fn add(codes: &Codes, links: &mut [Links], present: usize, count: usize, threads: Threads) {
    let seeds = Seeds::new(codes, present);
    let before = links.get(..present).unwrap_or_default();
    let new: Vec<(u32, Vec<(f32, u32)>)> = split(count, 16, threads, |range| {
        let mut trail = Trail::default();
        let one = |at: usize| {
            let row = u32::try_from(present + at).unwrap_or(NONE);
            let query = codes.query(row);
            walk(codes, before, &seeds, &query, EF, None, &mut trail);
            (row, choose(codes, trail.found(), FIRST))
        };
        range.map(one).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();

    // By the row that is pointed to, and then in the order of those that point.
    let mut back: Vec<(u32, (f32, u32))> = Vec::new();
    for (row, chosen) in &new {
        if let Some(links) = links.get_mut(*row as usize) {
            links.iter_mut().zip(chosen).for_each(|(link, (_, chosen))| *link = *chosen);
        }
        back.extend(chosen.iter().map(|(distance, to)| (*to, (*distance, *row))));
    }
    back.sort_by_key(|(to, (_, from))| (*to, *from));
    let groups: Vec<&[(u32, (f32, u32))]> = back.chunk_by(|one, other| one.0 == other.0).collect();
    let frozen: &[Links] = links;
    let changed: Vec<(u32, Links)> = split(groups.len(), 64, threads, |range| {
        let groups = groups.get(range).unwrap_or_default();
        groups.iter().filter_map(|group| point_back(codes, frozen, group)).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    for (row, new) in changed {
        if let Some(links) = links.get_mut(row as usize) {
            *links = new;
        }
    }
}

/// The links of a row with those that are to point back; the best of them if they are too many.
fn point_back(codes: &Codes, links: &[Links], group: &[(u32, (f32, u32))]) -> Option<(u32, Links)> {
    let row = group.first()?.0;
    let mut new = *links.get(row as usize)?;
    let present = new.iter().take_while(|link| **link != NONE).count();
    if present + group.len() <= WIDTH {
        let free = new.iter_mut().skip(present);
        free.zip(group).for_each(|(link, (_, (_, from)))| *link = *from);
        return Some((row, new));
    }
    let query = codes.query(row);
    let known: Vec<u32> = new.iter().copied().take_while(|link| *link != NONE).collect();
    let mut candidates = distances(codes, &query, &known);
    candidates.extend(group.iter().map(|(_, new)| *new));
    candidates.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    Some((row, filled(&choose(codes, candidates.into_iter(), WIDTH))))
}

fn filled(chosen: &[(f32, u32)]) -> Links {
    let mut links = [NONE; WIDTH];
    links.iter_mut().zip(chosen).for_each(|(link, (_, chosen))| *link = *chosen);
    links
}

fn distances(codes: &Codes, query: &Query, rows: &[u32]) -> Vec<(f32, u32)> {
    let mut products = vec![0; rows.len()];
    codes.at(query, rows, &mut products);
    rows.iter()
        .zip(products)
        .map(|(row, product)| (query.distance(product, codes.factor(*row)), *row))
        .collect()
}

/// Of candidates that come nearest first, those to point to.
fn choose(codes: &Codes, candidates: impl Iterator<Item = (f32, u32)>, most: usize) -> Vec<(f32, u32)> {
    let mut chosen: Vec<(f32, u32)> = Vec::with_capacity(most);
    let (mut rows, mut products) = (Vec::with_capacity(most), vec![0; most]);
    for (distance, row) in candidates {
        let query = codes.query(row);
        codes.at(&query, &rows, &mut products);
        let is_behind = |(chosen, product): (&u32, &i32)| {
            query.distance(*product, codes.factor(*chosen)) * SLACK < distance
        };
        if !rows.iter().zip(&products).any(is_behind) {
            chosen.push((distance, row));
            rows.push(row);
            if chosen.len() == most {
                break;
            }
        }
    }
    chosen
}

/// The links of rows that stay, once others are gone: who pointed to one that is gone points to what that pointed to. `places` says
/// for each row where it is now.
pub(super) fn without(codes: &Codes, graph: &Graph, places: &[Option<u32>], threads: Threads) -> Vec<Links> {
    let links = graph.links();
    let place = |row: u32| places.get(row as usize).copied().flatten();
    let stays: Vec<u32> =
        (0_u32..).zip(places).filter(|(_, place)| place.is_some()).map(|(row, _)| row).collect();
    let new = split(stays.len(), 1_024, threads, |range| {
        let one = |row: &u32| {
            let old = links.get(*row as usize).copied().unwrap_or([NONE; WIDTH]);
            let old = || old.into_iter().take_while(|link| *link != NONE);
            if old().all(|link| place(link).is_some()) {
                return old().collect::<Vec<_>>();
            }
            let behind = |link: u32| links.get(link as usize).copied().unwrap_or([NONE; WIDTH]);
            let mut near: Vec<u32> = old()
                .flat_map(|link| if place(link).is_some() { [link; WIDTH] } else { behind(link) })
                .filter(|link| *link != NONE && link != row && place(*link).is_some())
                .collect();
            near.sort_unstable();
            near.dedup();
            let mut candidates = distances(codes, &codes.query(*row), &near);
            candidates.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            choose(codes, candidates.into_iter(), WIDTH).into_iter().map(|(_, row)| row).collect()
        };
        stays.get(range).unwrap_or_default().iter().map(one).collect::<Vec<_>>()
    });
    let moved = |old: Vec<u32>| {
        let mut links = [NONE; WIDTH];
        links.iter_mut().zip(old.into_iter().filter_map(place)).for_each(|(link, row)| *link = row);
        links
    };
    new.into_iter().flatten().map(moved).collect()
}
