//! The provider of a local model.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use candle_transformers::models::quantized_llama::MAX_SEQ_LEN;
use futures::StreamExt;
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Price,
    Request, Response, tokens,
};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::chat::NO_TOOLS;
use super::error::LocalModelError;
use super::loaded::Loaded;
use super::loading::Loading;
use super::settings::LocalSettings;
use super::writer::{Writer, cancelled};

/// Pieces that may be ahead of who reads them.
const AHEAD: usize = 64;
/// What a template adds to a conversation at most, in tokens: well-known ones have an instruction of their own.
const AROUND: u64 = 128;

/// A language model that runs in this process. Its file is read when it is first asked, and stays in memory.
///
/// - A conversation with its answer has as many tokens as the model was made for, 4,096 at most.
/// - `temperature` (0.8 if absent), `top_p`, `seed`, `max_tokens` and `stop` do what they say. At a temperature of 0 the
///   same request has the same answer; otherwise a seed, or without one the key of the call, decides.
/// - It costs nothing. Its usage is the tokens that it read and wrote, the one that ends the answer included.
/// - It calls no tools and sees no pictures; requests with some are refused. A schema is asked for in words.
/// - What a message says cannot steer it: words that would are broken up.
pub struct LocalModel {
    name: String,
    settings: LocalSettings,
    loading: Loading,
    pub(super) turns: Arc<Semaphore>,
}

impl LocalModel {
    /// The model of a file, under a name, which is the one that blueprints use. Reads nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, settings: LocalSettings) -> Self {
        let path = settings.path.clone();
        let loading = Loading::new(path.clone(), move || Loaded::load(&path));
        Self::loaded_by(loading, name, settings)
    }

    pub(super) fn loaded_by(loading: Loading, name: impl Into<String>, settings: LocalSettings) -> Self {
        let turns = usize::try_from(settings.at_once.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { name: name.into(), settings, loading, turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &LocalSettings {
        &self.settings
    }

    /// Loads the model unless it is loaded, on a thread for that, and says what it is called. Cancel-safe: dropped, the work
    /// goes on, and who asks next waits for it.
    ///
    /// # Errors
    /// [`LocalModelError`], told to all who wait; the next call tries anew.
    pub async fn load(&self) -> Result<&str, LocalModelError> {
        Ok(self.loading.wait().await?.called.as_str())
    }

    fn context(&self) -> u64 {
        self.loading.get().map_or(MAX_SEQ_LEN, |loaded| loaded.context) as u64
    }

    fn refused(&self, why: &str) -> LlmError {
        LlmError::new(LlmErrorKind::InvalidRequest, format!("`{}` {why}", self.name))
    }
}

impl fmt::Debug for LocalModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalModel")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// An answer on its way from its thread. Dropped, the thread stops.
struct Coming {
    pieces: mpsc::Receiver<Result<Chunk, LlmError>>,
    ended: bool,
    _stops: DropGuard,
}

impl Coming {
    async fn next(&mut self) -> Option<Result<Chunk, LlmError>> {
        if self.ended {
            return None;
        }
        let next = self.pieces.recv().await.unwrap_or_else(|| {
            let text = "the local model stopped in the middle of its work: a defect, or a damaged file";
            Err(LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) })
        });
        self.ended = matches!(next, Ok(Chunk::Done { .. }) | Err(_));
        Some(next)
    }
}

/// Writes an answer on a thread that may block.
fn write(
    name: &str,
    loaded: &Loaded,
    ctx: &LlmContext,
    request: &Request,
    stop: &CancellationToken,
    pieces: &mpsc::Sender<Result<Chunk, LlmError>>,
) {
    let handle = Handle::current();
    // Who has stopped to listen may still hold the other end.
    let send = |piece| {
        handle.block_on(async {
            tokio::select! {
                biased;
                () = stop.cancelled() => false,
                sent = pieces.send(piece) => sent.is_ok(),
            }
        })
    };
    let mut tell = |chunk| send(Ok(chunk));
    let stopped = || stop.is_cancelled();
    let end = Writer::new(name, loaded, &mut tell, &stopped).write(ctx, request);
    let end = end.map(|response| Chunk::Done { response });
    // What was spent is told also to who has cancelled.
    if end.is_err() {
        drop(pieces.try_send(end));
    } else {
        send(end);
    }
}

#[async_trait]
impl LlmProvider for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    /// The same for every name. Until the model is loaded, the longest conversation is what it can be at most.
    fn capabilities(&self, _model: &str) -> Option<ModelCapabilities> {
        Some(ModelCapabilities {
            max_input_tokens: self.context(),
            max_output_tokens: self.context(),
            tools: false,
            json_schema: false,
            vision: false,
            price: Some(Price::FREE),
        })
    }

    fn models(&self) -> Option<Vec<String>> {
        self.settings.models.clone()
    }

    /// Twice the usual estimate of what is read, and all that may be written.
    fn estimate(&self, request: &Request) -> Estimate {
        let read = tokens::estimate_input(request).saturating_mul(2).saturating_add(AROUND);
        Estimate {
            input_tokens: read.min(self.context()),
            max_output_tokens: request.max_tokens.unwrap_or(u64::MAX).min(self.context()),
        }
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let mut chunks = self.stream(ctx, request).await?;
        while let Some(chunk) = chunks.next().await {
            if let Chunk::Done { response } = chunk? {
                return Ok(response);
            }
        }
        Err(LlmError::new(LlmErrorKind::Truncated, "the answer broke off before its end"))
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        if request.base_url.is_some() {
            return Err(self.refused("runs in this process: `base_url` names a server, leave it out"));
        }
        if !request.tools.is_empty() {
            return Err(self.refused(NO_TOOLS));
        }
        let prepared = async {
            let loaded = self.loading.wait().await.map_err(|error| {
                let error = self.refused(&format!("has no model: {error}"));
                LlmError { another_model_helps: true, ..error }
            })?;
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            Ok((Arc::clone(loaded), turn))
        };
        let (loaded, turn) = tokio::select! {
            biased;
            () = ctx.cancel.cancelled() => return Err(cancelled()),
            prepared = prepared => prepared?,
        };
        let stop = ctx.cancel.child_token();
        let (sender, pieces) = mpsc::channel(AHEAD);
        let coming = Coming { pieces, ended: false, _stops: stop.clone().drop_guard() };
        let (name, ctx) = (self.name.clone(), ctx.clone());
        // It ends with the stream: its owner is the guard above.
        drop(tokio::task::spawn_blocking(move || {
            let _turn = turn;
            write(&name, &loaded, &ctx, &request, &stop, &sender);
        }));
        let next = |mut coming: Coming| async move { coming.next().await.map(|chunk| (chunk, coming)) };
        Ok(futures::stream::unfold(coming, next).boxed())
    }
}
