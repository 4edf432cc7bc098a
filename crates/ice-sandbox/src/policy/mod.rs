//! What a command may do: limits, grants, environment, and the layers that are done without.

mod builder;
mod endpoint;
mod grant;
mod limits;
mod profile;
mod secret;

pub use builder::{PolicyBuilder, SandboxPolicy};
pub use endpoint::Endpoint;
#[cfg(target_os = "linux")]
pub(crate) use grant::is_of_system;
pub use grant::{Access, Grant};
pub use limits::Limits;
pub use profile::Profile;
pub use secret::{Delivery, Secret};
