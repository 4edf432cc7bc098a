//! `llm`: asks a language model once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Asks a language model once. Has no tools, by design: that is what agents are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LlmNode {
    /// The model; a template.
    pub model: String,
    /// The prompt; a template.
    pub prompt: String,
    /// Settings of the provider.
    #[serde(default)]
    pub llm_config: LlmConfig,
    /// Randomness, 0 to 2.
    #[serde(default = "default_temperature")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The most tokens to answer with; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u64>,
    /// How parts of the context with the format `custom` are written: name to template.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub format_specifications: Value,
    /// Whether outputs are converted to the types of `output_schema`.
    #[serde(default = "yes")]
    pub coerce_output_types: bool,
    /// Whether inputs are converted to the types of `input_schema`.
    #[serde(default = "yes")]
    pub coerce_input_types: bool,
    /// The form of the answer, for example `json`; told to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// The JSON Schema the answer must follow; `output_schema` serves if absent.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub json_schema: Value,
}

fn default_temperature() -> f64 {
    0.7
}

fn yes() -> bool {
    true
}

/// Settings of a model's provider. Fields it does not know are kept and passed on. There is no field for a
/// key: secrets are never values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LlmConfig {
    /// The provider, for example `openai`; the node's `provider` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model; the node's `model` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Randomness, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The most tokens of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_context_tokens: Option<u64>,
    /// Where the provider is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The longest one call may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Attempts after the first, counted inside the node's own attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// Nucleus sampling, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Discourages words used often, -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Discourages words used at all, -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Texts that end the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_sequences: Option<Vec<String>>,
    /// Settings only this provider knows.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub custom_parameters: Value,
    /// Further fields, kept as they are.
    #[serde(flatten)]
    pub extra: indexmap::IndexMap<String, Value>,
}
