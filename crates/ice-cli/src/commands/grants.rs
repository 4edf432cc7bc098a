//! `--ro`, `--rw`, `--allow-net`: what a run may touch, given on the command line and nowhere else.

use std::path::{Path, PathBuf};

use clap::Args;
use ice_core::tools::{Grants, HostGrant};

use crate::fault::{Fault, plain};

/// What a run may touch. Nothing by default.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Grants")]
pub(crate) struct GrantArgs {
    /// A folder or file that tools may read
    #[arg(long, value_name = "PATH")]
    pub(crate) ro: Vec<PathBuf>,
    /// A folder or file that tools may read and write
    #[arg(long, value_name = "PATH")]
    pub(crate) rw: Vec<PathBuf>,
    /// A host and port that tools may connect to
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) allow_net: Vec<HostGrant>,
}

impl GrantArgs {
    /// The grants, with absolute paths.
    ///
    /// # Errors
    /// [`Fault`] if a path does not exist.
    pub(crate) fn grants(&self) -> Result<Grants, Fault> {
        Ok(Grants { read: readable(&self.ro)?, write: all(&self.rw, "--rw")?, hosts: self.allow_net.clone() })
    }
}

/// The paths of `--ro`, absolute and with every link followed.
///
/// # Errors
/// [`Fault`] if one does not exist.
pub(crate) fn readable(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    all(paths, "--ro")
}

fn all(paths: &[PathBuf], option: &str) -> Result<Vec<PathBuf>, Fault> {
    paths.iter().map(|path| one(path, option)).collect()
}

fn one(path: &Path, option: &str) -> Result<PathBuf, Fault> {
    path.canonicalize().map_err(|error| nothing(option, path, &error))
}

/// A grant of what is not there.
pub(crate) fn nothing(option: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(format!("`{option} {}` grants nothing: {}", path.display(), plain(error)))
        .help("a grant names a folder or file that exists")
}
