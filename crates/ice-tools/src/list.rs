//! The list of tools.

use std::sync::Arc;

use ice_core::tools::Tool;

/// Every tool of this build, sorted by name.
#[must_use]
pub fn all() -> Vec<Arc<dyn Tool>> {
    // Whether a tool can be built depends on nothing but its description: a test builds them all.
    [
        crate::chunk_text::tool(),
        crate::hash::tool(),
        crate::hello::tool(),
        crate::list_files::tool(),
        crate::now::tool(),
        crate::query_json::tool(),
        crate::query_rows::tool(),
        crate::read_csv::tool(),
        crate::read_json::tool(),
        crate::read_text::tool(),
        crate::regex_extract::tool(),
        crate::sleep::tool(),
        crate::text_stats::tool(),
        crate::write_csv::tool(),
        crate::write_json::tool(),
        crate::write_text::tool(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
