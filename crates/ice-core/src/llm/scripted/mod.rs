//! The provider `scripted`: answers and fails as a script says. For tests, demonstrations and examples.

mod provider;
mod script;

pub use provider::Scripted;
pub use script::{Always, Failure, FailureKind, Script, Times, Turn, When};
