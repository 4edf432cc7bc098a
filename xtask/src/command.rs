//! Running other programs: with their output shown, or taken.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::{console, environment};

/// What every program is started with: the project's root, the folder for build output, and our tools first
/// on the path.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    root: PathBuf,
    target: PathBuf,
}

impl Runner {
    /// A runner for this project. In CI without `CARGO_TARGET_DIR` the build output is kept in the user's
    /// cache folder: a clone is at another path every time, while the dependencies stay the same.
    pub(crate) fn new(project: &Project) -> Self {
        let shared = || {
            environment::cache_dir().filter(|_| environment::is_ci()).map(|cache| cache.join("ice/target"))
        };
        let target = environment::target_dir().or_else(shared).unwrap_or_else(|| "target".into());
        Self { root: project.root().to_path_buf(), target: project.root().join(target) }
    }

    /// The folder for build output.
    pub(crate) fn target(&self) -> &PathBuf {
        &self.target
    }

    /// The folder into which `setup` puts programs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools/bin")
    }

    /// A command to be refined by the caller. Standard input is empty.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let before = environment::path();
        let path = std::iter::once(self.tools()).chain(std::env::split_paths(&before));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        if environment::is_ci() {
            // Nothing is built twice from the same clone: traces for incremental builds are only size.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command.env("CARGO_TARGET_DIR", &self.target).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Runs a program with its output shown. `true` if it succeeded.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<bool> {
        let mut command = self.command(program);
        command.args(arguments);
        show(&mut command)
    }

    /// Runs a program and takes what it prints to standard output; an error if it fails.
    pub(crate) fn take(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        let output = command.output().with_context(|| format!("`{}` cannot be started", line(&command)))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed ({}): {}", line(&command), output.status, message.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Like [`Runner::take`], with what it prints to standard error behind.
    pub(crate) fn take_all(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        let output = command.output().with_context(|| format!("`{}` cannot be started", line(&command)))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        if output.status.success() { Ok(text) } else { bail!("`{}` failed: {}", line(&command), text.trim()) }
    }
}

/// Runs a command with its output shown. `true` if it succeeded.
pub(crate) fn show(command: &mut Command) -> Result<bool> {
    let text = line(command);
    console::say(&format!("$ {text}"));
    let status = command.status().with_context(|| format!("`{text}` cannot be started"))?;
    Ok(status.success())
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| {
            let part = part.to_string_lossy();
            if part.is_empty() || part.contains(char::is_whitespace) {
                format!("'{part}'")
            } else {
                part.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn a_failing_program_is_told_from_a_missing_one() {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        assert!(runner.run("true", &[]).unwrap());
        assert!(!runner.run("false", &[]).unwrap());
        assert!(runner.run("no-such-program-of-ice", &[]).is_err());
        assert_eq!(runner.take("printf", &["a b"]).unwrap(), "a b");
        assert!(runner.take("false", &[]).unwrap_err().to_string().contains("`false` failed"));
    }

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("cargo");
        command.args(["test", "", "a b"]);
        assert_eq!(line(&command), "cargo test '' 'a b'");
    }
}
