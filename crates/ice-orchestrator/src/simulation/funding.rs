//! A shared budget that only the simulated run draws from.

use ice_core::budget::{Budget, Spend};

use super::run::Simulation;
use super::{Choices, World};
use crate::workflow::runtime::{Input, does_not_allow};

impl<W: World, C: Choices> Simulation<'_, W, C> {
    /// Begins to draw, if there is a budget to draw from.
    pub(super) fn begin_to_draw(&mut self) -> Result<(), String> {
        match self.faults.shared {
            Some(limit) => self.take(Input::Funded { until: up_to(&limit, Spend::default()), refused: None }),
            None => Ok(()),
        }
    }

    /// Draws exactly what is needed, and gives what the run is told. A run that goes on without its budget may do anything.
    pub(super) fn draw(&self, need: Spend) -> Input {
        let limit = self.faults.shared.unwrap_or_default();
        match limit.overrun(&Spend::default(), &need) {
            None => Input::Funded { until: up_to(&limit, need), refused: None },
            Some(overrun) => {
                let until = self.state.funds.as_ref().map(|funds| funds.until).unwrap_or_default();
                Input::Funded { until, refused: Some(does_not_allow("the tenant", &overrun).into()) }
            }
        }
    }
}

fn up_to(limit: &Budget, amount: Spend) -> Budget {
    Budget {
        cost_usd: limit.cost_usd.map(|_| amount.cost_usd),
        tokens: limit.tokens.map(|_| amount.tokens),
        model_calls: limit.model_calls.map(|_| amount.model_calls),
        tool_calls: limit.tool_calls.map(|_| amount.tool_calls),
    }
}
