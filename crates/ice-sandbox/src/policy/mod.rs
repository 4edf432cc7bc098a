//! What a command may do: limits, grants, environment, and the layers that are done without.

mod builder;
mod endpoint;
mod grant;
mod limits;
mod profile;
mod secret;

pub use builder::{PolicyBuilder, SandboxPolicy};
pub use endpoint::Endpoint;
pub use grant::{Access, Grant};
pub use limits::Limits;
pub use profile::Profile;
pub use secret::{Delivery, Secret};
