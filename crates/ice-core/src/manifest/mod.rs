//! What the manifests of programs have in common, whatever the program is: its command, its grants, its environment and its
//! limits, read strictly.

mod command;
mod environment;
mod grants;
mod limits;
mod paths;
mod quantity;

pub use command::command;
pub use environment::{environment, variable};
pub use grants::ManifestGrants;
pub use limits::{WrittenLimits, limits, write_limits};
pub use paths::resolve;
pub use quantity::{Size, Span, count, size, span};
