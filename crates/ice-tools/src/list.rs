//! The list of tools.

use std::sync::Arc;

use ice_core::tools::Tool;

/// Every tool of this build, sorted by name.
#[must_use]
pub fn all() -> Vec<Arc<dyn Tool>> {
    // Whether a tool can be built depends on nothing but its description: a test builds them all.
    let mut tools: Vec<Arc<dyn Tool>> =
        [crate::list_files::tool(), crate::read_text::tool(), crate::write_text::tool()]
            .into_iter()
            .flatten()
            .collect();
    tools.sort_by(|a, b| a.spec().name.cmp(&b.spec().name));
    tools
}
