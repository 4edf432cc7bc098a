//! Finding the launcher.

use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use crate::launcher::{NAME, is_own};

/// What makes the cages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Launcher {
    /// A program of its own.
    File(PathBuf),
    /// The running program.
    Own,
}

impl Launcher {
    /// The first of: this path, the file beside the running program or in the folder above, the program itself.
    pub(super) fn find(configured: Option<&Path>) -> Result<Self, SandboxError> {
        let mut looked = Vec::new();
        if let Some(path) = configured {
            if path.is_file() {
                return Ok(Self::File(path.to_owned()));
            }
            // Whoever names one wants that one.
            let looked = format!("{} is not a file", path.display());
            return Err(SandboxError::NoLauncher { looked });
        }
        let program = std::env::current_exe().ok();
        for folder in program.iter().flat_map(|program| program.ancestors().skip(1).take(2)) {
            let path = folder.join(NAME);
            if path.is_file() {
                return Ok(Self::File(path));
            }
            looked.push(format!("{} is not a file", path.display()));
        }
        if is_own() {
            return Ok(Self::Own);
        }
        looked.push("the program does not call `init`".to_owned());
        Err(SandboxError::NoLauncher { looked: looked.join(", ") })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Own => Path::new("/proc/self/exe"),
        }
    }
}
