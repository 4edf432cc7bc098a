//! One server of models behind the port: every call is one request to it. What holds for all vendors is around it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use genai::chat::{ChatStream, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, Headers, ModelIden, ServiceTarget};
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, Message,
    ModelCapabilities, Request, Response, Usage, tokens,
};
use secrecy::{ExposeSecret, SecretString};

use super::answer::answer;
use super::failure::failure;
use super::names::Names;
use super::place::{Place, guarded};
use super::prices::{ModelEntry, PriceTable};
use super::question::{Question, question};
use super::settings::{ProviderSettings, seconds};
use super::watcher::Watcher;
use crate::secrets::SecretSource;

/// What a model is taken to write at most if nothing says how much.
const MAX_OUTPUT_TOKENS: u64 = 16_384;

/// A server of models.
pub struct Vendor {
    name: String,
    settings: ProviderSettings,
    client: OnceLock<Client>,
    secrets: Arc<dyn SecretSource>,
    prices: Arc<PriceTable>,
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Vendor {
    /// A server under a name, which is the one that blueprints use. Connects to nothing; its key is asked for with every call.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        settings: ProviderSettings,
        secrets: Arc<dyn SecretSource>,
        prices: Arc<PriceTable>,
    ) -> Self {
        Self { name: name.into(), settings, client: OnceLock::new(), secrets, prices }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Whether there is a key for it, or none is needed.
    ///
    /// # Errors
    /// [`LlmErrorKind::Auth`] with where it was looked for.
    pub fn check_key(&self) -> Result<(), LlmError> {
        self.key().map(drop)
    }

    /// The client, made when it is first needed: the certificates of the system take a while to read.
    fn client(&self) -> Result<&Client, LlmError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let connections = connections(seconds(self.settings.limits.connect_seconds)).build();
        let connections = connections.map_err(|error| {
            let text = format!("the connections to `{}` cannot be set up: {error}", self.name);
            LlmError::new(LlmErrorKind::InvalidRequest, text)
        })?;
        let client = Client::builder().with_reqwest(connections).build();
        let client = client.map_err(|error| failure(&self.name, &error))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The models that the server says it has, sorted. Asks it.
    ///
    /// # Errors
    /// [`LlmError`] if it cannot be reached or refuses.
    pub async fn served(&self, ctx: &LlmContext) -> Result<Vec<String>, LlmError> {
        let auth = match self.key()? {
            Some(key) => AuthData::from_single(key.expose_secret()),
            None => AuthData::None,
        };
        let endpoint = Endpoint::from_owned(self.settings.address());
        let asked = self.client()?.all_model_names(self.settings.protocol.adapter(), (endpoint, auth));
        let listed = tokio::select! {
            listed = tokio::time::timeout(seconds(self.settings.limits.connect_seconds) * 3, asked) => listed,
            () = ctx.cancel.cancelled() => return Err(cancelled()),
        };
        let mut models = match listed {
            Ok(Ok(models)) => models,
            Ok(Err(error)) => return Err(without(self.key()?.as_ref(), failure(&self.name, &error))),
            Err(_) => {
                let text = format!("`{}` did not answer in time", self.name);
                return Err(LlmError::new(LlmErrorKind::Transient { retry_after: None }, text));
            }
        };
        models.sort_unstable();
        Ok(models)
    }

    /// What is known of a model: under the name of the provider, or of the vendor whose own server it is.
    fn entry(&self, model: &str) -> Option<&ModelEntry> {
        let own = self.settings.base_url.is_none().then(|| self.settings.protocol.vendor());
        let named = self.prices.lookup(&self.name, model);
        named.or_else(|| self.prices.lookup(own?, model))
    }

    fn key(&self) -> Result<Option<SecretString>, LlmError> {
        let Some(reference) = &self.settings.api_key else { return Ok(None) };
        self.secrets.secret(reference).map(Some).map_err(|error| {
            let text = format!("there is no key for `{}`: {error}", self.name);
            LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Auth, text) }
        })
    }

    /// Where a request goes, and with which key.
    fn target(&self, address: &str, model: &str, key: Option<&SecretString>) -> ServiceTarget {
        let protocol = self.settings.protocol;
        let auth = match key {
            Some(key) if protocol == super::Protocol::Ollama => AuthData::RequestOverride {
                url: format!("{address}{}", protocol.path(model)),
                headers: Headers::from((
                    "Authorization".to_owned(),
                    format!("Bearer {}", key.expose_secret()),
                )),
            },
            Some(key) => AuthData::from_single(key.expose_secret()),
            None => AuthData::RequestOverride {
                url: format!("{address}{}", protocol.path(model)),
                headers: Headers::default(),
            },
        };
        ServiceTarget {
            endpoint: Endpoint::from_owned(address.to_owned()),
            auth,
            model: ModelIden::new(protocol.adapter(), model),
        }
    }

    async fn open(&self, ctx: &LlmContext, request: &Request) -> Result<Flow, LlmError> {
        let protocol = self.settings.protocol;
        let entry = self.entry(&request.model);
        let takes_temperature = entry.is_none_or(|entry| entry.temperature);
        let blobs = ctx.blobs.as_deref();
        let Question { chat, mut options, names } =
            question(protocol, &self.name, request, takes_temperature, blobs).await?;
        let watcher = Arc::new(Watcher::new(protocol));
        options.raw_frame_sink = Some(Arc::clone(&watcher) as _);
        let mut key = None;
        let (client, target) = match &request.base_url {
            None => {
                key = self.key()?;
                (self.client()?.clone(), self.target(&self.settings.address(), &request.model, key.as_ref()))
            }
            Some(url) => {
                let Place { address, connections } =
                    guarded(url, &ctx.grants, seconds(self.settings.limits.connect_seconds)).await?;
                let client = Client::builder().with_reqwest(connections).build();
                let client = client.map_err(|error| failure(&self.name, &error))?;
                (client, self.target(&address, &request.model, None))
            }
        };
        let opened = client.exec_chat_stream(target, chat, Some(&options)).await;
        let stream = opened.map_err(|error| without(key.as_ref(), failure(&self.name, &error)))?.stream;
        let (name, model) = (self.name.clone(), request.model.clone());
        let input = tokens::estimate_input(request);
        Ok(Flow {
            name,
            model,
            names,
            key,
            input,
            written: 0,
            stream: Some(stream),
            watcher,
            cancel: ctx.cancel.clone(),
        })
    }
}

