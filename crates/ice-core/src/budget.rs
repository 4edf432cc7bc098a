//! Budgets: what may be spent on models and tools, what has been, and what would be too much.
//!
//! A budget is kept by reserving before a call what it takes at worst, and settling after it with what it took: nothing is
//! spent that was not there.
//!
//! ```
//! use ice_core::budget::{Budget, Spend};
//!
//! let budget = Budget { tokens: Some(1_000), ..Budget::default() };
//! let used = Spend { tokens: 700, ..Spend::default() };
//! let call = |tokens| Spend { tokens, model_calls: 1, ..Spend::default() };
//! assert_eq!(budget.overrun(&used, &call(300)), None);
//! let overrun = budget.overrun(&used, &call(301)).unwrap();
//! assert_eq!(overrun.to_string(), "it takes up to 301 tokens, and 300 of 1000 are left");
//! ```

use std::fmt;
use std::ops::{AddAssign, SubAssign};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::BlueprintId;
use crate::llm::{Estimate, Price, Usage, Usd};
use crate::quantity::least;
use crate::time::Moment;

/// What may be spent. What is absent is not limited; 0 is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Money for models, in US dollars. Models without a known price are not asked then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Usd>,
    /// Tokens that models read and write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Calls of models, repeated ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_calls: Option<u64>,
    /// Calls of tools and runs of code, repeated ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
}

impl Budget {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// The tighter of two limits each.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            cost_usd: least(self.cost_usd, other.cost_usd),
            tokens: least(self.tokens, other.tokens),
            model_calls: least(self.model_calls, other.model_calls),
            tool_calls: least(self.tool_calls, other.tool_calls),
        }
    }

    /// Whether some limit lets spend more than so much.
    #[must_use]
    pub fn has_more_than(&self, used: &Spend) -> bool {
        self.cost_usd.is_some_and(|limit| limit > used.cost_usd)
            || self.tokens.is_some_and(|limit| limit > used.tokens)
            || self.model_calls.is_some_and(|limit| limit > used.model_calls)
            || self.tool_calls.is_some_and(|limit| limit > used.tool_calls)
    }

    /// The first limit, if there is one, that would be passed if `wanted` were spent after `used`. Nothing that is
    /// not wanted is looked at: a budget that is overdrawn already stands in the way of no call that needs none of it.
    #[must_use]
    pub fn overrun(&self, used: &Spend, wanted: &Spend) -> Option<Overrun> {
        if let Some(limit) = self.cost_usd {
            if wanted.unpriced {
                return Some(Overrun::Unpriced { limit });
            }
            if !wanted.cost_usd.is_zero() && used.cost_usd.plus(wanted.cost_usd) > limit {
                let left = limit.minus(used.cost_usd);
                return Some(Overrun::Cost { limit, left, wanted: wanted.cost_usd });
            }
        }
        let counted = [
            ("tokens", self.tokens, used.tokens, wanted.tokens),
            ("model calls", self.model_calls, used.model_calls, wanted.model_calls),
            ("tool calls", self.tool_calls, used.tool_calls, wanted.tool_calls),
        ];
        counted.into_iter().find_map(|(unit, limit, used, wanted)| {
            let limit = limit?;
            let is_over = wanted > 0 && used.saturating_add(wanted) > limit;
            is_over.then(|| Overrun::Count { unit, limit, left: limit.saturating_sub(used), wanted })
        })
    }
}

/// Whose runs share a budget.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// All runs of the tenant.
    Tenant,
    /// Those that were started over the blueprint with this id.
    Blueprint(BlueprintId),
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("the tenant"),
            Self::Blueprint(id) => write!(f, "the blueprint `{id}`"),
        }
    }
}

/// For how long something may be spent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to the first of the next, UTC.
    Month,
}

impl Period {
    /// The name, as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the period that a moment lies in began.
    #[must_use]
    pub fn began(self, at: Moment) -> Moment {
        self.first_day(at).map_or(at, |day| to_moment(&day))
    }

    /// When the one after it begins.
    #[must_use]
    pub fn next(self, at: Moment) -> Moment {
        let span = match self {
            Self::Day => 1.day(),
            Self::Month => 1.month(),
        };
        // At the end of time there is no next.
        let next = self.first_day(at).and_then(|day| day.checked_add(span).ok());
        next.map_or(Moment::from_millis(i64::MAX), |day| to_moment(&day))
    }

