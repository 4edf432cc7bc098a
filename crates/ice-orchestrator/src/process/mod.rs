//! What runs execute outside of the engine's own code: tools in processes of their own, in cages.

mod call;
mod failure;
mod guest;
mod host;
mod isolated;
mod kept;

pub use guest::init;
pub use host::SandboxHost;
pub use isolated::IsolatedTool;
