//! `--ro`, `--rw`, `--allow-net`, `--secret`, `--memory`: what a run may touch, given on the command line and nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use ice_core::process::SecretRef;
use ice_core::tools::{Grants, HostGrant, ScopeGrant};

use crate::fault::{Fault, plain};
use crate::secrets;

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
    /// A secret for the tools that name it: that in a variable, NAME=env:VARIABLE, or in a file, NAME=file:PATH, as it is
    /// when a tool is called
    // It is looked at later: a parser would repeat what is wrong, which may be the secret itself.
    #[arg(long, value_name = "NAME=PLACE")]
    pub(crate) secret: Vec<String>,
    /// A scope of memory that tools, and nodes that are aware of memory, may read and write; SCOPE:ro only to read
    #[arg(long, value_name = "SCOPE[:ro]")]
    pub(crate) memory: Vec<ScopeGrant>,
}

impl GrantArgs {
    /// The grants, with absolute paths.
    ///
    /// # Errors
    /// [`Fault`] if a path does not exist, leads through a link, or cannot be granted, or a secret is written in another way.
    pub(crate) fn grants(&self) -> Result<Grants, Fault> {
        Ok(Grants {
            read: readable(&self.ro)?,
            write: all(&self.rw, "--rw")?,
            hosts: self.allow_net.clone(),
            secrets: self.secrets()?,
            memory: self.memory.clone(),
        })
    }

    fn secrets(&self) -> Result<BTreeMap<String, SecretRef>, Fault> {
        let mut secrets = BTreeMap::new();
        for text in &self.secret {
            let (name, place) = secrets::granted(text)?;
            if secrets.insert(name.to_owned(), place).is_some() {
                return Err(Fault::usage(format!("`--secret {name}` is given twice")));
            }
        }
        Ok(secrets)
    }
}

/// The paths of `--ro`, absolute and without links.
///
/// # Errors
/// [`Fault`] if one does not exist, or leads through a link.
pub(crate) fn readable(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    all(paths, "--ro")
}

fn all(paths: &[PathBuf], option: &str) -> Result<Vec<PathBuf>, Fault> {
    paths.iter().map(|path| one(path, option)).collect()
}

fn one(path: &Path, option: &str) -> Result<PathBuf, Fault> {
    let found = path.canonicalize().map_err(|error| nothing(option, path, &error))?;
    match link(path) {
        Some(link) => Err(Fault::usage(format!(
            "`{option} {}` leads through the link {} to {}: a tool of an earlier run may have put it there",
            path.display(),
            link.display(),
            found.display()
        ))
        .help("name the real path if that is what you mean")),
        None => Ok(found),
    }
}

/// The first link on the way to a path, but for those of the system: in `/`, `/run` and `/var` nothing that was granted can
/// leave one.
fn link(path: &Path) -> Option<PathBuf> {
    let is_of_system = |link: &Path| {
        link.parent()
            .is_some_and(|folder| ["/", "/run", "/var"].iter().any(|system| folder == Path::new(system)))
    };
    let whole = std::path::absolute(path).ok()?;
    let mut way = PathBuf::new();
    for part in whole.components() {
        way.push(part);
        if way.is_symlink() && !is_of_system(&way) {
            return Some(way);
        }
    }
    None
}

/// A grant of what is not there.
pub(crate) fn nothing(option: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(format!("`{option} {}` grants nothing: {}", path.display(), plain(error)))
        .help("a grant names a folder or file that exists")
}