    fn first_day(self, at: Moment) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(TimeZone::UTC);
        let day = at.start_of_day().ok()?;
        match self {
            Self::Day => Some(day),
            Self::Month => day.first_of_month().ok(),
        }
    }
}

fn to_moment(day: &Zoned) -> Moment {
    Moment::from_millis(day.timestamp().as_millisecond())
}

/// What was spent, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Spend {
    /// Money, in US dollars.
    #[serde(skip_serializing_if = "Usd::is_zero")]
    pub cost_usd: Usd,
    /// Tokens read and written.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens: u64,
    /// Calls of models.
    #[serde(skip_serializing_if = "is_zero")]
    pub model_calls: u64,
    /// Calls of tools and runs of code.
    #[serde(skip_serializing_if = "is_zero")]
    pub tool_calls: u64,
    /// Whether the price of some model was not known, so that `cost_usd` is not all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Spend {
    /// One call of a tool.
    pub const TOOL_CALL: Self =
        Self { cost_usd: Usd::ZERO, tokens: 0, model_calls: 0, tool_calls: 1, unpriced: false };
    /// One call of a model, without what it takes.
    pub const MODEL_CALL: Self = Self { model_calls: 1, tool_calls: 0, ..Self::TOOL_CALL };

    /// What one call of a model takes at worst.
    #[must_use]
    pub fn at_most(estimate: &Estimate, price: Option<&Price>) -> Self {
        Self {
            cost_usd: price.map(|price| price.at_most(estimate)).unwrap_or_default(),
            tokens: estimate.input_tokens.saturating_add(estimate.max_output_tokens),
            unpriced: price.is_none(),
            ..Self::MODEL_CALL
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// So many times as much, rounded up.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        // Beyond the largest count it stays there, and below nothing at nothing.
        let count = |count: u64| (count as f64 * factor).ceil() as u64;
        Self {
            cost_usd: self.cost_usd.times(factor),
            tokens: count(self.tokens),
            model_calls: count(self.model_calls),
            tool_calls: count(self.tool_calls),
            unpriced: self.unpriced,
        }
    }

    /// The larger of two amounts of each.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self {
            cost_usd: self.cost_usd.max(other.cost_usd),
            tokens: self.tokens.max(other.tokens),
            model_calls: self.model_calls.max(other.model_calls),
            tool_calls: self.tool_calls.max(other.tool_calls),
            unpriced: self.unpriced || other.unpriced,
        }
    }

    /// The same without the calls.
    #[must_use]
    pub const fn without_calls(self) -> Self {
        Self { model_calls: 0, tool_calls: 0, ..self }
    }
}

impl From<Usage> for Spend {
    fn from(usage: Usage) -> Self {
        Self { cost_usd: usage.cost, tokens: usage.total(), ..Self::default() }
    }
}

impl AddAssign for Spend {
    /// Saturates.
    fn add_assign(&mut self, more: Self) {
        self.cost_usd += more.cost_usd;
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.model_calls = self.model_calls.saturating_add(more.model_calls);
        self.tool_calls = self.tool_calls.saturating_add(more.tool_calls);
        self.unpriced |= more.unpriced;
    }
}

impl SubAssign for Spend {
    /// Down to nothing. What was unpriced stays so.
    fn sub_assign(&mut self, less: Self) {
        self.cost_usd = self.cost_usd.minus(less.cost_usd);
        self.tokens = self.tokens.saturating_sub(less.tokens);
        self.model_calls = self.model_calls.saturating_sub(less.model_calls);
        self.tool_calls = self.tool_calls.saturating_sub(less.tool_calls);
    }
}

/// The limit that something would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overrun {
    /// Money is limited, and nobody knows what the call costs.
    Unpriced {
        /// The limit.
        limit: Usd,
    },
    /// It would be too much money.
    Cost {
        /// The limit.
        limit: Usd,
        /// What is left of it.
        left: Usd,
        /// What the call may take.
        wanted: Usd,
    },
    /// It would be too many tokens or calls.
    Count {
        /// Of what.
        unit: &'static str,
        /// The limit.
        limit: u64,
        /// What is left of it.
        left: u64,
        /// What the call may take.
        wanted: u64,
    },
}

