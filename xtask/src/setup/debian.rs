//! Programs out of Debian packages: downloaded and unpacked without being installed, so that no service
//! starts and nothing of the system changes. The interpreters that cages show are installed: they lie below `/usr`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::install::place;
use crate::command::Runner;
use crate::console;

/// Takes the program at `inside` out of a package and puts it among our tools.
pub(super) fn install(runner: &Runner, package: &str, inside: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let deb = match download(runner, package, folder.path()) {
        Ok(deb) => deb,
        Err(_) => {
            console::say("  apt does not know the package yet: apt-get update");
            runner.take("apt-get", &["update", "--quiet=2"])?;
            download(runner, package, folder.path())?
        }
    };
    let unpacked = folder.path().join("unpacked");
    runner.take("dpkg-deb", &["--extract", &deb, &unpacked.to_string_lossy()])?;
    let program = inside.rsplit('/').next().unwrap_or(inside);
    place(runner, &unpacked.join(inside), program)
}

/// Installs a package for the whole system: what cages show of it lies below `/usr`. Only root can.
pub(super) fn install_for_all(runner: &Runner, package: &str) -> Result<()> {
    let arguments = ["install", "--yes", "--quiet=2", "--no-install-recommends", package];
    if runner.take("apt-get", &arguments).is_err() {
        console::say("  apt does not know the package yet, or not its newest version: apt-get update");
        runner.take("apt-get", &["update", "--quiet=2"])?;
        runner.take("apt-get", &arguments)?;
    }
    Ok(())
}

/// Downloads a package into a folder and gives the path of the file.
fn download(runner: &Runner, package: &str, folder: &Path) -> Result<String> {
    let mut command = runner.command("apt-get");
    command.args(["download", "--quiet=2", package]).current_dir(folder);
    let output = command.output().context("apt-get cannot be started")?;
    if !output.status.success() {
        bail!("apt-get download {package}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let file = std::fs::read_dir(folder)
        .context("the download cannot be read")?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    match file {
        Some(file) => Ok(file.to_string_lossy().into_owned()),
        None => bail!("apt-get download {package} left no file"),
    }
}
