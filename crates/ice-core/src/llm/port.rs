//! The port: what every provider of language models does.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{LlmError, Price, Request, Response};
use crate::process::Grants;
use crate::value::BlobRef;

/// What a model can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelCapabilities {
    /// The largest conversation, in tokens.
    pub max_input_tokens: u64,
    /// The largest answer, in tokens.
    pub max_output_tokens: u64,
    /// Whether it can ask for tools.
    pub tools: bool,
    /// Whether it can follow a JSON Schema.
    pub json_schema: bool,
    /// Whether it reads images.
    pub vision: bool,
    /// What it costs; not known if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What a request will cost at worst, before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Tokens to be read.
    pub input_tokens: u64,
    /// The most tokens to be written.
    pub max_output_tokens: u64,
}

/// What a provider is given with each call.
#[derive(Clone, Debug, Default)]
pub struct LlmContext {
    /// Fires when the call must end.
    pub cancel: CancellationToken,
    /// The same for everything that is done for one attempt at a call, and after a crash.
    pub idempotency_key: String,
    /// Which attempt of who asks it is, from 1; 0 is taken as the first.
    pub attempt: u32,
    /// The most often the provider may ask for the answer, whatever the request says: who repeats the call itself says 1.
    pub attempts: Option<u32>,
    /// What the run may reach: a request that says itself where it goes needs a grant for that.
    pub grants: Arc<Grants>,
    /// Reads the blobs that messages name; nothing can be shown to a model without it.
    pub blobs: Option<Arc<dyn BlobSource>>,
}

/// The largest blob that a model is shown, in bytes: as much as the vendors take with one request.
pub const MAX_SHOWN_BYTES: u64 = 20 << 20;

/// Reads the bytes of blobs.
#[async_trait]
pub trait BlobSource: Send + Sync + fmt::Debug {
    /// The bytes of a blob.
    ///
    /// # Errors
    /// Why they cannot be had, for people.
    async fn read(&self, blob: &BlobRef) -> Result<Bytes, String>;
}

/// A piece of a streamed answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Chunk {
    /// More text.
    Text {
        /// The text.
        delta: String,
    },
    /// More readable reasoning.
    Reasoning {
        /// The text.
        delta: String,
    },
    /// The end: the whole answer, exactly once and last.
    Done {
        /// The answer; its text is all deltas joined.
        response: Response,
    },
}

/// A streamed answer: deltas, then [`Chunk::Done`] or an error.
pub type ChunkStream = Pin<Box<dyn Stream<Item = Result<Chunk, LlmError>> + Send>>;

/// A provider of language models.
#[async_trait]
pub trait LlmProvider: Send + Sync + fmt::Debug {
    /// The name blueprints use, for example `openai`.
    fn name(&self) -> &str;

    /// Whose models it has, as telemetry calls them; the name if it does not know better.
    fn vendor(&self) -> &str {
        self.name()
    }

    /// What a model can do; nothing if the model is unknown.
    fn capabilities(&self, model: &str) -> Option<ModelCapabilities>;

    /// The ids of the models it has; nothing if it takes any name.
    fn models(&self) -> Option<Vec<String>> {
        None
    }

    /// The most a request can cost, in tokens.
    fn estimate(&self, request: &Request) -> Estimate;

    /// Asks and waits for the whole answer. Ends soon after `ctx.cancel` fires. Tries again only where the request says how
    /// often it may ([`Request::attempts`]).
    ///
    /// # Errors
    /// [`LlmError`], with the tokens spent.
    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError>;

    /// Asks and streams the answer.
    ///
    /// # Errors
    /// [`LlmError`] if the call could not be started; later failures are items of the stream.
    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError>;
}
