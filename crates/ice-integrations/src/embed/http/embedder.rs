//! The embedder over HTTP.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::embedding::{
    Dimension, EmbedContext, EmbedError, EmbedErrorKind, Embedded, Embedder, Embedding, limits,
};
use ice_core::llm::{Price, Usage, tokens};
use ice_core::telemetry;

use super::answer::Answer;
use super::batch::batches;
use super::client::Client;
use super::dialect::Dialect;
use super::settings::{InvalidSettings, Settings};

/// The most bytes that a number takes in JSON, with what stands around it, in what servers write.
const NUMBER_BYTES: usize = 32;
/// What an answer may hold besides its numbers, and per vector.
const AROUND: usize = 64 << 10;
const ROW_BYTES: usize = 256;
/// Longer answers are read on a thread for work that takes a while.
const LONG: usize = 256 << 10;

/// Asks a server for embeddings, in one request after the other until all texts have theirs.
///
/// Where a server does not report tokens, they are estimated as in [`tokens::estimate_text`].
pub struct HttpEmbedder {
    settings: Settings,
    model: Arc<str>,
    client: Client,
    dialect: Dialect,
}

impl HttpEmbedder {
    /// One that speaks OpenAI's protocol: OpenAI itself, and most other servers. Their base URL usually ends with `/v1`.
    /// Reads the certificates of the system.
    ///
    /// # Errors
    /// [`InvalidSettings`].
    pub fn openai(settings: Settings) -> Result<Self, InvalidSettings> {
        Self::new(settings, Dialect::OpenAi)
    }

    /// One that speaks Ollama's own protocol, which says so when a text is too long. Reads the certificates of the system.
    ///
    /// # Errors
    /// [`InvalidSettings`].
    pub fn ollama(settings: Settings) -> Result<Self, InvalidSettings> {
        Self::new(settings, Dialect::Ollama)
    }

    fn new(settings: Settings, dialect: Dialect) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let client = Client::new(&settings, dialect.path())?;
        Ok(Self { model: settings.model.as_str().into(), settings, client, dialect })
    }

    async fn request(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        let body = self.dialect.request(&self.settings, texts).map_err(|_| {
            EmbedError::new(EmbedErrorKind::InvalidRequest, "the texts cannot be written as JSON")
        })?;
        let row = self.settings.dimension.get() * NUMBER_BYTES + ROW_BYTES;
        let body = self.client.post(body, texts.len() * row + AROUND, &ctx.cancel).await?;
        let answer = self.read(body, texts.len()).await?;
        let input =
            answer.input.unwrap_or_else(|| texts.iter().map(|text| tokens::estimate_text(text)).sum());
        let estimated = answer.input.is_none();
        let mut usage = Usage { input, estimated, ..Usage::default() };
        if let Some(price) = &self.settings.price {
            usage.cost = price.of(&usage);
        }
        let vectors = answer
            .rows
            .into_iter()
            .map(|row| Embedding::new(Arc::clone(&self.model), self.settings.dimension, row))
            .collect::<Result<_, _>>()
            .map_err(|invalid| EmbedError::from(invalid).after(usage))?;
        Ok(Embedded { vectors, usage })
    }

    async fn read(&self, body: Bytes, texts: usize) -> Result<Answer, EmbedError> {
        let dialect = self.dialect;
        let read = move || dialect.read(&body, texts);
        let answer = if texts * self.settings.dimension.get() * size_of::<f32>() > LONG {
            let cut = |_| "reading it was cut short".to_owned();
            tokio::task::spawn_blocking(read).await.map_err(cut).flatten()
        } else {
            read()
        };
        answer.map_err(|why| {
            let message = format!("{} gave an answer that is of no use: {why}", self.client.who());
            EmbedError::new(EmbedErrorKind::Malformed, message)
        })
    }
}

#[async_trait]
impl Embedder for HttpEmbedder {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> Dimension {
        self.settings.dimension
    }

    fn price(&self) -> Option<Price> {
        self.settings.price.clone()
    }

    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        limits::check(texts)?;
        let work = async {
            let mut all = Embedded::default();
            for batch in batches(texts, self.settings.batch_texts, self.settings.batch_bytes) {
                let embedded = self.request(ctx, batch).await.map_err(|error| error.after(all.usage))?;
                all.vectors.extend(embedded.vectors);
                all.usage += embedded.usage;
            }
            Ok(all)
        };
        telemetry::embedding(self, self.dialect.vendor(), work).await
    }
}

impl fmt::Debug for HttpEmbedder {
    /// Without its address and its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEmbedder")
            .field("dialect", &self.dialect)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
