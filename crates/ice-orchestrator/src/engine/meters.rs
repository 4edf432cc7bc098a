//! The engine's metric handles, looked up once.

use ice_core::blueprint::KindName;
use ice_core::metrics::{MetricName, counter, gauge, histogram};
use metrics::{Counter, Gauge, Histogram};

use crate::journal::RunStatus;

/// The metrics of one kind of node.
pub(crate) struct KindMeters {
    pub(crate) seconds: Histogram,
    pub(crate) failed: Counter,
    pub(crate) retries: Counter,
}

/// The engine's metric handles.
pub(crate) struct Meters {
    pub(crate) started: Counter,
    pub(crate) active: Gauge,
    pub(crate) skipped: Counter,
    pub(crate) unresponsive: Counter,
    pub(crate) records: Counter,
    pub(crate) bytes: Counter,
    completed: Vec<(Counter, Histogram)>,
    kinds: Vec<KindMeters>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let kind = |kind: &KindName| {
            let labels = [("kind", kind.as_str())];
            KindMeters {
                seconds: histogram(MetricName::NodeSeconds, &labels),
                failed: counter(MetricName::ExecutionsFailed, &labels),
                retries: counter(MetricName::NodeRetries, &labels),
            }
        };
        let status = |status: &RunStatus| {
            let labels = [("status", status.as_str())];
            (counter(MetricName::ExecutionsCompleted, &labels), histogram(MetricName::RunSeconds, &labels))
        };
        Self {
            started: counter(MetricName::ExecutionsStarted, &[]),
            active: gauge(MetricName::RunsActive, &[]),
            skipped: counter(MetricName::NodesSkipped, &[]),
            unresponsive: counter(MetricName::NodesUnresponsive, &[]),
            records: counter(MetricName::JournalRecords, &[]),
            bytes: counter(MetricName::JournalBytes, &[]),
            completed: RunStatus::ALL.iter().map(status).collect(),
            kinds: KindName::ALL.iter().map(kind).collect(),
        }
    }

    pub(crate) fn kind(&self, kind: KindName) -> Option<&KindMeters> {
        self.kinds.get(kind as usize)
    }

    pub(crate) fn completed(&self, status: RunStatus) -> Option<&(Counter, Histogram)> {
        self.completed.get(status as usize)
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}