impl Overrun {
    /// What is too much, after words such as `it takes up to`.
    fn write(&self, f: &mut impl fmt::Write, takes: &str) -> fmt::Result {
        match self {
            Self::Unpriced { limit } => {
                write!(f, "the price of its model is not known, and what may be spent is limited to ${limit}")
            }
            Self::Cost { limit, left, wanted } => {
                write!(f, "{takes} ${wanted}, and ${left} of ${limit} are left")
            }
            Self::Count { unit, limit, left, wanted } => {
                let unit = if *wanted == 1 { unit.trim_end_matches('s') } else { unit };
                write!(f, "{takes} {wanted} {unit}, and {left} of {limit} are left")
            }
        }
    }

    /// The same about what is needed in any case.
    #[must_use]
    pub fn of_the_least(&self) -> String {
        let mut text = String::new();
        // Nothing goes wrong with a text in memory.
        let _written = self.write(&mut text, "it takes at least");
        text
    }
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "it takes up to")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_may_be_spent_of_zero_and_anything_of_what_is_not_limited() {
        let none = Budget { tool_calls: Some(0), cost_usd: Some(Usd::ZERO), ..Budget::default() };
        let overrun = none.overrun(&Spend::default(), &Spend::TOOL_CALL).unwrap();
        assert_eq!(overrun.to_string(), "it takes up to 1 tool call, and 0 of 0 are left");
        // What costs nothing is not in the way of a budget without money.
        assert_eq!(none.overrun(&Spend::default(), &Spend::MODEL_CALL), None);
        let all = Spend { tokens: u64::MAX, tool_calls: u64::MAX, unpriced: true, ..Spend::default() };
        assert_eq!(Budget::default().overrun(&all, &all), None);
    }

    #[test]
    fn an_unknown_price_is_too_much_where_money_is_limited() {
        let budget = Budget { cost_usd: Some(usd("5")), ..Budget::default() };
        let estimate = Estimate { input_tokens: 10, max_output_tokens: 5 };
        let unknown = Spend::at_most(&estimate, None);
        assert!(budget.overrun(&Spend::default(), &unknown).unwrap().to_string().contains("not known"));
        let price =
            Price { input: usd("1"), output: usd("2"), cache_write: Some(usd("1.25")), ..Price::FREE };
        let known = Spend::at_most(&estimate, Some(&price));
        // 10 at the dearest way to read, 5 written.
        assert_eq!((known.cost_usd, known.tokens), (usd("0.0000225"), 15));
        let used = Spend { cost_usd: usd("4.99998"), ..Spend::default() };
        let overrun = budget.overrun(&used, &known).unwrap().to_string();
        assert_eq!(overrun, "it takes up to $0.0000225, and $0.00002 of $5 are left");
    }

    #[test]
    fn the_tighter_limit_counts() {
        let one = Budget { tokens: Some(5), model_calls: Some(1), ..Budget::default() };
        let other = Budget { tokens: Some(4), tool_calls: Some(2), ..Budget::default() };
        let both = Budget { tokens: Some(4), model_calls: Some(1), tool_calls: Some(2), cost_usd: None };
        assert_eq!((one.within(other), other.within(one)), (both, both));
    }

    #[test]
    fn periods_begin_at_midnight_and_on_the_first() {
        let at = |text: &str| -> Moment { serde_json::from_str(&format!("\"{text}\"")).unwrap() };
        let noon = at("2028-02-29T12:30:00Z");
        assert_eq!(Period::Day.began(noon), at("2028-02-29T00:00:00Z"));
        assert_eq!(Period::Day.next(noon), at("2028-03-01T00:00:00Z"));
        assert_eq!(Period::Month.began(noon), at("2028-02-01T00:00:00Z"));
        assert_eq!(Period::Month.next(noon), at("2028-03-01T00:00:00Z"));
        let first = Period::Month.next(noon);
        assert_eq!(Period::Month.began(first), first);
        let end = Moment::from_millis(i64::MAX);
        assert!(Period::Month.next(end) >= Period::Month.began(end));
    }

    proptest! {
        #[test]
        fn what_is_let_pass_stays_within(limit in 0..100_u64, calls in prop::collection::vec(0..40_u64, 0..20)) {
            let budget = Budget { tokens: Some(limit), ..Budget::default() };
            let mut used = Spend::default();
            for tokens in calls {
                let wanted = Spend { tokens, ..Spend::MODEL_CALL };
                if budget.overrun(&used, &wanted).is_none() {
                    used += wanted;
                } else {
                    prop_assert!(used.tokens + tokens > limit);
                }
            }
            prop_assert!(used.tokens <= limit);
        }
    }
}
