//! `llm`: asks a language model once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::images;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;
use crate::llm::Fallback;
use crate::value::{Map, Value};

/// The most models that may be asked after the first.
const MAX_FALLBACKS: usize = 8;
/// What vendors call what a request has a field for, or nothing may change: whom it is sent to, what is said, and how long and how
/// often it is answered.
const RESERVED: [&str; 20] = [
    "model",
    "messages",
    "input",
    "contents",
    "prompt",
    "system",
    "system_instruction",
    "systemInstruction",
    "instructions",
    "tools",
    "functions",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "num_predict",
    "n",
    "best_of",
    "previous_response_id",
];
/// Why one of them cannot be set.
const TAKEN: &str =
    "cannot be set as a further setting: it would take the place of what is checked and reserved";
/// The most repetitions within an attempt.
const MAX_RETRIES: u32 = 10;

/// Asks a language model once. Has no tools, by design: that is what agents are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LlmNode {
    /// The model; a template.
    pub model: String,
    /// The prompt; a template.
    pub prompt: String,
    /// Pictures and files that follow the prompt, in the same message: each a template that gives a blob, a list of blobs, or null
    /// to leave it out. At most 16 in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub images: Vec<String>,
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
    /// Whether it is told what was said before in its session, and adds to that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub memory_aware: bool,
}

impl LlmNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("model");
        fields.require("prompt");
        Self {
            model: fields.template("model").unwrap_or_default(),
            prompt: fields.template("prompt").unwrap_or_default(),
            images: fields.template_texts(images::FIELD),
            llm_config: fields.below("llm_config", LlmConfig::read).unwrap_or_default(),
            temperature: fields.number("temperature").unwrap_or_else(default_temperature),
            max_tokens: fields.whole("max_tokens"),
            format_specifications: fields.templates("format_specifications"),
            coerce_output_types: fields.flag("coerce_output_types", true),
            coerce_input_types: fields.flag("coerce_input_types", true),
            output_format: fields.text("output_format"),
            json_schema: fields.object("json_schema"),
            memory_aware: fields.flag("memory_aware", false),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("model", &self.model);
        rules.not_blank("prompt", &self.prompt);
        images::rules(&self.images, rules);
        rules.within("temperature", Some(self.temperature), 0.0..=2.0);
        rules.positive("max_tokens", self.max_tokens);
        rules.below("llm_config", |rules| self.llm_config.rules(rules));
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_text("model", &self.model, Form::Template, at, visit);
        if let Some(model) = &self.llm_config.model {
            visit_text("model", model, Form::Template, &at.key("llm_config"), visit);
        }
        visit_text("prompt", &self.prompt, Form::Template, at, visit);
        images::texts(&self.images, at, visit);
        let parts = at.key("format_specifications");
        for (name, template) in self.format_specifications.as_map().into_iter().flatten() {
            if let Some(source) = template.as_str() {
                visit_text(name, source, Form::Part, &parts, visit);
            }
        }
    }
}

fn default_temperature() -> f64 {
    0.7
}

fn yes() -> bool {
    true
}

/// Settings of a model's provider. Fields it does not know are kept and passed on to the provider. There is no field for a
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
    /// The most tokens of the conversation. Without effect so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_context_tokens: Option<u64>,
    /// Where the provider is reached, instead of where its configuration says: a URL, whose host the run must be granted. No
    /// key is sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The longest one call may take, in seconds; the node's `timeout_seconds` holds as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// How often a failed call is repeated within an attempt of the node, 0 to 10; the number of the provider's configuration
    /// if absent. A node that makes attempts of its own repeats none within them.
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
    /// Models that are asked, one after the other, if this one fails in a way that another would not: at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback_models: Vec<Fallback>,
    /// Settings only this provider knows.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub custom_parameters: Value,
    /// Further fields, passed on to the provider as they are.
    #[serde(flatten)]
    pub extra: indexmap::IndexMap<String, Value>,
}

