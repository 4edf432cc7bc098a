//! What runs execute outside of the engine's own code: tools that are programs of their own, tools in processes of their
//! own, and the code of nodes; in cages.

mod answer;
mod call;
pub(crate) mod code;
mod command;
mod failure;
mod granted;
pub(crate) mod grants;
mod guest;
mod host;
mod isolated;
mod kept;
mod manifest;
mod running;
mod sink;

pub use command::CommandTool;
pub use guest::init;
pub use host::SandboxHost;
pub(crate) use host::is_of_job;
pub use ice_core::manifest::ManifestGrants;
pub use isolated::IsolatedTool;
pub use manifest::ToolManifest;
