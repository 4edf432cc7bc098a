//! Sums of what parts of a plan spend.

use ice_core::budget::{Budget, Spend};
use ice_core::llm::Usd;

/// Nothing.
pub(super) const NOTHING: Spend = Spend { model_calls: 0, ..Spend::MODEL_CALL };

/// More than anything: an amount without a bound.
const UNBOUNDED: Spend = Spend {
    cost_usd: Usd::MAX,
    tokens: u64::MAX,
    model_calls: u64::MAX,
    tool_calls: u64::MAX,
    unpriced: false,
};

/// What one part of a plan spends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) least: Spend,
    pub(super) likely: Spend,
    /// The largest amounts stand for no bound.
    pub(super) most: Spend,
    /// Tokens of `likely` that are assumed.
    pub(super) assumed: u64,
    /// Calls of `likely` that are assumed.
    pub(super) assumed_calls: u64,
}

impl Tally {
    pub(super) const fn exactly(spend: Spend) -> Self {
        Self { least: spend, likely: spend, most: spend, assumed: 0, assumed_calls: 0 }
    }

    pub(super) fn and(mut self, more: Self) -> Self {
        self.least += more.least;
        self.likely += more.likely;
        self.most += more.most;
        self.assumed = self.assumed.saturating_add(more.assumed);
        self.assumed_calls = self.assumed_calls.saturating_add(more.assumed_calls);
        self
    }

    /// One of both, neither more likely than the other.
    pub(super) fn or(self, other: Self) -> Self {
        let half = |one: u64, other: u64| one.saturating_add(other).div_ceil(2);
        let mut likely = self.likely;
        likely += other.likely;
        Self {
            least: least(self.least, other.least),
            likely: likely.times(0.5),
            most: each(self.most, other.most, Ord::max, Ord::max),
            // Nobody knows which.
            assumed: half(self.likely.tokens, other.likely.tokens),
            assumed_calls: half(calls(&self.likely), calls(&other.likely)),
        }
    }

    pub(super) fn times(self, count: &Count) -> Self {
        let likely = self.likely.times(count.likely as f64);
        let assumed = |part: u64| if count.is_known { part.saturating_mul(count.likely) } else { u64::MAX };
        Self {
            least: self.least.times(count.least as f64),
            likely,
            most: self.most.times(count.most as f64),
            assumed: assumed(self.assumed).min(likely.tokens),
            assumed_calls: assumed(self.assumed_calls).min(calls(&likely)),
        }
    }

    pub(super) fn without_bound(self) -> Self {
        Self { most: UNBOUNDED, ..self }
    }

    pub(super) fn keep_within(&mut self, budget: &Budget) {
        let most = &mut self.most;
        let limited = [
            (&mut most.tokens, budget.tokens),
            (&mut most.model_calls, budget.model_calls),
            (&mut most.tool_calls, budget.tool_calls),
        ];
        for (most, limit) in limited {
            *most = limit.map_or(*most, |limit| limit.min(*most));
        }
        most.cost_usd = budget.cost_usd.map_or(most.cost_usd, |limit| limit.min(most.cost_usd));
    }
}

pub(super) const fn calls(spend: &Spend) -> u64 {
    spend.model_calls.saturating_add(spend.tool_calls)
}

pub(super) fn least(one: Spend, other: Spend) -> Spend {
    each(one, other, Ord::min, Ord::min)
}

fn each(one: Spend, other: Spend, money: fn(Usd, Usd) -> Usd, count: fn(u64, u64) -> u64) -> Spend {
    Spend {
        cost_usd: money(one.cost_usd, other.cost_usd),
        tokens: count(one.tokens, other.tokens),
        model_calls: count(one.model_calls, other.model_calls),
        tool_calls: count(one.tool_calls, other.tool_calls),
        unpriced: one.unpriced || other.unpriced,
    }
}

/// How often something happens.
pub(super) struct Count {
    pub(super) least: u64,
    pub(super) likely: u64,
    pub(super) most: u64,
    pub(super) is_known: bool,
}

impl Count {
    pub(super) const fn exactly(count: u64) -> Self {
        Self { least: count, likely: count, most: count, is_known: true }
    }

    /// At least `least` times, at most `most` times, and if nothing else is known `likely` times.
    pub(super) fn within(least: u64, likely: u64, most: u64) -> Self {
        let likely = likely.clamp(least.min(most), most);
        Self { least: least.min(most), likely, most, is_known: least == most }
    }
}
