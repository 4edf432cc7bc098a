//! A graph in which each vector points to some that are near it: followed from near to nearer, it leads to the nearest.

use super::codes::{Codes, Query};
use crate::segments::{Damage, Reading, Rows};

/// The most rows that one points to.
pub(super) const WIDTH: usize = 32;
/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// Where each row points to, and where a search begins.
#[derive(Debug)]
pub(super) struct Graph {
    links: Vec<[u32; WIDTH]>,
    seeds: Seeds,
}

/// Rows spread over all, from the nearest of which a search begins: a scan of a few hundred codes that lie together costs less than
/// the steps that it saves, and finds its way into clusters that no path from elsewhere leads into.
#[derive(Debug)]
pub(super) struct Seeds {
    codes: Codes,
    rows: Vec<u32>,
}

/// How many of the seeds a search begins from.
const BEGINNINGS: usize = 8;

impl Seeds {
    /// Of the first so many rows. Of a million in two thousand clusters, so many miss one in fifty clusters; a quarter of them missed
    /// one in three, and the graph within a cluster leads nowhere else.
    pub(super) fn new(codes: &Codes, rows: usize) -> Self {
        let count = (rows.isqrt() * 2).max(rows / 128).clamp(64, 8_192).min(rows);
        let spread = (0..count).filter_map(|seed| u32::try_from(seed * rows / count).ok());
        let rows: Vec<u32> = spread.collect();
        Self { codes: codes.gather(rows.iter().copied()), rows }
    }
}

/// What a search along the graph works with; used again for the next search.
#[derive(Debug, Default)]
pub(super) struct Trail {
    seen: Vec<u64>,
    /// The nearest in sight, nearest first.
    sight: Vec<Seen>,
    fresh: Vec<u32>,
    products: Vec<i32>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    distance: f32,
    row: u32,
    is_left: bool,
}

impl Trail {
    fn begin(&mut self, rows: usize) {
        self.seen.clear();
        self.seen.resize(rows.div_ceil(64), 0);
        self.sight.clear();
    }

    /// Whether a row is seen for the first time.
    #[inline]
    fn see(&mut self, row: u32) -> bool {
        let bit = 1_u64 << (row % 64);
        match self.seen.get_mut(row as usize / 64) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Takes a row into sight; says at which place.
    #[inline]
    fn sight(&mut self, distance: f32, row: u32, ef: usize) -> Option<usize> {
        if self.sight.len() >= ef {
            if self.sight.last().is_some_and(|last| distance >= last.distance) {
                return None;
            }
            self.sight.pop();
        }
        let place = self.sight.partition_point(|seen| seen.distance <= distance);
        self.sight.insert(place, Seen { distance, row, is_left: false });
        Some(place)
    }

    /// What the last search has in sight, nearest first: distance and row.
    pub(super) fn found(&self) -> impl Iterator<Item = (f32, u32)> {
        self.sight.iter().map(|seen| (seen.distance, seen.row))
    }
}

/// The nearest of those that pass, beside those in sight that lead to them.
#[derive(Debug)]
pub(super) struct Passing<'a> {
    pub(super) rows: &'a Rows,
    pub(super) found: super::best::Best<u32>,
}

impl Graph {
    pub(super) fn new(codes: &Codes, links: Vec<[u32; WIDTH]>) -> Self {
        let seeds = Seeds::new(codes, links.len());
        Self { links, seeds }
    }

    pub(super) fn links(&self) -> &[[u32; WIDTH]] {
        &self.links
    }

    /// Looks for the nearest with so many in sight; those that pass go to `passing`, if only some do.
    pub(super) fn search(
        &self,
        codes: &Codes,
        query: &Query,
        ef: usize,
        passing: Option<&mut Passing<'_>>,
        trail: &mut Trail,
    ) {
        walk(codes, &self.links, &self.seeds, query, ef, passing, trail);
    }

    pub(super) fn bytes(&self) -> usize {
        self.links.len() * WIDTH * 4 + self.seeds.codes.bytes()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.links.len() * WIDTH * 4);
        self.links.iter().flatten().for_each(|row| out.extend_from_slice(&row.to_le_bytes()));
        out
    }

    pub(super) fn open(codes: &Codes, bytes: &[u8]) -> Result<Self, Damage> {
        let rows = codes.rows();
        let mut reading = Reading::new(bytes);
        let mut links = vec![[NONE; WIDTH]; rows];
        for links in &mut links {
            let found = reading.pieces::<4>(WIDTH, "where a row points to")?;
            links.iter_mut().zip(found).for_each(|(link, found)| *link = u32::from_le_bytes(*found));
            if links.iter().any(|link| *link != NONE && *link as usize >= rows) {
                return Err(reading.damage("a row that there is"));
            }
        }
        reading.end()?;
        Ok(Self::new(codes, links))
    }
}

/// The search: from the nearest seeds on, always from the nearest row in sight that was not left yet, until there is none.
pub(super) fn walk(
    codes: &Codes,
    links: &[[u32; WIDTH]],
    seeds: &Seeds,
    query: &Query,
    ef: usize,
    mut passing: Option<&mut Passing<'_>>,
    trail: &mut Trail,
) {
    trail.begin(links.len());
    let mut fresh = std::mem::take(&mut trail.fresh);
    let mut products = std::mem::take(&mut trail.products);
    products.clear();
    products.resize(seeds.rows.len().max(WIDTH), 0);
    let mut pass = |distance: f32, row: u32| {
        if let Some(passing) = passing.as_deref_mut()
            && passing.rows.contains(row)
        {
            passing.found.offer(-distance, row);
        }
    };

    seeds.codes.run(query, 0, &mut products);
    let mut beginnings = super::best::Best::new(BEGINNINGS);
    for ((product, factor), row) in products.iter().zip(seeds.codes.factors(0)).zip(&seeds.rows) {
        beginnings.offer(-query.distance(*product, *factor), *row);
    }
    for near in beginnings.into_sorted() {
        if trail.see(near.at) {
            pass(-near.score, near.at);
            trail.sight(-near.score, near.at, ef);
        }
    }

    let mut next = 0;
    while let Some(seen) = trail.sight.get_mut(next) {
        if seen.is_left {
            next += 1;
            continue;
        }
        seen.is_left = true;
        let row = seen.row;
        fresh.clear();
        for link in links.get(row as usize).into_iter().flatten().take_while(|link| **link != NONE) {
            if trail.see(*link) {
                fresh.push(*link);
            }
        }
        codes.at(query, &fresh, &mut products);
        // What is in sight next is where the search most likely goes on.
        if let Some(seen) = trail.sight.get(next + 1) {
            ice_simd::prefetch(links.get(seen.row as usize..).unwrap_or_default());
        }
        next += 1;
        for (row, product) in fresh.iter().zip(&products) {
            let distance = query.distance(*product, codes.factor(*row));
            pass(distance, *row);
            if let Some(place) = trail.sight(distance, *row, ef) {
                next = next.min(place);
            }
        }
    }
    trail.fresh = fresh;
    trail.products = products;
}
