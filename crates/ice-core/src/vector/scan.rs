//! Searching by looking at every vector: as it is, or first at its code.

use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use super::Metric;
use super::best::{Best, Near};
use super::codes::Query;
use super::item::Admitted;
use super::segment::Segment;
use super::split::split;
use crate::segments::{Rows, Threads};

/// Rows whose products are computed before the first of them is looked at.
const BLOCK: usize = 256;
/// Rows that stand anywhere and are asked of the memory together: as many as the nearest cache holds.
const TOGETHER: usize = 32;
/// A thread is worth its start for so many bytes.
const BYTES_PER_THREAD: usize = 4 << 20;

/// A query over a segment, and which rows of it count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) metric: Metric,
    pub(super) query: &'a Admitted,
    pub(super) codes: &'a Query,
    pub(super) rows: &'a Rows,
    pub(super) threads: Threads,
}

impl Question<'_> {
    fn are_most(&self) -> bool {
        self.rows.count() * 2 >= self.rows.length()
    }

    fn split<T: Send>(&self, row_bytes: usize, act: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
        let least = (BYTES_PER_THREAD / row_bytes.max(1)).max(BLOCK);
        split(if self.are_most() { self.rows.length() } else { self.rows.count() }, least, self.threads, act)
    }
}

/// The nearest so many, each vector compared as it is.
pub(super) fn exact(segment: &Segment, question: &Question<'_>, k: usize) -> Best<u32> {
    let query = question.query.numbers();
    let row_bytes = query.len() * 4;
    let found = if question.are_most() {
        question.split(row_bytes, |range| {
            let (mut best, mut out) = (Best::new(k), [0.0; BLOCK]);
            let mut from = range.start;
            while from < range.end {
                // As far as the vectors stand one behind another.
                let run = segment.floats.run(u32::try_from(from).unwrap_or(u32::MAX), range.end - from);
                let Ok(rows) = ArrayView2::from_shape((run.len() / query.len().max(1), query.len()), run)
                else {
                    break;
                };
                if rows.is_empty() {
                    break;
                }
                for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
                    let out = out.get_mut(..block.nrows()).unwrap_or_default();
                    raw_rows(question.metric, query, block.as_slice().unwrap_or_default(), out);
                    if any_reaches(out, best.bound()) {
                        for (row, raw) in (from..).zip(&*out) {
                            offer(&mut best, segment, question, u32::try_from(row).unwrap_or(u32::MAX), *raw);
                        }
                    }
                    from += block.nrows();
                }
            }
            best
        })
    } else {
        let rows: Vec<u32> = question.rows.iter().collect();
        question.split(row_bytes, |range| {
            let mut best = Best::new(k);
            for row in rows.get(range).unwrap_or_default() {
                let mut raw = [0.0];
                raw_rows(question.metric, query, segment.floats.row(*row).unwrap_or_default(), &mut raw);
                offer(&mut best, segment, question, *row, raw[0]);
            }
            best
        })
    };
    joined(found, k)
}

/// Whether a score of a block is at least this, or no number. Looks at all of them, which takes less than to stop at the first.
#[inline]
fn any_reaches(scores: &[f32], bound: f32) -> bool {
    scores.iter().fold(false, |any, score| any | (*score >= bound) | !score.is_finite())
}

#[inline]
fn offer(best: &mut Best<u32>, segment: &Segment, question: &Question<'_>, row: u32, raw: f32) {
    // What is no number is looked at closer: it is larger than what an `f32` holds on the way.
    let score = if raw.is_finite() {
        raw
    } else {
        wide(question.metric, question.query.numbers(), segment.floats.row(row))
    };
    if score >= best.bound() && question.rows.contains(row) {
        best.offer(score, row);
    }
}

