//! The list of tools, each with an example.

use std::sync::Arc;

use ice_core::tools::Tool;

/// A tool and the text of its `example.json`: `input`, the `output` it gives, and the `files` and the `memory` it finds.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The tool.
    pub tool: Arc<dyn Tool>,
    /// The example, as JSON.
    pub example: &'static str,
}

macro_rules! entries {
    ($($(#[$gate:meta])* $name:ident)*) => {
        // Whether a tool can be built depends on nothing but its description: a test builds them all.
        [$($(#[$gate])*
            crate::$name::tool().map(|tool| Entry { tool, example: include_str!(concat!(stringify!($name), "/example.json")) }),
        )*]
    };
}

/// Every tool of this build with its example, sorted by name.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let entries = entries! {
        chunk_text
        #[cfg(feature = "ingest")] extract_text
        hash
        hello
        #[cfg(feature = "http")] http_fetch
        list_files
        memory_forget
        memory_read
        memory_search
        memory_summarize
        memory_write
        now
        query_json
        query_rows
        read_csv
        read_json
        read_text
        recent_session
        regex_extract
        sleep
        text_stats
        write_csv
        write_json
        write_text
    };
    entries.into_iter().flatten().collect()
}

/// Every tool of this build, sorted by name.
#[must_use]
pub fn all() -> Vec<Arc<dyn Tool>> {
    entries().into_iter().map(|entry| entry.tool).collect()
}
