//! The arithmetic of a budget that runs share.

use ice_core::budget::{Budget, Overrun, Payer, Period, Spend};
use ice_core::time::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run draws so many times what it needs, as it will need more soon, but no more than
const BLOCK: f64 = 8.0;
/// this part of what is left, so that others find something.
const PART: f64 = 1.0 / 8.0;

/// A budget that runs share, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SharedBudget {
    /// Whose it is.
    pub payer: Payer,
    /// What may be spent.
    pub limit: Budget,
    /// In each of which periods; absent if once and for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Period>,
    /// When the period began, or the budget was set.
    pub since: Moment,
    /// What was spent since then.
    #[serde(default)]
    pub spent: Spend,
    /// What is set apart for runs that go on: for calls under way, and for those that may come.
    #[serde(default)]
    pub held: Spend,
}

/// What a run has drawn from a budget that it shares. All amounts but the first count from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Share {
    payer: Payer,
    /// What the run had spent and held when it began to draw.
    base: Spend,
    /// What it was let spend.
    drawn: Spend,
    /// What of it the budget counts as spent.
    booked: Spend,
    /// What the run has spent in all, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent: Option<Spend>,
}

impl Share {
    /// That of a run that has drawn nothing, and has `used` so much on other accounts.
    pub(super) const fn none(payer: Payer, used: Spend) -> Self {
        Self { payer, base: used, drawn: NOTHING, booked: NOTHING, spent: None }
    }

    pub(super) const fn payer(&self) -> &Payer {
        &self.payer
    }

    /// Whether the run has not drawn anything.
    pub(in crate::engine) fn is_nothing(&self) -> bool {
        self.drawn.is_nothing()
    }

    /// The same for a run that has ended, and has spent so much in all.
    pub(in crate::engine) fn ended(self, spent: Spend) -> Self {
        Self { spent: Some(spent), ..self }
    }

    /// Whether the budget knows that the run has spent so much in all.
    pub(in crate::engine) fn is_told(&self, spent: Spend) -> bool {
        self.is_nothing() || less(less(spent, self.base), self.booked).is_nothing()
    }

    fn held(&self) -> Spend {
        less(self.drawn, self.booked)
    }
}

const NOTHING: Spend = Spend { model_calls: 0, ..Spend::MODEL_CALL };

fn less(mut amount: Spend, other: Spend) -> Spend {
    amount -= other;
    amount
}

fn more(mut amount: Spend, other: Spend) -> Spend {
    amount += other;
    amount
}

impl SharedBudget {
    pub(super) fn new(payer: Payer, limit: Budget, per: Option<Period>, now: Moment) -> Self {
        let since = per.map_or(now, |per| per.began(now));
        Self { payer, limit, per, since, spent: NOTHING, held: NOTHING }
    }

    /// What may still be spent, if nothing of what is held is given back.
    #[must_use]
    pub fn left(&self) -> Budget {
        let used = more(self.spent, self.held);
        let count = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        Budget {
            cost_usd: self.limit.cost_usd.map(|limit| limit.minus(used.cost_usd)),
            tokens: count(self.limit.tokens, used.tokens),
            model_calls: count(self.limit.model_calls, used.model_calls),
            tool_calls: count(self.limit.tool_calls, used.tool_calls),
        }
    }

    /// A new period begins with nothing spent. What is held goes on being held.
    pub(super) fn roll(&mut self, now: Moment) {
        if let Some(began) = self.per.map(|per| per.began(now))
            && began > self.since
        {
            self.since = began;
            self.spent = NOTHING;
        }
    }

    /// How far the run may go that has this share.
    pub(super) fn until(&self, share: &Share) -> Budget {
        let until = more(share.base, share.drawn);
        Budget {
            cost_usd: self.limit.cost_usd.map(|_| until.cost_usd),
            tokens: self.limit.tokens.map(|_| until.tokens),
            model_calls: self.limit.model_calls.map(|_| until.model_calls),
            tool_calls: self.limit.tool_calls.map(|_| until.tool_calls),
        }
    }

    /// Lets a run that has spent so much, and `used` so much with what it holds, come to `need`.
    ///
    /// # Errors
    /// The first limit that is in the way; nothing is drawn then.
    pub(super) fn draw(
        &mut self,
        share: &mut Share,
        (spent, used): (Spend, Spend),
        need: Spend,
    ) -> Result<(), Overrun> {
        self.book(share, spent);
        let own = |total: Spend| less(total, share.base);
        let spare = less(share.drawn, own(used));
        let of_others = less(more(self.spent, self.held), spare);
        if let Some(overrun) = self.limit.overrun(&of_others, &less(need, used)) {
            return Err(overrun);
        }
        let missing = less(own(need), share.drawn);
        let mut after = self.clone();
        after.held += missing;
        let block = least(missing.times(BLOCK - 1.0), after.left(), PART);
        let drawn = Spend { unpriced: false, ..more(more(share.drawn, missing), block) };
        self.hold(share, drawn);
        Ok(())
    }

    /// Takes back what a run has drawn beyond what it has `used`.
    pub(super) fn give_back(&mut self, share: &mut Share, (spent, used): (Spend, Spend)) {
        self.book(share, spent);
        let rest = less(share.drawn, less(used, share.base));
        let drawn = less(share.drawn, rest).or_more(share.booked);
        self.hold(share, drawn);
    }

    /// The run has ended: it has spent what it said, or all it has drawn if it could not say so.
    pub(super) fn close(&mut self, share: &mut Share) {
        let spent = share.spent.unwrap_or_else(|| more(share.base, share.drawn));
        self.book(share, spent);
        self.hold(share, share.booked);
    }

    /// Counts what a run has spent in all.
    fn book(&mut self, share: &mut Share, spent: Spend) {
        let before = share.held();
        let newly = less(less(spent, share.base), share.booked);
        self.spent += newly;
        share.booked += newly;
        // A call may have taken more than was held for it.
        share.drawn = share.drawn.or_more(share.booked);
        self.held = more(less(self.held, before), share.held());
    }

    fn hold(&mut self, share: &mut Share, drawn: Spend) {
        let before = share.held();
        share.drawn = drawn;
        self.held = more(less(self.held, before), share.held());
    }
}

/// At most so much, and at most a part of what is left where that is limited.
fn least(mut amount: Spend, left: Budget, part: f64) -> Spend {
    let count = |amount: u64, left: Option<u64>| left.map_or(amount, |left| amount.min(share_of(left, part)));
    amount.tokens = count(amount.tokens, left.tokens);
    amount.model_calls = count(amount.model_calls, left.model_calls);
    amount.tool_calls = count(amount.tool_calls, left.tool_calls);
    if let Some(left) = left.cost_usd {
        amount.cost_usd = amount.cost_usd.min(left.times(part));
    }
    amount
}

/// Rounded down: of the last few nothing is taken ahead.
fn share_of(left: u64, part: f64) -> u64 {
    (left as f64 * part) as u64
}

#[cfg(test)]
mod tests;
