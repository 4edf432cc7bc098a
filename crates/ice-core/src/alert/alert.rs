//! What a monitor has to say.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::llm::Usd;
use crate::path::NodePath;
use crate::value::Value;

/// What a monitor has to say once its expression holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The same for the same alert, however often it is sent: who receives it twice has received it once.
    pub idempotency_key: String,
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The monitor.
    pub node: NodePath,
    /// What happened, in one sentence.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    /// The metrics of the run as the monitor read them.
    pub metrics: Value,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Low,
    /// Worth a look soon.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// That of a run which has cost so much and taken so long: above 100 dollars or 30 s medium, above 500 dollars or 60 s
    /// high, above 1,000 dollars or 120 s critical, else low.
    #[must_use]
    pub fn of(cost: Usd, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let dollars = cost.as_dollars();
        [(1_000.0, 120.0, Self::Critical), (500.0, 60.0, Self::High), (100.0, 30.0, Self::Medium)]
            .into_iter()
            .find(|(cost, span, _)| dollars > *cost || seconds > *span)
            .map_or(Self::Low, |(.., severity)| severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_grows_with_cost_and_time() {
        let of =
            |dollars: &str, seconds| Severity::of(dollars.parse().unwrap(), Duration::from_secs(seconds));
        assert_eq!(
            [
                of("0", 30),
                of("0", 31),
                of("100.01", 0),
                of("500.5", 0),
                of("1", 61),
                of("1000.1", 0),
                of("0", 121)
            ],
            [
                Severity::Low,
                Severity::Medium,
                Severity::Medium,
                Severity::High,
                Severity::High,
                Severity::Critical,
                Severity::Critical
            ]
        );
    }
}
