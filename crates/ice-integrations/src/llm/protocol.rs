//! What the vendors' servers speak.

use genai::adapter::AdapterKind;
use serde::{Deserialize, Serialize};

/// The protocol of a server of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OpenAI's chat completions, which many other servers speak as well.
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI's responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini API.
    #[serde(rename = "google")]
    Gemini,
    /// DeepSeek's chat completions.
    #[serde(rename = "deepseek")]
    DeepSeek,
    /// Ollama's own.
    Ollama,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 6] =
        [Self::OpenAi, Self::OpenAiResponses, Self::Anthropic, Self::Gemini, Self::DeepSeek, Self::Ollama];

    /// The name: in files of configuration, and of the provider that needs none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "google",
            Self::DeepSeek => "deepseek",
            Self::Ollama => "ollama",
        }
    }

    /// Whose models its inventor's server has, as tables of prices name the vendor.
    #[must_use]
    pub const fn vendor(self) -> &'static str {
        match self {
            Self::OpenAiResponses => Self::OpenAi.as_str(),
            Self::OpenAi | Self::Anthropic | Self::Gemini | Self::DeepSeek | Self::Ollama => self.as_str(),
        }
    }

    /// Where its inventor serves it; requests go to paths below.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::OpenAi | Self::OpenAiResponses => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
            Self::DeepSeek => "https://api.deepseek.com/v1/",
            Self::Ollama => "http://localhost:11434/",
        }
    }

    /// The variables in which its key is looked for, the first one first; none if it needs no key.
    #[must_use]
    pub const fn key_variables(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi | Self::OpenAiResponses => &["OPENAI_API_KEY"],
            Self::Anthropic => &["ANTHROPIC_API_KEY"],
            Self::Gemini => &["GOOGLE_API_KEY", "GEMINI_API_KEY"],
            Self::DeepSeek => &["DEEPSEEK_API_KEY"],
            Self::Ollama => &[],
        }
    }

    /// Whether it can be told a JSON Schema that the answer must follow. Without, the model is asked for JSON in words.
    #[must_use]
    pub const fn has_schemas(self) -> bool {
        match self {
            Self::OpenAi | Self::OpenAiResponses | Self::Anthropic | Self::Gemini => true,
            // Ollama's own protocol has them, and the client that is used here does not.
            Self::DeepSeek | Self::Ollama => false,
        }
    }

    pub(super) const fn adapter(self) -> AdapterKind {
        match self {
            Self::OpenAi => AdapterKind::OpenAI,
            Self::OpenAiResponses => AdapterKind::OpenAIResp,
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Gemini => AdapterKind::Gemini,
            Self::DeepSeek => AdapterKind::DeepSeek,
            Self::Ollama => AdapterKind::Ollama,
        }
    }

    /// The path of a conversation below the base.
    pub(super) fn path(self, model: &str) -> String {
        match self {
            Self::OpenAi | Self::DeepSeek => "chat/completions".to_owned(),
            Self::OpenAiResponses => "responses".to_owned(),
            Self::Anthropic => "messages".to_owned(),
            Self::Gemini => format!("models/{model}:streamGenerateContent?alt=sse"),
            Self::Ollama => "api/chat".to_owned(),
        }
    }
}
