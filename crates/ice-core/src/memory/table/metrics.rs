//! What a memory tells the metrics.

use std::collections::BTreeMap;

use super::draft::Change;
use crate::memory::Kind;
use crate::memory::usage::Delta;
use crate::metrics::{MetricName, counter};

/// The counters of one memory.
#[derive(Debug)]
pub(super) struct Metrics {
    kinds: BTreeMap<Kind, Counters>,
    lost: metrics::Counter,
}

/// The counters of one kind: what came and what went, since counters only rise.
struct Counters([[metrics::Counter; 2]; 3]);

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counters")
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let of = |kind: Kind| {
            let pair = |added, removed| {
                [counter(added, &[("kind", kind.name())]), counter(removed, &[("kind", kind.name())])]
            };
            Counters([
                pair(MetricName::MemoryEntriesAdded, MetricName::MemoryEntriesRemoved),
                pair(MetricName::MemoryTokensAdded, MetricName::MemoryTokensRemoved),
                pair(MetricName::MemoryCostAdded, MetricName::MemoryCostRemoved),
            ])
        };
        Self {
            kinds: Kind::ALL.into_iter().map(|kind| (kind, of(kind))).collect(),
            lost: counter(MetricName::MemoryConflicts, &[]),
        }
    }

    /// A batch lost against another one.
    pub(super) fn lost(&self) {
        self.lost.increment(1);
    }

    pub(super) fn committed(&self, changes: &[Change]) {
        for change in changes {
            let Some(counters) = change.kind().and_then(|kind| self.kinds.get(&kind)) else { continue };
            let of = |record: &Option<super::record::Record>| {
                record.as_ref().map(|record| Delta::of(&record.entry)).unwrap_or_default()
            };
            let mut delta = of(&change.after);
            delta -= of(&change.before);
            let billionths = i64::try_from(delta.cost / 1_000).unwrap_or(0);
            for ([added, removed], amount) in counters.0.iter().zip([delta.entries, delta.tokens, billionths])
            {
                if amount > 0 { added } else { removed }.increment(amount.unsigned_abs());
            }
        }
    }
}

/// Counts a write that was refused.
pub(super) fn refused(kind: Kind, reason: &str) {
    counter(MetricName::MemoryWritesRefused, &[("kind", kind.name()), ("reason", reason)]).increment(1);
}
