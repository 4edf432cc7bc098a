//! What the `ice` command has: tools, models, and the kinds of node it executes.

use ice_core::blueprint::KindName;
use ice_core::registry::Registry;

use crate::fault::Fault;

/// The built-in tools and models.
///
/// # Errors
/// [`Fault`] if two of them have the same name.
pub(crate) fn registry() -> Result<Registry, Fault> {
    Ok(Registry::default())
}

/// The kinds of node that can be executed.
pub(crate) fn kinds() -> &'static [KindName] {
    &[KindName::Tool, KindName::Llm, KindName::Condition, KindName::Loop, KindName::Parallel, KindName::Workflow]
}
