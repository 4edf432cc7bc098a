//! How an engine is put together.

use std::sync::Arc;
use std::time::Duration;

use ice_core::llm::{PromptPolicy, RedactSecrets};
use ice_core::memory::SessionMemory;
use ice_core::process::{ProcessHost, WasmHost};
use ice_core::redact::{KnownSecrets, Redactor};
use ice_core::registry::Registry;
use ice_core::seal::KeyProvider;
use ice_core::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use ice_core::telemetry::MessageContent;
use ice_core::time::{Clock, IdSource, SystemClock, SystemIds};
use ice_core::tools::ToolLimits;
use ice_core::vault::SealedData;

use super::{Engine, MemorySource};
use crate::journal::Views;

/// Puts an [`Engine`] together. Everything has a default: stores in memory, an empty registry.
#[derive(Clone, Debug)]
pub struct EngineBuilder {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) keys: Option<Arc<dyn KeyProvider>>,
    pub(super) registry: Registry,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) tool_limits: ToolLimits,
    pub(super) ring: usize,
    pub(super) short_wait: Duration,
    pub(super) result_cache: u64,
    pub(super) processes: Option<Arc<dyn ProcessHost>>,
    pub(super) wasm: Option<Arc<dyn WasmHost>>,
    pub(super) policy: Arc<dyn PromptPolicy>,
    pub(super) memory: Option<Arc<dyn MemorySource>>,
    pub(super) sessions: Option<Arc<dyn SessionMemory>>,
    pub(super) content: MessageContent,
    pub(super) views: Option<Views>,
    pub(super) kept: Option<Redactor>,
    pub(super) known: KnownSecrets,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            blobs: Arc::new(MemoryBlobs::new()),
            keys: None,
            registry: Registry::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            name: "local".to_owned(),
            lease: Duration::from_secs(15),
            tool_limits: ToolLimits::default(),
            ring: 1_024,
            short_wait: Duration::from_secs(10),
            result_cache: 64 << 20,
            processes: None,
            wasm: None,
            policy: Arc::new(RedactSecrets::default()),
            memory: None,
            sessions: None,
            content: MessageContent::default(),
            views: None,
            kept: None,
            known: KnownSecrets::default(),
        }
    }
}

impl EngineBuilder {
    /// The store and, beside it, the blob store.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>) -> Self {
        (self.store, self.blobs) = (store, blobs);
        self
    }

    /// A store and blobs that are sealed, for example by [`sealed_under`](crate::journal::sealed_under): a run that is removed loses
    /// its key, so that nobody can read what is left of it.
    #[must_use]
    pub fn sealed(self, data: &SealedData) -> Self {
        self.store(data.store(), data.blobs()).keys(data.keys())
    }

    /// Who keeps the keys of runs, if the store seals what each has under one of its own: a run that is removed loses it.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeyProvider>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The tools, providers and blueprints that runs taken up again are compiled with.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// The clock and the source of ids.
    #[must_use]
    pub fn time(mut self, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        (self.clock, self.ids) = (clock, ids);
        self
    }

    /// The engine's name, under which it owns runs; `local` by default. Two engines that live at the same
    /// time on one store need two names; an engine that starts anew under its old name owns its runs at once.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long the engine's ownership lasts without a sign of life; 15 s by default, at least 1 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// The bounds of tools.
    #[must_use]
    pub const fn tool_limits(mut self, limits: ToolLimits) -> Self {
        self.tool_limits = limits;
        self
    }

    /// Who runs programs: tools that are commands, tools in a process of their own, code. Without one, what needs it
    /// fails.
    #[must_use]
    pub fn processes(mut self, host: Arc<dyn ProcessHost>) -> Self {
        self.processes = Some(host);
        self
    }

    /// Who runs WebAssembly. Without one, code nodes with `engine: wasm` fail.
    #[must_use]
    pub fn wasm(mut self, host: Arc<dyn WasmHost>) -> Self {
        self.wasm = Some(host);
        self
    }

    /// Who looks at every request to a model and every call of a tool before it is recorded and made; by default secrets are
    /// [redacted](RedactSecrets) from requests. Engines that take up or replay the runs of this one need the same.
    #[must_use]
    pub fn prompt_policy(mut self, policy: Arc<dyn PromptPolicy>) -> Self {
        self.policy = policy;
        self
    }

    /// How the memories of tenants are made, for example by a [`UnifiedMemoryConfig`](ice_core::memory::UnifiedMemoryConfig);
    /// by default they are kept in the engine's own stores, and are as durable as these.
    #[must_use]
    pub fn memory(mut self, source: Arc<dyn MemorySource>) -> Self {
        self.memory = Some(source);
        self
    }

    /// Who else remembers what is said in sessions, for nodes that are aware of it; by default the memory of the tenant does.
    #[must_use]
    pub fn sessions(mut self, sessions: Arc<dyn SessionMemory>) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Whether spans hold what is said: prompts and answers, arguments and results of tools, as the
    /// [policy](Self::prompt_policy) lets models see them and bounded in size. By default they do not.
    #[must_use]
    pub const fn message_content(mut self, content: MessageContent) -> Self {
        self.content = content;
        self
    }

    /// How runs are seen: events, documents, lists, failures, and what they are asked and say live. Journals stay exact. By default
    /// [secrets](ice_core::redact::Preset::Secrets) are masked, also those that are [known](Self::known_secrets).
    #[must_use]
    pub fn views(mut self, views: Views) -> Self {
        self.views = Some(views);
        self
    }

    /// What is written to memory goes through this redactor before, whoever makes the memory of tenants of the options that
    /// [`MemorySource`] is given; by default secrets are masked.
    #[must_use]
    pub fn memory_redactor(mut self, redactor: Redactor) -> Self {
        self.kept = Some(redactor);
        self
    }

    /// Texts that are known to be secret, also those that are added later. Results of tools, answers of models, outputs of
    /// programs and failures that hold one are recorded without it; inputs, answers of people and blueprints that hold one are
    /// refused.
    #[must_use]
    pub fn known_secrets(mut self, known: &KnownSecrets) -> Self {
        self.known = known.clone();
        self
    }

    /// How many transient events of a run are kept for readers; 1,024 by default.
    #[must_use]
    pub const fn transient_events(mut self, kept: usize) -> Self {
        self.ring = kept;
        self
    }

    /// How long a run that waits for a time stays in memory at most; 10 s by default. A run that waits for longer, or for
    /// somebody's answer, leaves it, and is read from its journal again when something comes for it.
    #[must_use]
    pub const fn short_wait(mut self, span: Duration) -> Self {
        self.short_wait = span;
        self
    }

    /// How many bytes of results of pure tools are kept in memory, so that the same input need not be gone through again;
    /// 64 MiB by default, 0 keeps none. The least recently used ones give way.
    #[must_use]
    pub const fn result_cache(mut self, bytes: u64) -> Self {
        self.result_cache = bytes;
        self
    }

    /// The engine. Opens nothing and starts nothing yet.
    #[must_use]
    pub fn build(self) -> Engine {
        Engine::new(self)
    }
}
