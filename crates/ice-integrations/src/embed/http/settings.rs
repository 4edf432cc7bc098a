//! What is to be known of a server of embeddings.

use std::fmt;
use std::time::Duration;

use ice_core::embedding::Dimension;
use ice_core::embedding::limits::{MAX_CALL_BYTES, MAX_TEXTS};
use ice_core::llm::Price;
use secrecy::SecretString;

/// How the numbers of vectors are asked for. What comes is read either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As lists of numbers, which every server knows.
    #[default]
    Numbers,
    /// As Base64 of little-endian 32-bit floats: a third of the bytes. OpenAI's protocol only.
    Base64,
}

/// A server, its model, and how it is asked.
#[derive(Clone)]
pub struct Settings {
    pub(super) name: String,
    pub(super) base_url: String,
    pub(super) model: String,
    pub(super) dimension: Dimension,
    pub(super) asks_for_dimension: bool,
    pub(super) key: Option<SecretString>,
    pub(super) encoding: Encoding,
    pub(super) price: Option<Price>,
    pub(super) batch_texts: usize,
    pub(super) batch_bytes: usize,
    pub(super) connect: Duration,
    pub(super) whole: Duration,
}

/// Why no embedder can be made of settings.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// The base URL is none that can be used.
    #[error(
        "embedder `{name}`: its base URL {why}; write it like https://api.openai.com/v1 or http://127.0.0.1:11434"
    )]
    Url {
        /// The name of the embedder.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A setting lies outside its range.
    #[error("embedder `{name}`: {what} must be {range}")]
    OutOfRange {
        /// The name of the embedder.
        name: String,
        /// The setting.
        what: &'static str,
        /// What it may be.
        range: String,
    },
    /// The key cannot be sent.
    #[error(
        "embedder `{name}`: its key holds characters that no HTTP header can carry; was a line break copied with it?"
    )]
    Key {
        /// The name of the embedder.
        name: String,
    },
    /// There is no TLS.
    #[error("embedder `{name}`: no HTTP client can be made; are there certificates on this system?")]
    Client {
        /// The name of the embedder.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Requests are this long at most if nothing else is said: vendors take 2,048 texts, local servers much less at once.
const BATCH_TEXTS: usize = 64;
const BATCH_BYTES: usize = 256 << 10;
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// The longest time-out.
const LONGEST: Duration = Duration::from_secs(60 * 60);

impl Settings {
    /// A server and a model. `name` is what the embedder is registered under, `base_url` what stands before `/embeddings`
    /// (OpenAI) or `/api/embed` (Ollama), and `dimension` what the model gives: vectors of another length are refused.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        base_url: impl Into<String>,
        model: impl Into<String>,
        dimension: Dimension,
    ) -> Self {
        Self {
            name: name.into(),
            base_url: base_url.into(),
            model: model.into(),
            dimension,
            asks_for_dimension: false,
            key: None,
            encoding: Encoding::default(),
            price: None,
            batch_texts: BATCH_TEXTS,
            batch_bytes: BATCH_BYTES,
            connect: CONNECT,
            whole: WHOLE,
        }
    }

    /// Sends this key as a bearer token. Without one, none is sent.
    #[must_use]
    pub fn key(self, key: SecretString) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Asks the server for vectors of this dimension, for models that can give several.
    #[must_use]
    pub fn asking_for_dimension(self) -> Self {
        Self { asks_for_dimension: true, ..self }
    }

    /// How numbers are asked for; as numbers by default.
    #[must_use]
    pub fn encoding(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// What a token costs: what is spent is then told in money, too.
    #[must_use]
    pub fn price(self, price: Price) -> Self {
        Self { price: Some(price), ..self }
    }

    /// The most texts and bytes of texts of one request, 64 and 256 KiB by default; a longer text goes alone. The requests
    /// of a call are made one after the other.
    #[must_use]
    pub fn batch(self, texts: usize, bytes: usize) -> Self {
        Self { batch_texts: texts, batch_bytes: bytes, ..self }
    }

    /// How long connecting, and how long a whole request may take: 10 and 60 seconds by default.
    #[must_use]
    pub fn within(self, connect: Duration, whole: Duration) -> Self {
        Self { connect, whole, ..self }
    }

    /// Whether every setting lies within its range.
    pub(super) fn check(&self) -> Result<(), InvalidSettings> {
        let is_time = |time: Duration| !time.is_zero() && time <= LONGEST;
        let checks = [
            (
                !self.model.trim().is_empty() && self.model.len() <= 256,
                "the name of its model",
                "1 to 256 bytes".to_owned(),
            ),
            (
                (1..=MAX_TEXTS).contains(&self.batch_texts),
                "the texts of a request",
                format!("1 to {MAX_TEXTS}"),
            ),
            (
                (1..=MAX_CALL_BYTES).contains(&self.batch_bytes),
                "the bytes of a request",
                format!("1 to {MAX_CALL_BYTES}"),
            ),
            (
                is_time(self.connect),
                "the time to connect",
                "more than nothing, and an hour at most".to_owned(),
            ),
            (
                is_time(self.whole),
                "the time of a request",
                "more than nothing, and an hour at most".to_owned(),
            ),
        ];
        match checks.into_iter().find(|(holds, _, _)| !holds) {
            Some((_, what, range)) => {
                Err(InvalidSettings::OutOfRange { name: self.name.clone(), what, range })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the URL, which may hold what is nobody's business, and without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("model", &self.model)
            .field("dimension", &self.dimension)
            .finish_non_exhaustive()
    }
}