/// Connections as every vendor gets them: no redirects, which would take keys along to other hosts.
pub(super) fn connections(connect: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(64)
        .user_agent(concat!("ice/", env!("CARGO_PKG_VERSION")))
}

fn cancelled() -> LlmError {
    LlmError::new(LlmErrorKind::Cancelled, "the call was cancelled")
}

/// A stream under way.
struct Flow {
    name: String,
    model: String,
    /// What tools are called here and there.
    names: Names,
    /// What must not be told.
    key: Option<SecretString>,
    /// The tokens that the request was estimated to have.
    input: u64,
    /// The bytes of text so far.
    written: u64,
    /// Nothing once it has ended: to drop it closes the connection.
    stream: Option<ChatStream>,
    watcher: Arc<Watcher>,
    cancel: tokio_util::sync::CancellationToken,
}

impl Flow {
    async fn next(&mut self) -> Option<Result<Chunk, LlmError>> {
        loop {
            let stream = self.stream.as_mut()?;
            if self.watcher.is_too_long() {
                let text = format!("`{}` sent more than an answer may have", self.name);
                return Some(Err(self.fail(LlmError::new(LlmErrorKind::Truncated, text))));
            }
            let event = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Some(Err(self.fail(cancelled()))),
                event = stream.next() => event,
            };
            if self.watcher.is_broken() && matches!(event, Some(Ok(_))) {
                // What follows a hole is none of the answer.
                let text = format!("`{}` sent what is no part of an answer", self.name);
                let error = LlmError::new(LlmErrorKind::Truncated, text);
                return Some(Err(self.fail(LlmError { another_model_helps: true, ..error })));
            }
            match event {
                Some(Ok(ChatStreamEvent::Chunk(chunk))) => {
                    self.written += chunk.content.len() as u64;
                    return Some(Ok(Chunk::Text { delta: chunk.content }));
                }
                Some(Ok(ChatStreamEvent::ReasoningChunk(chunk))) => {
                    self.written += chunk.content.len() as u64;
                    return Some(Ok(Chunk::Reasoning { delta: chunk.content }));
                }
                Some(Ok(
                    ChatStreamEvent::Start
                    | ChatStreamEvent::ThoughtSignatureChunk(_)
                    | ChatStreamEvent::ToolCallChunk(_)
                    | ChatStreamEvent::Heartbeat,
                )) => {}
                Some(Ok(ChatStreamEvent::End(end))) => {
                    self.stream = None;
                    let input = self.input;
                    let estimate = |message: &Message| Usage {
                        input,
                        output: message.parts.iter().map(tokens::estimate_part).sum(),
                        estimated: true,
                        ..Usage::default()
                    };
                    let whose = (self.name.as_str(), self.model.as_str());
                    let answer = answer(whose, end, self.watcher.seen(), &self.names, estimate);
                    let answer = answer.map_err(|error| without(self.key.as_ref(), error));
                    return Some(answer.map(|response| Chunk::Done { response }));
                }
                Some(Err(error)) => {
                    let error = failure(&self.name, &error);
                    return Some(Err(self.fail(error)));
                }
                None => {
                    let text = format!("`{}` broke off in the middle of the answer", self.name);
                    let error = LlmError::new(LlmErrorKind::Truncated, text);
                    return Some(Err(self.fail(LlmError { another_model_helps: true, ..error })));
                }
            }
        }
    }

    /// Ends the stream, and says what was spent as far as is known.
    fn fail(&mut self, error: LlmError) -> LlmError {
        self.stream = None;
        let seen = self.watcher.seen();
        let heard = Usage {
            input: self.input,
            output: self.written.div_ceil(4),
            estimated: true,
            ..Usage::default()
        };
        let usage = match seen.usage {
            // Some tell of what was written at the end alone.
            Some(told) if told.output == 0 && self.written > 0 => {
                Some(Usage { output: heard.output, estimated: true, ..told })
            }
            Some(told) => Some(told),
            None => (self.written > 0).then_some(heard),
        };
        let usage = usage.unwrap_or(error.usage);
        without(self.key.as_ref(), LlmError { usage, ..error })
    }
}

