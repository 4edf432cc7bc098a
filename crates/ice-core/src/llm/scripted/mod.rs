//! The provider `scripted`: answers and fails as a script says. For tests, demonstrations and examples.

mod provider;
mod read_along;
mod script;

pub use provider::Scripted;
pub use read_along::ReadAlong;
pub use script::{Always, Failure, FailureKind, Script, Times, ToolCall, Turn, When};
