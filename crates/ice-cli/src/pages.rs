//! The pages of the error codes, as they are in `docs/errors`.

use ice_core::error::ErrorCode;

macro_rules! pages {
    ($($name:literal,)*) => {
        /// Every page with the name of its code.
        const PAGES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../docs/errors/", $name, ".md"))),)*];
    };
}

pages! {
    "ADDRESS_REFUSED",
    "ANSWER_INVALID",
    "BLOB_MISSING",
    "BLUEPRINT_INCOMPLETE",
    "BLUEPRINT_INVALID",
    "BLUEPRINT_SYNTAX",
    "BLUEPRINT_TOO_LARGE",
    "BUDGET_EXCEEDED",
    "CODE_FAILED",
    "CONTEXT_TOO_LONG",
    "CONTROL_UNAVAILABLE",
    "CONTROL_VERSION",
    "CYCLIC_TOOL_COMPOSITION",
    "DATA_INVALID",
    "DIMENSION_MISMATCH",
    "DUPLICATE_ID",
    "DURABILITY_UNAVAILABLE",
    "FILE_TOO_LARGE",
    "FILE_UNREADABLE",
    "GRANT_MISSING",
    "HTTP_FAILED",
    "INPUT_INVALID",
    "INTERPRETER_MISSING",
    "INVALID_ID",
    "INVALID_SCHEMA",
    "JOURNAL_CORRUPT",
    "JOURNAL_VERSION",
    "KEY_DESTROYED",
    "KEY_UNAVAILABLE",
    "LAYER_VIOLATION",
    "LIMIT_EXCEEDED",
    "LOOP_ITEMS_INVALID",
    "MANIFEST_INVALID",
    "MAPPING_FAILED",
    "MCP_UNAVAILABLE",
    "MEMORY_GUARANTEE",
    "MEMORY_INVALID",
    "MEMORY_NOT_FOUND",
    "MISSING_FIELD",
    "MODEL_AUTH",
    "MODEL_FAILED",
    "MODEL_QUOTA",
    "MODEL_REFUSED",
    "MODEL_TRANSIENT",
    "MODEL_TRUNCATED",
    "NODE_KIND_UNAVAILABLE",
    "NODE_NOT_REACHED",
    "NODE_PANICKED",
    "NODE_TIMEOUT",
    "NUMBER_NOT_PORTABLE",
    "OUTPUT_INVALID",
    "OUT_OF_RANGE",
    "PATH_SECURITY_VIOLATION",
    "PIN_MISMATCH",
    "POLICY_INVALID",
    "POLICY_STOPPED",
    "QUESTION_CLOSED",
    "REGISTRY_CONFLICT",
    "REPLAY_DIVERGED",
    "RULE_VIOLATION",
    "RUN_ABORTED",
    "RUN_CANCELLED",
    "RUN_FILE_INVALID",
    "RUN_IMPORTED",
    "RUN_IN_DOUBT",
    "RUN_LOST",
    "RUN_NOT_FOUND",
    "RUN_OWNED",
    "RUN_PAUSED",
    "RUN_STATE",
    "RUN_STUCK",
    "RUN_TIMEOUT",
    "SANDBOX_SETUP",
    "SCAFFOLD_VALIDATION",
    "SCHEMA_MISMATCH",
    "SCHEMA_VERSION",
    "SEAL_BROKEN",
    "SEAL_MISMATCH",
    "STORE_CONFLICT",
    "STORE_CORRUPT",
    "STORE_FORMAT",
    "STORE_FULL",
    "STORE_LOCKED",
    "STORE_POISONED",
    "STORE_TOO_LARGE",
    "STORE_UNAVAILABLE",
    "TEMPLATE_FAILED",
    "TEMPLATE_NOT_ALLOWED",
    "TEMPLATE_SYNTAX",
    "TEMPLATE_TOO_LARGE",
    "TOOL_FAILED",
    "TOOL_INPUT_INVALID",
    "TOOL_OUTPUT_INVALID",
    "UNKNOWN",
    "UNKNOWN_AGENT",
    "UNKNOWN_BLUEPRINT",
    "UNKNOWN_CODE",
    "UNKNOWN_FIELD",
    "UNKNOWN_KIND",
    "UNKNOWN_MODEL",
    "UNKNOWN_NODE",
    "UNKNOWN_REFERENCE",
    "UNKNOWN_TOOL",
    "USAGE",
    "WRONG_TYPE",
}

/// The page of a code: what it means, why it happens, what to do. Markdown.
pub(crate) fn page(code: ErrorCode) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == code.name()).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page_and_no_page_is_left_over() {
        for code in ErrorCode::ALL {
            let text = page(*code).unwrap_or_else(|| panic!("{code}"));
            assert!(text.starts_with(&format!("# {code} ({})\n", code.number())), "{code}");
        }
        assert_eq!(PAGES.len(), ErrorCode::ALL.len());
    }
}