/// The error without the key, which a server may repeat in what it says.
fn without(key: Option<&SecretString>, mut error: LlmError) -> LlmError {
    let key = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
    if let Some(key) = key.filter(|key| error.message.contains(*key)) {
        error.message = error.message.replace(key, "[key]");
    }
    error
}

#[async_trait]
impl LlmProvider for Vendor {
    fn name(&self) -> &str {
        &self.name
    }

    fn vendor(&self) -> &str {
        // Elsewhere others may speak its protocol.
        if self.settings.base_url.is_none() { self.settings.protocol.vendor() } else { &self.name }
    }

    fn capabilities(&self, model: &str) -> Option<ModelCapabilities> {
        self.entry(model).map(ModelEntry::capabilities)
    }

    fn models(&self) -> Option<Vec<String>> {
        self.settings.models.clone()
    }

    /// What can be told without the vendor's own way of counting: twice the usual estimate of what is read, and all that the
    /// request lets be written, else all that the model can write, else 16,384 tokens.
    fn estimate(&self, request: &Request) -> Estimate {
        let known = || self.entry(&request.model).map(|entry| entry.max_output);
        Estimate {
            input_tokens: tokens::estimate_input(request).saturating_mul(2),
            max_output_tokens: request.max_tokens.or_else(known).unwrap_or(MAX_OUTPUT_TOKENS),
        }
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let mut flow = self.open(ctx, &request).await?;
        while let Some(chunk) = flow.next().await {
            if let Chunk::Done { response } = chunk? {
                return Ok(response);
            }
        }
        Err(LlmError::new(LlmErrorKind::Truncated, "the answer broke off before its end"))
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let flow = self.open(ctx, &request).await?;
        let next = |mut flow: Flow| async move { flow.next().await.map(|chunk| (chunk, flow)) };
        Ok(futures::stream::unfold(flow, next).boxed())
    }
}
