//! From a module to a program that can be started: compiled, with its imports looked up.

use wasmtime::component::{self, Component};
use wasmtime::{Config, Engine, InstancePre, Linker, OptLevel};
use wasmtime_wasi::p2::bindings::CommandPre;

use super::error::Error;
use super::guest::State;
use super::inspect::{Form, inspect};
use super::kept::Kept;
use super::module::Module;
use super::settings::{AddressSpace, Settings};
use super::system;

/// A program that can be started any number of times.
pub(super) struct Program {
    pub(super) entry: Entry,
    /// The size of its machine code and data.
    pub(super) bytes: usize,
}

/// How a program is started.
pub(super) enum Entry {
    /// By `_start` of a core module.
    Core(InstancePre<State>),
    /// By `run` of a component.
    Component(CommandPre<State>),
}

/// Why a module is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) hint: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Compiles modules, and knows what they may import.
pub(super) struct Compiler {
    engine: Engine,
    core: Linker<State>,
    component: component::Linker<State>,
    kept: Option<Kept>,
    settings: Settings,
}

/// The stack of the host's part of a call, below that of the module.
const HOST_STACK: usize = 1 << 20;
/// Room to grow in place where address space is scarce.
const SPARING_GROWTH: u64 = 16 << 20;

impl Compiler {
    /// A compiler with an engine of its own.
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let failed = |error: wasmtime::Error| Error::Engine(error.into());
        let engine = Engine::new(&configuration(settings)).map_err(failed)?;
        let (mut core, mut component) = (Linker::new(&engine), component::Linker::new(&engine));
        wasmtime_wasi::p1::add_to_linker_async(&mut core, |state: &mut State| &mut state.wasi)
            .map_err(failed)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut component).map_err(failed)?;
        let kept = settings.compiled.as_deref().map(|folder| Kept::new(folder, settings.cached_bytes));
        Ok(Self { engine, core, component, kept, settings: settings.clone() })
    }

    /// The engine that programs run in.
    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Compiles a module. Takes up to a few seconds, for interpreters half a minute, and cannot be interrupted.
    pub(super) fn compile(&self, module: &Module) -> Result<Program, Refusal> {
        let kept = self.kept.as_ref().filter(|_| module.is_pinned());
        if let Some(module) = kept.and_then(|kept| kept.load(&self.engine, module.key())) {
            return self.command(&module);
        }
        let (form, binary) = inspect(module, &self.settings)?;
        match form {
            Form::Core => {
                let compiled = wasmtime::Module::from_binary(&self.engine, &binary).map_err(invalid)?;
                if let Some(kept) = kept {
                    kept.save(&self.engine, module.key(), &compiled);
                }
                self.command(&compiled)
            }
            Form::Component => self.component(&binary),
        }
    }

    fn command(&self, module: &wasmtime::Module) -> Result<Program, Refusal> {
        let start = module.get_export("_start");
        let start = start.as_ref().and_then(wasmtime::ExternType::func);
        if !start.is_some_and(|start| start.params().len() == 0 && start.results().len() == 0) {
            return Err(Refusal::new(
                "it exports no function `_start` without parameters and results",
                "build it as a command of WASI, not as a library (\"reactor\")",
            ));
        }
        let pre = self.core.instantiate_pre(module).map_err(missing)?;
        Ok(Program { entry: Entry::Core(pre), bytes: length(&module.image_range()) })
    }

    fn component(&self, binary: &[u8]) -> Result<Program, Refusal> {
        let component = Component::from_binary(&self.engine, binary).map_err(invalid)?;
        let pre = self.component.instantiate_pre(&component).map_err(missing)?;
        let pre = CommandPre::new(pre).map_err(|error| {
            Refusal::new(
                format!("it is no command: {}", line(&error)),
                "build it for the world `wasi:cli/command` of WASI 0.2",
            )
        })?;
        Ok(Program { entry: Entry::Component(pre), bytes: length(&component.image_range()) })
    }
}

fn configuration(settings: &Settings) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(settings.stack_bytes)
        .async_stack_size(settings.stack_bytes.saturating_add(HOST_STACK))
        // Modules come from compilers that have optimised them: doing so again took a third more time and gained none.
        .cranelift_opt_level(OptLevel::None)
        .wasm_memory64(false)
        // What a module cannot see of the machine it cannot depend on.
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true);
    let sparing = match settings.address_space {
        AddressSpace::Ample => false,
        AddressSpace::Sparing => true,
        AddressSpace::Fitting => system::address_space_is_bounded(),
    };
    if sparing {
        config
            .memory_reservation(0)
            .memory_reservation_for_growth(SPARING_GROWTH)
            .memory_guard_size(1 << 16)
            .guard_before_linear_memory(false);
    }
    config
}

fn length(range: &std::ops::Range<*const u8>) -> usize {
    (range.end as usize).saturating_sub(range.start as usize)
}

fn invalid(error: wasmtime::Error) -> Refusal {
    Refusal::new(
        format!("it is no valid WebAssembly: {}", line(&error)),
        "build it again; it may be cut short, or use a feature that is not enabled",
    )
}

fn missing(error: wasmtime::Error) -> Refusal {
    Refusal::new(
        format!("what it imports is not there: {}", line(&error)),
        "build it for WASI, preview 1 or 2 (0.2): there is nothing else to import",
    )
}

/// An error and its causes, bounded: names in it are the module's.
fn line(error: &wasmtime::Error) -> String {
    const LONGEST: usize = 500;
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    text.chars().take(LONGEST).collect()
}