impl LlmConfig {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            provider: fields.text("provider"),
            model: fields.template("model"),
            temperature: fields.number("temperature"),
            max_tokens: fields.whole("max_tokens"),
            max_context_tokens: fields.whole("max_context_tokens"),
            base_url: fields.text("base_url"),
            timeout: fields.whole("timeout"),
            max_retries: fields.whole("max_retries"),
            top_p: fields.number("top_p"),
            frequency_penalty: fields.number("frequency_penalty"),
            presence_penalty: fields.number("presence_penalty"),
            stop_sequences: fields.texts("stop_sequences"),
            fallback_models: fields
                .objects("fallback_models", |fields| Fallback {
                    provider: fields.text("provider"),
                    model: fields.required_text("model"),
                })
                .unwrap_or_default(),
            custom_parameters: fields.object("custom_parameters"),
            extra: fields.rest(),
        }
    }

    /// These settings, and where they say nothing, others.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let mut extra = other.extra;
        extra.extend(self.extra);
        let custom_parameters = match (&self.custom_parameters, &other.custom_parameters) {
            (Value::Map(own), Value::Map(others)) => {
                let mut merged = (**others).clone();
                merged.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
                Value::from(merged)
            }
            (Value::Null, others) => others.clone(),
            (own, _) => own.clone(),
        };
        Self {
            provider: self.provider.or(other.provider),
            model: self.model.or(other.model),
            temperature: self.temperature.or(other.temperature),
            max_tokens: self.max_tokens.or(other.max_tokens),
            max_context_tokens: self.max_context_tokens.or(other.max_context_tokens),
            base_url: self.base_url.or(other.base_url),
            timeout: self.timeout.or(other.timeout),
            max_retries: self.max_retries.or(other.max_retries),
            top_p: self.top_p.or(other.top_p),
            frequency_penalty: self.frequency_penalty.or(other.frequency_penalty),
            presence_penalty: self.presence_penalty.or(other.presence_penalty),
            stop_sequences: self.stop_sequences.or(other.stop_sequences),
            fallback_models: if self.fallback_models.is_empty() {
                other.fallback_models
            } else {
                self.fallback_models
            },
            custom_parameters,
            extra,
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.within("temperature", self.temperature, 0.0..=2.0);
        rules.positive("max_tokens", self.max_tokens);
        rules.positive("max_context_tokens", self.max_context_tokens);
        rules.positive("timeout", self.timeout);
        rules.within("top_p", self.top_p, 0.0..=1.0);
        rules.within("frequency_penalty", self.frequency_penalty, -2.0..=2.0);
        rules.within("presence_penalty", self.presence_penalty, -2.0..=2.0);
        if self.max_context_tokens.is_some() {
            rules.doubtful("max_context_tokens", "`max_context_tokens` has no effect", None);
        }
        rules.within("max_retries", self.max_retries.map(f64::from), 0.0..=f64::from(MAX_RETRIES));
        // The rest of it is read by who connects.
        if let Some(url) = &self.base_url
            && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
        {
            let advice = "write it like `http://localhost:8080/v1`".to_owned();
            rules.broken("base_url", format!("`{url}` is no address of a server"), advice);
        }
        if self.fallback_models.len() > MAX_FALLBACKS {
            let message = format!("{} models are more than {MAX_FALLBACKS}", self.fallback_models.len());
            rules.broken("fallback_models", message, None);
        }
        let custom = self.custom_parameters.as_map().into_iter().flat_map(|entries| entries.keys());
        let custom: Vec<&str> = custom.map(|key| &**key).collect();
        for key in self.extra.keys().map(String::as_str).chain(custom) {
            if key.to_ascii_lowercase().ends_with("api_key") {
                rules.broken(
                    key,
                    "a blueprint never holds a key: whoever reads it could use it",
                    "remove it; keys belong to the configuration of the provider".to_owned(),
                );
            }
        }
        if let Some(name) = Self::taken(&self.custom_parameters) {
            rules.broken("custom_parameters", format!("`{name}` {TAKEN}"), None);
        }
        let extra = self.extra.iter().map(|(name, value)| (name.as_str().into(), value.clone()));
        if let Some(name) = Self::taken(&Value::from(extra.collect::<Map>())) {
            rules.broken(name, format!("`{name}` {TAKEN}"), None);
        }
    }

    /// The first of some further settings that would take the place of what is checked, reserved or looked at before a request
    /// is sent.
    #[must_use]
    pub fn taken(settings: &Value) -> Option<&'static str> {
        let of_google =
            |name: &str| settings.get("generationConfig").is_some_and(|own| own.get(name).is_some());
        let own = RESERVED.into_iter().find(|name| settings.get(name).is_some());
        own.or_else(|| ["maxOutputTokens", "candidateCount"].into_iter().find(|name| of_google(name)))
    }
}
