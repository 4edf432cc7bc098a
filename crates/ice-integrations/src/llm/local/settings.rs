//! A local model as data.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::Limits;

/// A local model as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalSettings {
    /// The GGUF file, or a folder in which it is the only one.
    pub path: PathBuf,
    /// The names that it is called by; any name is taken if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Answers written at once; others wait. One answer uses all processors by itself.
    #[serde(default = "one")]
    pub at_once: NonZeroU32,
    /// How it is treated. No more calls are under way than are `at_once`.
    #[serde(default)]
    pub limits: Limits,
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl LocalSettings {
    /// The model of a file or folder, used as usual: one answer at once.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), models: None, at_once: one(), limits: Limits::default() }
    }
}
