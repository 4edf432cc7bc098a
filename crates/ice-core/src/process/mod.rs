//! The port for running programs, and what every execution is bounded by and reports, wherever it takes place: inside
//! of the engine's process, in a cage, or in a WebAssembly sandbox.

mod address;
mod denial;
mod grants;
mod host;
mod limits;
mod report;
mod secret;
mod wasm;

pub use address::{Reach, is_public};
pub use denial::{Denial, DenialKind};
pub use grants::{Grants, HostGrant, InvalidGrant, InvalidScope, ScopeAccess, ScopeGrant};
pub use host::{Isolation, Job, ProcessHost, Profile, RunningProcess, Streams};
pub use limits::Limits;
pub use report::{Home, Policy, Report, Traffic, Unenforced, Usage, Verdict};
pub use secret::{GivenSecret, SecretDelivery, SecretRef};
pub use wasm::{WasmHost, WasmProgram};
