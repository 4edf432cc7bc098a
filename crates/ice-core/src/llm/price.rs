//! Money, and what tokens cost.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimate, Usage};

/// Decimals of an amount.
const DECIMALS: usize = 12;
/// The least amounts in a dollar.
const DOLLAR: u64 = 1_000_000_000_000;
/// Prices are for so many tokens.
const TOKENS: u128 = 1_000_000;

/// An amount of US dollars, exact to 10^-12, at most 18,446,744: as fine as the price of one token whose price for a
/// million has six decimals. Written as a decimal text; a number is read, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

/// What is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no amount of dollars such as `0.15`: digits with at most {DECIMALS} decimals, up to 18446744"
)]
pub struct InvalidUsd(String);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// As a number of dollars, which may be a little less or more.
    #[must_use]
    pub const fn as_dollars(self) -> f64 {
        self.0 as f64 / DOLLAR as f64
    }

    /// In the least amounts, 10^-12 dollars.
    pub(crate) const fn as_least(self) -> u64 {
        self.0
    }

    /// From the least amounts, 10^-12 dollars.
    pub(crate) const fn from_least(amount: u64) -> Self {
        Self(amount)
    }

    /// In billionths of a dollar, rounded up.
    #[must_use]
    pub const fn as_billionths(self) -> u64 {
        self.0.div_ceil(DOLLAR / 1_000_000_000)
    }

    /// The sum, at most the largest amount.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    /// So many times as much, rounded up.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        // Beyond the largest amount it stays there, and below nothing at nothing.
        Self((self.0 as f64 * factor).ceil() as u64)
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn minus(self, less: Self) -> Self {
        Self(self.0.saturating_sub(less.0))
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl AddAssign for Usd {
    /// Saturates.
    fn add_assign(&mut self, more: Self) {
        *self = self.plus(more);
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS$}", self.0 % DOLLAR);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / DOLLAR),
            decimals => write!(f, "{}.{decimals}", self.0 / DOLLAR),
        }
    }
}

impl FromStr for Usd {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (dollars, decimals) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(dollars) || !digits(decimals) || decimals.len() > DECIMALS {
                return None;
            }
            let dollars: u64 = dollars.parse().ok()?;
            let decimals: u64 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
            dollars.checked_mul(DOLLAR)?.checked_add(decimals).map(Self)
        };
        parse().ok_or_else(|| InvalidUsd(text.chars().take(40).collect()))
    }
}

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            // Its shortest decimal form is what was written.
            Number(f64),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An amount of US dollars, exact: a decimal text such as `0.15`.",
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]{1,12})?$"
        })
    }
}

/// What a model costs, in US dollars for a million tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For tokens read.
    pub input: Usd,
    /// For tokens written.
    pub output: Usd,
    /// For tokens read from the provider's cache; as other input if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<Usd>,
    /// For tokens written to the provider's cache; as other input if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
    /// The price of calls that read much, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<Box<LongPrompt>>,
}

/// The price of all tokens of a call whose prompt is long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPrompt {
    /// A prompt of more tokens than this is long.
    pub above: u64,
    /// What tokens cost then.
    pub price: Price,
}

impl Price {
    /// That of what costs nothing.
    pub const FREE: Self =
        Self { input: Usd::ZERO, output: Usd::ZERO, cached: None, cache_write: None, long: None };

    /// That of a call which reads so many tokens.
    fn of_prompt(&self, input: u64) -> &Self {
        match &self.long {
            Some(long) if input > long.above => &long.price,
            Some(_) | None => self,
        }
    }

    /// What a call costs at worst: everything is read in the dearest way.
    #[must_use]
    pub fn at_most(&self, estimate: &Estimate) -> Usd {
        let usage =
            Usage { input: estimate.input_tokens, output: estimate.max_output_tokens, ..Usage::default() };
        // A prompt may turn out shorter, and what is short may be what is dear.
        let prices = [self, self.of_prompt(estimate.input_tokens)];
        let dearest = prices.map(|price| {
            let ways = [Some(price.input), price.cached, price.cache_write];
            let input = ways.into_iter().flatten().max().unwrap_or_default();
            Self { input, output: price.output, ..Self::FREE }.of(&usage)
        });
        dearest.into_iter().max().unwrap_or_default()
    }

    /// What the tokens of one call cost; rounded up where the price has more than six decimals. What two calls have spent must
    /// not be added up before: each has a price of its own.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Usd {
        let price = self.of_prompt(usage.input);
        let plain = usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_write);
        let parts = [
            (plain, price.input),
            (usage.cached, price.cached.unwrap_or(price.input)),
            (usage.cache_write, price.cache_write.unwrap_or(price.input)),
            (usage.output, price.output),
        ];
        let sum = parts.iter().fold(0_u128, |sum, (tokens, price)| {
            sum.saturating_add(u128::from(*tokens) * u128::from(price.0))
        });
        Usd(u64::try_from(sum.div_ceil(TOKENS)).unwrap_or(u64::MAX))
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
    fn every_kind_of_token_has_its_price() {
        let price = Price { input: usd("3"), output: usd("15"), cached: Some(usd("0.3")), ..Price::FREE };
        let usage = Usage { input: 1_500, output: 200, cached: 1_000, cache_write: 100, ..Usage::default() };
        // 400 plain and 100 written to the cache at 3, 1,000 at 0.3, 200 at 15.
        assert_eq!(price.of(&usage), usd("0.0048"));
        let tiny = Price { input: usd("0.075"), ..Price::FREE };
        assert_eq!(tiny.of(&Usage { input: 1, ..Usage::default() }).to_string(), "0.000000075");
    }

    #[test]
    fn long_prompts_have_their_own_price() {
        let long = Price { input: usd("2"), output: usd("3"), cached: Some(usd("0.5")), ..Price::FREE };
        let long = Some(Box::new(LongPrompt { above: 500, price: long }));
        let price = Price { input: usd("1"), output: usd("2"), long, ..Price::FREE };
        let usage = |input| Usage { input, output: 100, cached: 100, ..Usage::default() };
        // 500 at 1 and 100 at 2; 401 at 2, 100 at 0.5, 100 at 3.
        assert_eq!(price.of(&usage(500)), usd("0.0007"));
        assert_eq!(price.of(&usage(501)), usd("0.001152"));
        let estimate = |input_tokens| Estimate { input_tokens, max_output_tokens: 100 };
        assert_eq!(price.at_most(&estimate(500)), usd("0.0007"));
        assert_eq!(price.at_most(&estimate(501)), usd("0.001302"));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0.1234567890123", "18446745", "1,5", "NaN"] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Usd>("0.15").unwrap(), usd("0.15"));
        assert!(serde_json::from_str::<Usd>("-0.15").is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_read_as_it_was_written(amount in any::<u64>()) {
            let json = serde_json::to_string(&Usd(amount)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), Usd(amount));
        }
    }
}
