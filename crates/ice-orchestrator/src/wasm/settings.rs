//! What an engine is set to, for all that it runs.

use std::path::PathBuf;
use std::time::Duration;

/// What an engine is set to. Each of these bounds something; a run's own limits are in
/// [`Limits`](ice_core::process::Limits).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest module, in bytes of its binary form: 16 MiB. Modules that are pinned are taken whatever their size.
    pub module_bytes: usize,
    /// How long compiling a module may take, as guessed from its code before it is begun, since a compiler cannot be
    /// interrupted: 8 seconds. The guess is one for a fast core.
    pub effort: Duration,
    /// A folder in which the machine code of interpreters is kept, so that they are compiled once and not at every
    /// start: none. Nobody but the user ice runs as may have a way to write there.
    pub compiled: Option<PathBuf>,
    /// How long a run waits for its module to be compiled: five minutes, since interpreters are large.
    pub compile: Duration,
    /// How many modules are compiled at a time: 2.
    pub compiling: usize,
    /// How many compiled modules are kept: 32.
    pub cached_modules: usize,
    /// How many bytes of machine code are kept: 256 MiB.
    pub cached_bytes: usize,
    /// How many modules run at a time; further ones wait: 64.
    pub running: usize,
    /// The stack of a module, in bytes: 1 MiB.
    pub stack_bytes: usize,
    /// How much address space a memory takes.
    pub address_space: AddressSpace,
}

/// How much address space the memory of a module takes. It is no memory, only room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSpace {
    /// [`Ample`](Self::Ample), unless the address space of this process is bounded (`ulimit -v`).
    #[default]
    Fitting,
    /// Room for all that a 32-bit memory can grow to, and guard pages behind it: bounds need no checks then.
    Ample,
    /// Little more than is used. Every access to memory checks the bounds, and growing may copy.
    Sparing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            module_bytes: 16 << 20,
            effort: Duration::from_secs(8),
            compiled: None,
            compile: Duration::from_secs(300),
            compiling: 2,
            cached_modules: 32,
            cached_bytes: 256 << 20,
            running: 64,
            stack_bytes: 1 << 20,
            address_space: AddressSpace::default(),
        }
    }
}
