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
        let own = program.as_deref().and_then(Path::parent);
        // Cargo puts tests and examples into folders of their own. No other folder above is looked into: it may be
        // one that anybody writes to.
        let of_cargo = |folder: &&Path| folder.ends_with("deps") || folder.ends_with("examples");
        for folder in own.into_iter().chain(own.filter(of_cargo).and_then(Path::parent)) {
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
