//! The engine: compiles, keeps and runs modules.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use ice_core::process::{Home, Limits, Report, Verdict};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::cache::{Cache, Compiled};
use super::compile::{Compiler, Program, Refusal};
use super::error::Error;
use super::guest::{self, Outcome, Request, microseconds};
use super::module::{Key, Module};
use super::settings::Settings;
use super::stop::{End, Stop, StopOnDrop};
use super::system;
use super::ticker::Ticker;

/// The protections every module runs in.
pub const LAYERS: &[&str] = &["fuel", "epoch", "memory_limit", "no_files", "no_environment", "no_network"];

/// Compiles, keeps and runs modules. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct WasmEngine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    compiler: Compiler,
    pub(super) cache: Cache,
    ticker: Ticker,
    settings: Settings,
    compiling: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl WasmEngine {
    /// An engine. It has one thread, which sleeps while nothing runs and ends with the last clone and run.
    ///
    /// # Errors
    /// If this machine cannot compile WebAssembly, or start a thread.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let compiler = Compiler::new(&settings)?;
        let engine = compiler.engine().clone();
        let ticker = Ticker::start(move || engine.increment_epoch()).map_err(Error::Clock)?;
        let permits = |number: usize| Arc::new(Semaphore::new(number.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self(Arc::new(Inner {
            compiler,
            cache: Cache::new(settings.cached_modules, settings.cached_bytes),
            ticker,
            compiling: permits(settings.compiling),
            running: permits(settings.running),
            settings,
        })))
    }

    /// Runs a module to its end: gives it `input` on standard input, and what it wrote to standard output back, as far
    /// as it came. `arguments` do not count the name of the program. What `limits` leave open is bounded: a minute on
    /// the clock, 30 seconds of CPU time, 256 MiB of memory, 16 MiB for each output. The time for compiling is counted
    /// as setup and not against them; it is bounded by the engine's settings.
    ///
    /// It runs on a thread for blocking work of the current tokio runtime. When this returns, the module has ended.
    /// Dropping the future ends it, too, within a few milliseconds; a module that is being compiled is compiled to the
    /// end and kept.
    pub async fn run(
        &self,
        module: &Module,
        arguments: &[String],
        input: Bytes,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> (Bytes, Report) {
        let begun = system::now();
        let request = Request { arguments: arguments.to_vec(), input, bounds: Bounds::of(limits) };
        let stop = Arc::<Stop>::default();
        let _end_with_this_future = StopOnDrop(Arc::clone(&stop));
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Verdict::Cancelled),
            started = self.start(module, request, &stop) => started,
        };
        let mut task = match result {
            Ok(task) => task,
            Err(verdict) => return nothing_ran(verdict, begun),
        };
        let ended = tokio::select! {
            biased;
            ended = &mut task => ended,
            () = cancel.cancelled() => {
                stop.tell(End::Cancelled);
                // What has not begun yet need not; what has is not touched by this.
                task.abort();
                task.await
            }
        };
        match ended {
            Ok(outcome) => done(outcome, begun),
            Err(error) if error.is_cancelled() => nothing_ran(Verdict::Cancelled, begun),
            Err(_) => nothing_ran(Verdict::Lost, begun),
        }
    }

    /// Compiles a module if it is not there yet, so that its first run need not.
    ///
    /// # Errors
    /// With the verdict that a run would end with.
    pub async fn prepare(&self, module: &Module) -> Result<(), Verdict> {
        self.program(module).await.map(drop)
    }

    /// How many modules run now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.ticker.count()
    }

    /// How many compiled modules are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.0.cache.len()
    }

    /// What this engine is set to.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Starts a module on a thread of its own, once it is compiled and there is room for it.
    async fn start(
        &self,
        module: &Module,
        request: Request,
        stop: &Arc<Stop>,
    ) -> Result<tokio::task::JoinHandle<Outcome>, Verdict> {
        let program = self.program(module).await?;
        let room = Arc::clone(&self.0.running).acquire_owned().await;
        let room = room.map_err(|_| refused("thread", &closed()))?;
        let (inner, stop) = (Arc::clone(&self.0), Arc::clone(stop));
        Ok(tokio::task::spawn_blocking(move || {
            let _room = room;
            let running = inner.ticker.running();
            let outcome = guest::run(inner.compiler.engine(), &program, request, &stop);
            drop(running);
            outcome
        }))
    }

    /// The compiled module.
    async fn program(&self, module: &Module) -> Result<Arc<Program>, Verdict> {
        let waiting = self.find(module);
        match tokio::time::timeout(self.0.settings.compile, waiting).await {
            Ok(compiled) => compiled.map_err(|refusal| refused("module", &refusal)),
            Err(_) => {
                let what =
                    format!("it was not compiled within {} seconds", self.0.settings.compile.as_secs());
                Err(refused("module", &Refusal::new(what, "make it smaller, or try again when less is done")))
            }
        }
    }

    async fn find(&self, module: &Module) -> Compiled {
        let key = match module.known_key() {
            Some(key) => key,
            None => {
                let module = module.clone();
                let hashing = tokio::task::spawn_blocking(move || module.key());
                hashing.await.map_err(|error| lost(&error))?
            }
        };
        if let Some(program) = self.0.cache.get(key) {
            return Ok(program);
        }
        let place = self.0.cache.place(key);
        place.cell().get_or_init(|| self.compile(key, module)).await.clone()
    }

    async fn compile(&self, key: Key, module: &Module) -> Compiled {
        let room = Arc::clone(&self.0.compiling).acquire_owned().await.map_err(|_| closed())?;
        // It may have been compiled by one who left while others waited.
        if let Some(program) = self.0.cache.get(key) {
            return Ok(program);
        }
        let (inner, module) = (Arc::clone(&self.0), module.clone());
        let compiling = tokio::task::spawn_blocking(move || {
            let _room = room;
            let program = Arc::new(inner.compiler.compile(&module)?);
            inner.cache.put(key, &program);
            Ok(program)
        });
        compiling.await.map_err(|error| lost(&error))?
    }
}

impl fmt::Debug for WasmEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmEngine")
            .field("settings", &self.0.settings)
            .field("cached", &self.cached())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

fn lost(error: &tokio::task::JoinError) -> Refusal {
    Refusal::new(
        format!("its thread ended before it did: {error}"),
        "this is an error of ice, or the program is shutting down",
    )
}

fn closed() -> Refusal {
    Refusal::new("the engine is closed", "start it again")
}

fn refused(stage: &str, refusal: &Refusal) -> Verdict {
    Verdict::SetupFailed {
        stage: stage.to_owned(),
        what: refusal.what.clone(),
        hint: Some(refusal.hint.clone()),
    }
}

/// The report of a run that ended before anything ran.
fn nothing_ran(verdict: Verdict, begun: Instant) -> (Bytes, Report) {
    let mut report = Report::new(Home::Wasm, verdict);
    report.usage.wall_us = microseconds(begun.elapsed());
    report.usage.setup_us = report.usage.wall_us;
    (Bytes::new(), report)
}

/// The report of a run, with the time for what came before it.
fn done(outcome: Outcome, begun: Instant) -> (Bytes, Report) {
    let mut report = Report::new(Home::Wasm, outcome.verdict);
    report.usage = outcome.usage;
    report.usage.setup_us = microseconds(outcome.ready.saturating_duration_since(begun));
    report.usage.wall_us = microseconds(begun.elapsed());
    report.memory_source = "linear_memory".to_owned();
    report.stderr = outcome.stderr;
    report.layers = LAYERS.iter().map(ToString::to_string).collect();
    (outcome.stdout, report)
}
