//! The sets of vectors: read from a folder, as the harness of the peers writes them, or made here.

use std::path::Path;

pub(crate) const DIMENSION: usize = 384;
pub(crate) const NEAREST: usize = 10;

/// Vectors of length one, queries from the same distribution, and which are nearest to each query.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) base: Vec<f32>,
    pub(crate) queries: Vec<f32>,
    pub(crate) nearest: Vec<Vec<u32>>,
}

impl Set {
    /// 2,000 Gaussian clusters: their centres and what is around them are normal in each direction, the spread within a cluster being
    /// `noise` times that of the centres. At 0.8 clusters are tight, and every engine finds all; at 1.5 the nearest of a query lie hardly
    /// nearer than the rest, and engines differ.
    pub(crate) fn clustered(name: &str, rows: usize, queries: usize, noise: f32) -> Self {
        let mut random = Random(7);
        let centres: Vec<f32> = (0..2_000 * DIMENSION).map(|_| random.normal()).collect();
        let mut make = |count: usize| {
            let mut all = Vec::with_capacity(count * DIMENSION);
            for _ in 0..count {
                let centre = (random.next() % 2_000) as usize * DIMENSION;
                let start = all.len();
                all.extend(
                    centres[centre..centre + DIMENSION].iter().map(|number| number + noise * random.normal()),
                );
                let row = &mut all[start..];
                let length = row.iter().map(|number| number * number).sum::<f32>().sqrt();
                row.iter_mut().for_each(|number| *number /= length);
            }
            all
        };
        let (base, queries) = (make(rows), make(queries));
        let nearest = nearest(&base, &queries);
        Self { name: name.to_owned(), base, queries, nearest }
    }

    /// What `vec.py gen` has written: `base.f32`, `query.f32`, `gt.i32`.
    pub(crate) fn read(folder: &Path) -> Self {
        let numbers = |name: &str| {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect::<Vec<_>>()
        };
        let nearest = std::fs::read(folder.join("gt.i32")).unwrap();
        let nearest: Vec<u32> = nearest.as_chunks().0.iter().map(|row| u32::from_le_bytes(*row)).collect();
        Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            base: numbers("base.f32"),
            queries: numbers("query.f32"),
            nearest: nearest.chunks_exact(NEAREST).map(<[u32]>::to_vec).collect(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.base.len() / DIMENSION
    }
}

/// The nearest rows to each query, by nothing but products.
pub(crate) fn nearest(base: &[f32], queries: &[f32]) -> Vec<Vec<u32>> {
    let queries: Vec<&[f32]> = queries.chunks_exact(DIMENSION).collect();
    let one = |query: &&[f32]| {
        let mut scores = vec![0.0; base.len() / DIMENSION];
        for (score, row) in scores.iter_mut().zip(base.chunks_exact(DIMENSION)) {
            let mut lanes = [0.0_f32; 16];
            for (one, other) in row.as_chunks::<16>().0.iter().zip(query.as_chunks::<16>().0) {
                for ((lane, one), other) in lanes.iter_mut().zip(one).zip(other) {
                    *lane += one * other;
                }
            }
            *score = lanes.iter().sum();
        }
        let mut rows: Vec<u32> = (0..scores.len() as u32).collect();
        rows.select_nth_unstable_by(NEAREST, |one, other| {
            scores[*other as usize].total_cmp(&scores[*one as usize])
        });
        rows.truncate(NEAREST);
        rows
    };
    std::thread::scope(|scope| {
        let halves = queries.chunks(queries.len().div_ceil(2).max(1));
        let halves: Vec<_> =
            halves.map(|half| scope.spawn(|| half.iter().map(one).collect::<Vec<_>>())).collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    })
}

/// SplitMix64 (Steele and others, 2014), and sums of it that are near enough to normal.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Twelve numbers of 0 to 1 together have a variance of 1.
    fn normal(&mut self) -> f32 {
        let mut sum = 0_u32;
        for _ in 0..3 {
            let mut word = self.next();
            for _ in 0..4 {
                sum += (word & 0xffff) as u32;
                word >>= 16;
            }
        }
        sum as f32 / 65_536.0 - 6.0
    }
}
