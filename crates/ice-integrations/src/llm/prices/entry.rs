//! A line of the table: what a model costs and can do.

use ice_core::llm::{ModelCapabilities, Price};
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

impl ModelEntry {
    /// The same as providers tell it.
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
