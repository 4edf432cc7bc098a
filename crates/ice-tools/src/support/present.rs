//! Telling a null that was given from a value that was not.

use ice_core::value::Value;
use serde::{Deserialize, Deserializer};

/// Reads a field that is there, null included; with `#[serde(default)]` an absent one is `None`.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
