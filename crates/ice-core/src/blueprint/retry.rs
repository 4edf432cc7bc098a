//! How often and how soon a failed attempt is repeated.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::read::Fields;
use super::rules::Rules;

/// How waits grow from attempt to attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackoffStrategy {
    /// Always `backoff_seconds`.
    Fixed,
    /// `backoff_seconds` times the number of failed attempts.
    Linear,
    /// `backoff_seconds` doubled with every failed attempt after the first.
    #[default]
    Exponential,
}

/// How often and how soon a failed attempt is repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// All attempts, the first included; at least 1.
    #[schemars(range(min = 1))]
    pub max_attempts: u32,
    /// How waits grow.
    pub backoff_strategy: BackoffStrategy,
    /// The base of the waits, in seconds; not negative.
    #[schemars(range(min = 0.0))]
    pub backoff_seconds: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 3, backoff_strategy: BackoffStrategy::Exponential, backoff_seconds: 1.0 }
    }
}

impl RetryPolicy {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let default = Self::default();
        Self {
            max_attempts: fields.whole("max_attempts").unwrap_or(default.max_attempts),
            backoff_strategy: fields.choice("backoff_strategy"),
            backoff_seconds: fields.number("backoff_seconds").unwrap_or(default.backoff_seconds),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.positive("max_attempts", Some(self.max_attempts.into()));
        rules.within("backoff_seconds", Some(self.backoff_seconds), 0.0..=f64::INFINITY);
    }

    /// The longest wait between two attempts.
    pub const MAX_WAIT: Duration = Duration::from_secs(3_600);

    /// The wait after `failed` failed attempts (1 or more), before jitter; at most [`Self::MAX_WAIT`].
    #[must_use]
    pub fn wait_after(&self, failed: u32) -> Duration {
        let factor = match self.backoff_strategy {
            BackoffStrategy::Fixed => 1.0,
            BackoffStrategy::Linear => f64::from(failed),
            BackoffStrategy::Exponential => {
                2_f64.powi(i32::try_from(failed).unwrap_or(i32::MAX).saturating_sub(1))
            }
        };
        let seconds = (self.backoff_seconds * factor).clamp(0.0, Self::MAX_WAIT.as_secs_f64());
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(strategy: BackoffStrategy) -> Vec<u64> {
        let policy = RetryPolicy { max_attempts: 9, backoff_strategy: strategy, backoff_seconds: 2.0 };
        [1, 2, 3, 4, 1_000].map(|failed| policy.wait_after(failed).as_secs()).to_vec()
    }

    #[test]
    fn waits_grow_as_their_strategy_says() {
        assert_eq!(waits(BackoffStrategy::Fixed), [2, 2, 2, 2, 2]);
        assert_eq!(waits(BackoffStrategy::Linear), [2, 4, 6, 8, 2_000]);
        assert_eq!(waits(BackoffStrategy::Exponential), [2, 4, 8, 16, 3_600]);
    }
}
