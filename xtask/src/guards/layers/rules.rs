//! `layers.toml` as data.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file the rules stand in.
pub(super) const FILE: &str = "layers.toml";

/// All rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Per crate: the crates it may use, its modules in tiers.
    pub(super) crates: BTreeMap<String, CrateRules>,
    /// Per kind of I/O: what counts as it, and where it is allowed.
    pub(super) io: BTreeMap<String, IoRules>,
    /// Module edges that break the tiers and are tolerated.
    #[serde(default)]
    pub(super) exceptions: Vec<Exception>,
}

/// The rules of one crate.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrateRules {
    /// Crates of the workspace it may depend on.
    pub(super) uses: Vec<String>,
    /// Crates its tests and benchmarks may depend on besides.
    #[serde(default)]
    pub(super) test_uses: Vec<String>,
    /// Whether its I/O is bound to addresses.
    #[serde(default)]
    pub(super) io: IoFreedom,
    /// Its modules, lowest tier first. A module sees the tiers below its own, and nothing beside it.
    /// Without tiers the modules of the crate are not checked.
    pub(super) tiers: Option<Vec<Vec<String>>>,
    /// Modules that stand in the tiers but are not written yet.
    #[serde(default)]
    pub(super) planned_modules: Vec<String>,
    /// Whether the crate is not written yet.
    #[serde(default)]
    pub(super) planned: bool,
}

/// Whether a crate's I/O is bound to addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IoFreedom {
    /// Only at the addresses of each kind.
    #[default]
    Listed,
    /// Anywhere: the crate is the edge of the system, or a test.
    Free,
}

/// One kind of I/O.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IoRules {
    /// Paths that are this kind: `std::fs` covers everything below it.
    pub(super) paths: Vec<String>,
    /// Paths below those that are pure nevertheless.
    #[serde(default)]
    pub(super) except: Vec<String>,
    /// Names of methods that are this kind, whatever they are called on.
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// Addresses (`crate::module`) where it is allowed, each with its reason.
    #[serde(default)]
    pub(super) at: BTreeMap<String, String>,
    /// Addresses that are not written yet, each with its reason.
    #[serde(default)]
    pub(super) planned_at: BTreeMap<String, String>,
}

/// A module edge that is tolerated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    /// The module that uses: `crate::module`.
    pub(super) from: String,
    /// The module that is used: `crate::module`.
    pub(super) to: String,
    /// Why.
    pub(super) reason: String,
}

impl Rules {
    /// Reads the text of `layers.toml`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).with_context(|| format!("{FILE} is not valid"))
    }
}

/// Splits `a::b::c`.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}
