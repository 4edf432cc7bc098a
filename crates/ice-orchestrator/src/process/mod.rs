//! What runs execute outside of the engine's own code: tools in processes of their own, in cages, and the code of
//! nodes.

mod call;
pub(crate) mod code;
mod failure;
mod granted;
mod guest;
mod host;
mod isolated;
mod kept;

pub use guest::init;
pub use host::SandboxHost;
pub use isolated::IsolatedTool;
