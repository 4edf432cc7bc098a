//! A search over a moment of a collection.

use std::sync::{Arc, Mutex, PoisonError};

use super::best::Best;
use super::codes::Query;
use super::graph::{Graph, Passing, Trail};
use super::item::Admitted;
use super::payload::Vectors;
use super::scan::{self, Question};
use super::segment::Segment;
use super::wanted::{Effort, Hit, Wanted};
use crate::segments::{ItemId, Part, Rows, View};

/// Up to so many rows are compared exactly: that is soon done.
const EXACT_ROWS: usize = 1_024;
/// What is kept in sight at least, where that is not said.
const EF: usize = 64;
/// The most that is kept in sight.
const MOST_EF: usize = 4_096;
/// A row that a graph leads to costs as much as so many rows that stand one behind another.
const STEP_COST: usize = 4;
/// What a row in sight leads to, on average.
const STEPS: usize = 20;

/// What searches work with, kept for the next.
#[derive(Debug, Default)]
pub(super) struct Trails(Mutex<Vec<Trail>>);

impl Trails {
    fn take(&self) -> Trail {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, trail: Trail) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < 8 {
            kept.push(trail);
        }
    }
}

/// A query, in all the forms that it is needed in.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) vectors: &'a Vectors,
    pub(super) query: &'a Admitted,
    pub(super) codes: Query,
    pub(super) wanted: &'a Wanted,
    pub(super) trails: &'a Trails,
}

impl Search<'_> {
    pub(super) fn run(&self, view: &Arc<View<Vectors>>) -> Vec<Hit> {
        let (metric, mut best) = (self.vectors.space.metric, Best::<ItemId>::new(self.wanted.k));
        for part in view.parts() {
            for near in self.part(part).into_sorted() {
                if let Some(id) = part.segment().ids.get(near.at as usize) {
                    best.offer(near.score, *id);
                }
            }
        }
        for (id, row) in view.pending() {
            if self.wanted.filter.accepts(&row.attributes) {
                best.offer(scan::raw(metric, self.query, &row.vector), id);
            }
        }
        let hit = |near: &super::best::Near<ItemId>| Hit { id: near.at, score: scan::score(metric, near) };
        best.into_sorted().iter().map(hit).collect()
    }

    fn part(&self, part: &Part<Segment>) -> Best<u32> {
        let (segment, k) = (part.segment(), self.wanted.k);
        let is_all = self.wanted.filter.is_everything();
        let rows = match is_all {
            true => Rows::all(segment.rows()),
            false => segment.columns.passing(&self.wanted.filter),
        };
        let rows = if part.dead().count() == 0 { rows } else { rows.without(part.dead()) };
        let question = Question {
            metric: self.vectors.space.metric,
            query: self.query,
            codes: &self.codes,
            rows: &rows,
            threads: self.vectors.threads,
        };
        let may_code = segment.is_tame() && self.codes.is_tame();
        match (self.wanted.effort, &segment.graph) {
            _ if !may_code || rows.count() <= k => scan::exact(segment, &question, k),
            (Effort::Exact, _) => scan::exact(segment, &question, k),
            (Effort::Codes, _) | (Effort::Graph { .. }, None) => scan::by_codes(segment, &question, k),
            (Effort::Graph { ef }, Some(graph)) => self.along(graph, segment, &question, ef),
            (Effort::Fitting, _) if rows.count() <= EXACT_ROWS => scan::exact(segment, &question, k),
            (Effort::Fitting, Some(graph)) if self.leads(&rows) => self.along(graph, segment, &question, EF),
            (Effort::Fitting, _) => scan::by_codes(segment, &question, k),
        }
    }

    fn ef(&self, ef: usize) -> usize {
        ef.max(self.wanted.k).clamp(1, MOST_EF)
    }

    /// Whether to follow the graph costs less than to look at the codes of all that pass: the fewer pass, the longer is the way to one.
    fn leads(&self, rows: &Rows) -> bool {
        let steps = self.ef(EF) * STEPS * STEP_COST;
        steps.saturating_mul(rows.length() / rows.count().max(1)) < rows.count() && self.wanted.k <= MOST_EF
    }

    fn along(&self, graph: &Graph, segment: &Segment, question: &Question<'_>, ef: usize) -> Best<u32> {
        let (k, ef, rows) = (self.wanted.k, self.ef(ef), question.rows);
        let mut trail = self.trails.take();
        let again = scan::again(k);
        let is_all = rows.count() == rows.length();
        let found: Vec<u32> = if is_all {
            graph.search(&segment.codes, &self.codes, ef, None, &mut trail);
            trail.found().map(|(_, row)| row).take(again).collect()
        } else {
            // The fewer pass, the more must be in sight for as many of them.
            let ef = ef.saturating_mul(rows.length()).div_ceil(rows.count().max(1)).clamp(ef, MOST_EF);
            let mut passing = Passing { rows, found: Best::new(again) };
            graph.search(&segment.codes, &self.codes, ef, Some(&mut passing), &mut trail);
            passing.found.into_sorted().into_iter().map(|near| near.at).collect()
        };
        self.trails.give_back(trail);
        if found.len() < k.min(rows.count()) {
            return scan::by_codes(segment, question, k);
        }
        scan::ranked(segment, question, found.into_iter(), k)
    }
}