/// Of the nearest by their codes, the nearest as they are. Twice as many threads would not help: it is soon over.
pub(super) fn by_codes(segment: &Segment, question: &Question<'_>, k: usize) -> Best<u32> {
    let most = again(k);
    let codes = &segment.codes;
    let found = if question.are_most() {
        question.split(codes.bytes() / codes.rows().max(1), |range| {
            let (mut best, mut out, mut scores) = (Best::new(most), [0; BLOCK], [0.0; BLOCK]);
            for from in range.clone().step_by(BLOCK) {
                let rows = BLOCK.min(range.end - from);
                let out = out.get_mut(..rows).unwrap_or_default();
                let scores = scores.get_mut(..rows).unwrap_or_default();
                codes.run(question.codes, from, out);
                question.codes.scores(question.metric, out, codes.factors(from), scores);
                if !any_reaches(scores, best.bound()) {
                    continue;
                }
                for (row, score) in (from..).zip(&*scores) {
                    let row = u32::try_from(row).unwrap_or(u32::MAX);
                    if *score >= best.bound() && question.rows.contains(row) {
                        best.offer(*score, row);
                    }
                }
            }
            best
        })
    } else {
        let rows: Vec<u32> = question.rows.iter().collect();
        question.split(codes.bytes() / codes.rows().max(1), |range| {
            let (mut best, mut out) = (Best::new(most), [0; BLOCK]);
            for rows in rows.get(range).unwrap_or_default().chunks(TOGETHER) {
                codes.at(question.codes, rows, &mut out);
                for (row, raw) in rows.iter().zip(&out) {
                    best.offer(question.codes.score(question.metric, *raw, codes.factor(*row)), *row);
                }
            }
            best
        })
    };
    ranked(segment, question, joined(found, most).into_sorted().into_iter().map(|near| near.at), k)
}

/// How many of the nearest by codes are looked at again for so many of the nearest.
pub(super) fn again(k: usize) -> usize {
    k.saturating_mul(3).max(k.saturating_add(30))
}

/// The nearest of some rows, as they are.
pub(super) fn ranked(
    segment: &Segment,
    question: &Question<'_>,
    rows: impl Iterator<Item = u32>,
    k: usize,
) -> Best<u32> {
    let rows: Vec<u32> = rows.collect();
    rows.iter().filter_map(|row| segment.floats.row(*row)).for_each(ice_simd::prefetch);
    let mut best = Best::new(k);
    for row in rows {
        let mut raw = [0.0];
        raw_rows(
            question.metric,
            question.query.numbers(),
            segment.floats.row(row).unwrap_or_default(),
            &mut raw,
        );
        offer(&mut best, segment, question, row, raw[0]);
    }
    best
}

fn joined(found: Vec<Best<u32>>, k: usize) -> Best<u32> {
    let mut best = Best::new(k);
    found.into_iter().for_each(|found| best.absorb(found));
    best
}

/// How near rows are, the distance still squared.
fn raw_rows(metric: Metric, query: &[f32], rows: &[f32], out: &mut [f32]) {
    match metric {
        Metric::Cosine | Metric::Dot => ice_simd::dot_rows(query, rows, out),
        Metric::Euclidean => {
            ice_simd::distance_rows(query, rows, out);
            out.iter_mut().for_each(|distance| *distance = -*distance);
        }
    }
}

/// The same for a row whose numbers are so large that `f32` overflows on the way; the largest `f32` if it is beyond that.
fn wide(metric: Metric, query: &[f32], row: Option<&[f32]>) -> f32 {
    let pairs =
        query.iter().zip(row.unwrap_or_default()).map(|(one, other)| (f64::from(*one), f64::from(*other)));
    let sum: f64 = match metric {
        Metric::Cosine | Metric::Dot => pairs.map(|(one, other)| one * other).sum(),
        Metric::Euclidean => -pairs.map(|(one, other)| (one - other) * (one - other)).sum::<f64>(),
    };
    sum.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// How near a single vector is, in the terms of a [`Best`].
pub(super) fn raw(metric: Metric, query: &Admitted, row: &Admitted) -> f32 {
    let mut raw = [0.0];
    raw_rows(metric, query.numbers(), row.numbers(), &mut raw);
    if raw[0].is_finite() { raw[0] } else { wide(metric, query.numbers(), Some(row.numbers())) }
}

/// What a caller sees of it.
pub(super) fn score<T>(metric: Metric, near: &Near<T>) -> f32 {
    match metric {
        Metric::Cosine => near.score.clamp(-1.0, 1.0),
        Metric::Dot => near.score,
        Metric::Euclidean => -(-near.score).max(0.0).sqrt(),
    }
}
