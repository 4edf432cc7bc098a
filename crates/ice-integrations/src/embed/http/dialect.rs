//! Which protocol a server speaks.

use super::answer::Answer;
use super::settings::Settings;
use super::{ollama, openai};

/// The protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAi,
    Ollama,
}

impl Dialect {
    /// What follows the base URL.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => openai::PATH,
            Self::Ollama => ollama::PATH,
        }
    }

    /// Whose it is, as telemetry calls them.
    pub(super) const fn vendor(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
        }
    }

    /// The body of a request.
    pub(super) fn request(self, settings: &Settings, texts: &[String]) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::OpenAi => openai::request(settings, texts),
            Self::Ollama => ollama::request(settings, texts),
        }
    }

    /// Reads the answer to so many texts.
    pub(super) fn read(self, body: &[u8], texts: usize) -> Result<Answer, String> {
        match self {
            Self::OpenAi => openai::read(body, texts),
            Self::Ollama => ollama::read(body, texts),
        }
    }
}
