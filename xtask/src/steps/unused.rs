//! cargo-shear: dependencies that nothing uses.

use anyhow::Result;

use super::step::Outcome;
use crate::command::Runner;
use crate::setup::CARGO_SHEAR;

/// Finds dependencies that nothing uses.
pub(super) fn unused(runner: &Runner) -> Result<Outcome> {
    Outcome::with_tool(runner, &CARGO_SHEAR, || Ok(runner.run("cargo-shear", &["--locked"])?.into()))
}
