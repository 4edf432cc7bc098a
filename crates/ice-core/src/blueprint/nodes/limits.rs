//! How far an agent goes by itself: rounds, calls, tokens, money, repetitions, and what of a result its model is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::base::amount;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::llm::Usd;
use crate::quantity::least;

/// How far an agent goes by itself. Of what is said in several places the tightest counts; what is absent everywhere has its
/// default, or is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentLimits {
    /// The most rounds; at least 1. The node's `max_iterations` holds besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rounds: Option<u32>,
    /// The most calls of tools, those of agents it lets work included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// The most tokens that its models read and write, those of agents it lets work included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The most money for its models, in US dollars, those of agents it lets work included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Usd>,
    /// How often the same tool is called with the same arguments; at least 1, 3 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub repeats: Option<u32>,
    /// The most bytes of one result that the model is shown, as JSON; at least 256, 65,536 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256))]
    pub result_bytes: Option<u64>,
    /// How deep agents may let others work, 0 to 8; 3 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 8))]
    pub depth: Option<u32>,
}

impl AgentLimits {
    /// How often the same call is made if nothing else is said.
    pub const REPEATS: u32 = 3;
    /// The bytes of a result that a model is shown if nothing else is said.
    pub const RESULT_BYTES: u64 = 64 << 10;
    /// How deep agents may let others work if nothing else is said.
    pub const DEPTH: u32 = 3;
    /// The least that can be shown of a result: a little of it, and how much is left out.
    const LEAST_BYTES: u64 = 256;
    /// The deepest nesting that can be allowed.
    const MAX_DEPTH: u32 = 8;

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The tighter of two limits each.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            rounds: least(self.rounds, other.rounds),
            tool_calls: least(self.tool_calls, other.tool_calls),
            tokens: least(self.tokens, other.tokens),
            cost_usd: least(self.cost_usd, other.cost_usd),
            repeats: least(self.repeats, other.repeats),
            result_bytes: least(self.result_bytes, other.result_bytes),
            depth: least(self.depth, other.depth),
        }
    }

    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            rounds: fields.whole("rounds"),
            tool_calls: fields.whole("tool_calls"),
            tokens: fields.whole("tokens"),
            cost_usd: amount(fields, "cost_usd"),
            repeats: fields.whole("repeats"),
            result_bytes: fields.whole("result_bytes"),
            depth: fields.whole("depth"),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.positive("rounds", self.rounds.map(u64::from));
        rules.positive("repeats", self.repeats.map(u64::from));
        let least = Self::LEAST_BYTES as f64;
        rules.within("result_bytes", self.result_bytes.map(|bytes| bytes as f64), least..=f64::INFINITY);
        rules.within("depth", self.depth.map(f64::from), 0.0..=f64::from(Self::MAX_DEPTH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> AgentLimits {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn of_two_limits_the_tighter_counts() {
        let one = limits(r#"{"rounds": 3, "tokens": 100, "cost_usd": "0.5", "depth": 2}"#);
        let other =
            limits(r#"{"rounds": 5, "tokens": 10, "repeats": 2, "result_bytes": 300, "tool_calls": 0}"#);
        let both = limits(
            r#"{"rounds": 3, "tokens": 10, "cost_usd": "0.5", "repeats": 2, "result_bytes": 300, "tool_calls": 0,
                "depth": 2}"#,
        );
        assert_eq!((one.within(other), other.within(one)), (both, both));
        assert!(AgentLimits::default().within(AgentLimits::default()).is_empty() && !both.is_empty());
    }
}
