//! What a run may spend, and how long and deep it may go: options of commands that start or estimate runs.

use std::time::Duration;

use clap::Args;
use ice_core::budget::Budget;
use ice_core::llm::Usd;
use ice_core::quantity::span;
use ice_orchestrator::journal::RunOptions;

/// What may be spent. Nothing is spent beyond it: what might cost more than is left is not begun.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Budget")]
pub(crate) struct SpendArgs {
    /// The most money for models, in US dollars, for example 0.50
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    max_cost: Option<Usd>,
    /// The most tokens that models read and write
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_tokens: Option<u64>,
    /// The most calls of models
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_model_calls: Option<u64>,
    /// The most calls of tools and runs of code
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_tool_calls: Option<u64>,
}

/// What a run may spend, and how long and deep it may go.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Budget")]
pub(crate) struct BudgetArgs {
    #[command(flatten)]
    spend: SpendArgs,
    /// How long the run may take, waiting included, for example 90s or 2h
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    max_time: Option<Duration>,
    /// How deep sub-workflows may be nested, 0 to 16
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=16))]
    max_depth: Option<u32>,
}

impl SpendArgs {
    /// What may be spent.
    pub(crate) const fn budget(&self) -> Budget {
        Budget {
            cost_usd: self.max_cost,
            tokens: self.max_tokens,
            model_calls: self.max_model_calls,
            tool_calls: self.max_tool_calls,
        }
    }
}

impl BudgetArgs {
    /// What may be spent.
    pub(crate) const fn budget(&self) -> Budget {
        self.spend.budget()
    }

    /// Writes what was given into the options of a run.
    pub(crate) fn apply(&self, options: &mut RunOptions) {
        options.budget = self.budget();
        options.max_time_ms = self.max_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        options.max_depth = self.max_depth;
    }
}

/// A run begins before its time is looked at: none at all would not keep it from doing something.
fn some_time(text: &str) -> Result<Duration, String> {
    match span(text) {
        Ok(time) if time < Duration::from_millis(1) => Err("a run needs a millisecond at least".to_owned()),
        read => read.map_err(|error| error.to_string()),
    }
}
