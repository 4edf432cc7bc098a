//! cargo-shear: dependencies that nothing uses.

use anyhow::Result;

use super::step::Outcome;
use crate::command::Runner;
use crate::setup::{self, CARGO_SHEAR};

/// Finds dependencies that nothing uses.
pub(super) fn unused(runner: &Runner) -> Result<Outcome> {
    if !setup::ensure(runner, &CARGO_SHEAR) {
        return Ok(Outcome::Skipped("cargo-shear is not there".to_owned()));
    }
    Ok(runner.run("cargo-shear", &["--locked"])?.into())
}
