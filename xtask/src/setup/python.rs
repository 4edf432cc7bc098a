//! Programs out of PyPI wheels that are Python: laid into a folder of their own beside our tools, with all that they need, each
//! in one version. The Python of the machine runs them, and sees nothing of its own packages for the user.

use std::path::Path;

use anyhow::{Context, Result};

use super::install::put;
use crate::command::Runner;

/// Installs packages into a folder of this name, and puts a program of the same name among our tools that calls `entry`, such
/// as `module:function`.
pub(super) fn install(runner: &Runner, requirements: &[&str], entry: &str, program: &str) -> Result<()> {
    let beside = runner.target().join("tools/python");
    let (fresh, place) = (beside.join(format!(".{program}.new")), beside.join(program));
    for folder in [&fresh, &place] {
        if folder.exists() {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
    }
    let target = fresh.to_string_lossy();
    // Wheels alone: no package may run anything while it is installed.
    let mut arguments =
        vec!["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", &target];
    arguments.extend(requirements);
    runner.take("python3", &arguments)?;
    std::fs::rename(&fresh, &place).with_context(|| format!("{} cannot be made", place.display()))?;
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let start = folder.path().join("start");
    std::fs::write(&start, starter(entry, program)).context("no program can be written")?;
    put(&start, Path::new(&runner.tools()), program)
}

/// A program that calls a function of a package, wherever our tools lie.
fn starter(entry: &str, program: &str) -> String {
    let (module, function) = entry.split_once(':').unwrap_or((entry, "main"));
    format!(
        "#!/bin/sh\nhere=$(dirname \"$0\")\nPYTHONPATH=\"$here/../python/{program}\" exec python3 -s -c \
         'import sys; from {module} import {function}; sys.exit({function}())' \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_calls_the_function_of_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("python/judge");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(
            package.join("court.py"),
            "import sys\ndef decide():\n    print('for', *sys.argv[1:])\n    return 3\n",
        )
        .unwrap();
        let bin = folder.path().join("bin");
        let start = folder.path().join("start");
        std::fs::write(&start, starter("court:decide", "judge")).unwrap();
        put(&start, &bin, "judge").unwrap();
        let output = std::process::Command::new(bin.join("judge")).args(["x", "y z"]).output().unwrap();
        assert_eq!((output.stdout.as_slice(), output.status.code()), (b"for x y z\n".as_slice(), Some(3)));
    }
}
