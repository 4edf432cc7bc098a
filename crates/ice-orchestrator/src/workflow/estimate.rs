//! What a run of a plan may spend, before it is started.
//!
//! `least` is what a run that succeeds spends at least, `most` what it spends at most: nothing if that has no bound. Both
//! follow from the plan, the inputs and what the models can do. `likely` rests on assumptions where nothing else is known;
//! they are told with it, and [`RunEstimate::confidence`] is the share of it that does not rest on them.

mod models;
mod tally;
mod walk;

use ice_core::blueprint::KindName;
use ice_core::budget::Spend;
use ice_core::llm::Usd;
use ice_core::path::NodePath;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::tally::{Tally, calls};
use self::walk::{Estimator, Surroundings};
use super::model::{Plan, ScopeIndex};
use crate::journal::RunOptions;

/// A range of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range<T> {
    /// At least, if the run succeeds.
    pub least: T,
    /// Likely.
    pub likely: T,
    /// At most; absent if that has no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<T>,
}

/// What a run may spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEstimate {
    /// Money for models, in US dollars.
    pub cost_usd: Range<Usd>,
    /// Tokens read and written.
    pub tokens: Range<u64>,
    /// Calls of models.
    pub model_calls: Range<u64>,
    /// Calls of tools and runs of code.
    pub tool_calls: Range<u64>,
    /// Whether the price of some model is not known, so that `cost_usd` is not all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    /// The share of what is likely that rests on what is known instead of on assumptions, 0 to 1: of tokens, or of calls
    /// where there are none.
    pub confidence: f64,
    /// What was assumed, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// The nodes that spend, in file order, at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeEstimate>,
}

/// What a node may spend, all its executions in a run together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeEstimate {
    /// The node, without indices.
    pub node: NodePath,
    /// Its kind.
    pub kind: KindName,
    /// Likely.
    pub likely: Spend,
    /// At most; absent if that has no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Spend>,
}

impl RunEstimate {
    /// What is spent at least.
    #[must_use]
    pub const fn least(&self) -> Spend {
        Spend {
            cost_usd: self.cost_usd.least,
            tokens: self.tokens.least,
            model_calls: self.model_calls.least,
            tool_calls: self.tool_calls.least,
            unpriced: false,
        }
    }

    /// What is likely spent.
    #[must_use]
    pub const fn likely(&self) -> Spend {
        Spend {
            cost_usd: self.cost_usd.likely,
            tokens: self.tokens.likely,
            model_calls: self.model_calls.likely,
            tool_calls: self.tool_calls.likely,
            unpriced: self.unpriced,
        }
    }
}

/// Estimates what a run of a plan spends. `inputs` make it better if they are known.
#[must_use]
pub fn estimate(plan: &Plan, inputs: Option<&Value>, options: &RunOptions) -> RunEstimate {
    let mut estimator = Estimator { options, assumptions: Vec::new(), nodes: Vec::new() };
    let surroundings = Surroundings { plan, inputs, prefix: None, likely: 1.0, most: 1.0 };
    let mut all = estimator.scope(ScopeIndex(0), &surroundings);
    all.keep_within(&options.budget);
    let Tally { least, likely, most, assumed, assumed_calls } = all;
    let finite = |count: u64| Some(count).filter(|count| *count < u64::MAX);
    let share = |part: u64, whole: u64| 1.0 - (part.min(whole) as f64 / whole.max(1) as f64);
    RunEstimate {
        cost_usd: range(least.cost_usd, likely.cost_usd, Some(most.cost_usd).filter(|most| *most < Usd::MAX)),
        tokens: range(least.tokens, likely.tokens, finite(most.tokens)),
        model_calls: range(least.model_calls, likely.model_calls, finite(most.model_calls)),
        tool_calls: range(least.tool_calls, likely.tool_calls, finite(most.tool_calls)),
        unpriced: likely.unpriced,
        confidence: if likely.tokens > 0 {
            share(assumed.min(likely.tokens.saturating_sub(least.tokens)), likely.tokens)
        } else {
            let further = calls(&likely).saturating_sub(calls(&least));
            share(assumed_calls.min(further), calls(&likely))
        },
        assumptions: estimator.assumptions,
        nodes: estimator.nodes,
    }
}

/// What is likely lies within the others.
fn range<T: Ord + Copy>(least: T, likely: T, most: Option<T>) -> Range<T> {
    let likely = likely.max(least);
    Range { least, likely: most.map_or(likely, |most| likely.min(most)), most }
}

/// What has a bound in every amount.
fn bounded(most: Spend) -> Option<Spend> {
    let counts = [most.tokens, most.model_calls, most.tool_calls];
    Some(most).filter(|most| most.cost_usd < Usd::MAX && counts.iter().all(|count| *count < u64::MAX))
}
