//! A line of the table: what a model costs and can do.

use ice_core::llm::{Estimate, ModelCapabilities, Price, Usage, Usd};
use jiff::civil::Date;

use super::ModelPattern;

/// What is known of some models of a provider that cost the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelEntry {
    /// The provider, as blueprints name it.
    pub provider: String,
    /// Its models.
    pub models: Vec<ModelPattern>,
    /// What tokens cost.
    pub price: Price,
    /// What they cost in long prompts, if that is something else.
    pub long_prompt: Option<LongPrompt>,
    /// The largest conversation, in tokens.
    pub context: u64,
    /// The largest answer, in tokens; 0 for models that write none.
    pub max_output: u64,
    /// Whether they can ask for tools.
    pub tools: bool,
    /// Whether they read images.
    pub vision: bool,
    /// Whether they can follow a JSON Schema.
    pub json_schema: bool,
    /// Whether they let the randomness be set.
    pub temperature: bool,
    /// The day of which the price is.
    pub as_of: Date,
    /// The last day of the price, if the vendor has said so.
    pub until: Option<Date>,
    /// The page of the vendor that states it.
    pub source: String,
}

/// The price of all tokens of a call whose prompt is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongPrompt {
    /// A prompt of more tokens than this is long.
    pub above: u64,
    /// What tokens cost then.
    pub price: Price,
}

impl ModelEntry {
    /// The price of a call that reads so many tokens.
    #[must_use]
    pub fn price_for(&self, input_tokens: u64) -> &Price {
        match &self.long_prompt {
            Some(long) if input_tokens > long.above => &long.price,
            Some(_) | None => &self.price,
        }
    }

    /// What a call has cost, exactly. What two calls have spent must not be added up before: each has a price of its own.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Usd {
        self.price_for(usage.input).of(usage)
    }

    /// What a call can cost at worst.
    #[must_use]
    pub fn at_most(&self, estimate: &Estimate) -> Usd {
        let normal = self.price.at_most(estimate);
        match &self.long_prompt {
            Some(long) if estimate.input_tokens > long.above => normal.max(long.price.at_most(estimate)),
            Some(_) | None => normal,
        }
    }

    /// The same as providers tell it. The price is that of short prompts; [`cost`](Self::cost) and
    /// [`at_most`](Self::at_most) know the other one.
    #[must_use]
    pub fn capabilities(&self) -> ModelCapabilities {
        ModelCapabilities {
            max_input_tokens: self.context,
            max_output_tokens: self.max_output,
            tools: self.tools,
            json_schema: self.json_schema,
            vision: self.vision,
            price: Some(self.price.clone()),
        }
    }
}
