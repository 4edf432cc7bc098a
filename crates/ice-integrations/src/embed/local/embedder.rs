//! The embedder of a local model.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ice_core::embedding::{
    Dimension, EmbedContext, EmbedError, EmbedErrorKind, Embedded, Embedder, Embedding, limits,
};
use ice_core::llm::{Price, Usage};
use ice_core::telemetry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::config::{Shape, pooling_folder};
use super::error::LocalError;
use super::folder::Files;
use super::model::Model;
use super::text::{Cutter, Tokens};

/// So many tokens go through the model at once, with those that fill up: with twelve heads and texts of 512 tokens,
/// attention then takes 100 MB.
const BATCH_TOKENS: usize = 4_096;
/// So many texts go through it at once.
const BATCH_TEXTS: usize = 32;

/// How a local model is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    /// The name the embedder is registered under.
    pub name: String,
    /// The most bytes of `model.safetensors`, which takes twice as much memory while it is loaded.
    pub max_weights_bytes: u64,
    /// The most calls that are computed at once, at least one; others wait. One call uses all processors by itself.
    pub at_once: usize,
}

impl Default for LocalOptions {
    /// `local`, 2 GiB, one call.
    fn default() -> Self {
        Self { name: "local".to_owned(), max_weights_bytes: 2 << 30, at_once: 1 }
    }
}

/// A sentence model that runs in this process.
///
/// Vectors are what sentence-transformers gives for the same folder: the mean of the tokens' vectors, or that of `[CLS]`
/// where the folder says so, made one long. Of a text with more tokens than `max_seq_length` the beginning is read. Costs
/// nothing; its usage is the tokens that were read.
///
/// Its model is called by the name of the folder and a fingerprint of the files, so that vectors of two models are never
/// taken for vectors of one.
pub struct LocalEmbedder {
    name: String,
    model: Arc<str>,
    dimension: Dimension,
    pub(super) loaded: Arc<Loaded>,
    pub(super) turns: Arc<Semaphore>,
}

pub(super) struct Loaded {
    cutter: Cutter,
    model: Model,
    max_tokens: usize,
}

impl LocalEmbedder {
    /// Loads a model from its folder, on a thread for that; it takes as long as reading its files. Dropped, the work goes
    /// on to its end and is thrown away.
    ///
    /// # Errors
    /// [`LocalError`].
    pub async fn load(folder: impl Into<PathBuf>, options: LocalOptions) -> Result<Self, LocalError> {
        let folder = folder.into();
        tokio::task::spawn_blocking(move || Self::open(&folder, options))
            .await
            .map_err(|_| LocalError::Stopped)?
    }

    fn open(folder: &Path, options: LocalOptions) -> Result<Self, LocalError> {
        let files = Files::read(folder, options.max_weights_bytes, pooling_folder)?;
        let shape = Shape::read(&files.config, files.sentence.as_deref(), files.pooling.as_deref())?;
        let cutter = Cutter::read(&files.tokenizer, &shape)?;
        let called = folder.file_name().unwrap_or_default().to_string_lossy();
        let model = format!("{called}@{}", files.fingerprint()).into();
        let loaded =
            Loaded { cutter, model: Model::load(files.weights, &shape)?, max_tokens: shape.max_tokens };
        Ok(Self {
            name: options.name,
            model,
            dimension: shape.dimension,
            loaded: Arc::new(loaded),
            turns: Arc::new(Semaphore::new(options.at_once.clamp(1, Semaphore::MAX_PERMITS))),
        })
    }

    /// The longest text of which everything is read, in tokens.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.loaded.max_tokens
    }
}

impl Loaded {
    /// The vectors of texts, in their order, and the tokens that were read. Looks at `stop` between texts and batches.
    pub(super) fn embed(
        &self,
        texts: &[String],
        stop: &CancellationToken,
    ) -> Result<(Vec<Vec<f32>>, u64), EmbedError> {
        let failed = |_| {
            EmbedError::new(
                EmbedErrorKind::Malformed,
                "the local model cannot compute these texts: it is damaged",
            )
        };
        let look_up = || if stop.is_cancelled() { Err(EmbedError::cancelled()) } else { Ok(()) };
        let mut cut = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            look_up()?;
            let tokens = self.cutter.cut(text).map_err(failed)?;
            if tokens.ids.is_empty() {
                let message = format!("text {at} has nothing in it that the local model reads: leave it out");
                return Err(EmbedError::new(EmbedErrorKind::InvalidRequest, message));
            }
            cut.push((at, tokens));
        }
        let read = cut.iter().map(|(_, tokens)| tokens.ids.len() as u64).sum();
        // Texts of one length need no filling up.
        cut.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.ids.len()));
        let mut rows = Vec::with_capacity(cut.len());
        let mut rest = cut.as_slice();
        while let Some((_, longest)) = rest.first() {
            look_up()?;
            let most = (BATCH_TOKENS / longest.ids.len().max(1)).clamp(1, BATCH_TEXTS).min(rest.len());
            let Some((batch, after)) = rest.split_at_checked(most) else { break };
            rest = after;
            let tokens: Vec<&Tokens> = batch.iter().map(|(_, tokens)| tokens).collect();
            let vectors = self.model.embed(&tokens).map_err(|error| failed(error.to_string()))?;
            rows.extend(batch.iter().map(|(at, _)| *at).zip(vectors));
        }
        rows.sort_by_key(|(at, _)| *at);
        Ok((rows.into_iter().map(|(_, row)| row).collect(), read))
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> Dimension {
        self.dimension
    }

    fn price(&self) -> Option<Price> {
        Some(Price::FREE)
    }

    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        limits::check(texts)?;
        if texts.is_empty() {
            return Ok(Embedded::default());
        }
        telemetry::embedding(self, "local", self.compute(ctx, texts)).await
    }
}

impl LocalEmbedder {
    async fn compute(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        let turn = tokio::select! {
            biased;
            () = ctx.cancel.cancelled() => return Err(EmbedError::cancelled()),
            turn = Arc::clone(&self.turns).acquire_owned() => turn,
        };
        // A call that is dropped stops the work, too.
        let stop = ctx.cancel.child_token();
        let _stops = stop.clone().drop_guard();
        let (loaded, texts) = (Arc::clone(&self.loaded), texts.to_vec());
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            loaded.embed(&texts, &stop)
        });
        let (rows, read) = work.await.map_err(|_| {
            EmbedError::new(
                EmbedErrorKind::Malformed,
                "the local model stopped in the middle of its work: a defect",
            )
        })??;
        let usage = Usage { input: read, ..Usage::default() };
        let vectors = rows
            .into_iter()
            .map(|row| Embedding::new(Arc::clone(&self.model), self.dimension, row))
            .collect::<Result<_, _>>()
            .map_err(|invalid| EmbedError::from(invalid).after(usage))?;
        Ok(Embedded { vectors, usage })
    }
}

impl fmt::Debug for LocalEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEmbedder")
            .field("name", &self.name)
            .field("model", &self.model)
            .field("dimension", &self.dimension)
            .finish_non_exhaustive()
    }
}
