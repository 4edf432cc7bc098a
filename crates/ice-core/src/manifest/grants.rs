//! What a program may touch in every run, given by whoever installs its manifest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::paths;
use crate::document::{Object, Problem};
use crate::error::ErrorCode;
use crate::process::HostGrant;

/// What a program may touch in every run. Relative paths begin at the manifest's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestGrants {
    /// Folders and files that it may read. The manifest's own folder always is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
    /// Folders and files that it may read and write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<PathBuf>,
    /// Folders and files that it may read and run. The manifest's own folder is one if the program lies in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub execute: Vec<PathBuf>,
    /// Hosts and ports that it may connect to, each by its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostGrant>,
}

impl ManifestGrants {
    /// Reads the field `grants` of a manifest that lies in `folder`, which is granted for reading, and for running if the
    /// program is one of its own. Paths become absolute, and each stands once.
    pub fn read(object: &mut Object<'_, '_>, folder: &Path, is_own: bool) -> Self {
        let mut grants = object.below("grants", |grants| read(grants, folder)).unwrap_or_default();
        grants.read.insert(0, folder.to_owned());
        if is_own {
            grants.execute.insert(0, folder.to_owned());
        }
        for paths in [&mut grants.read, &mut grants.write, &mut grants.execute] {
            let mut seen = BTreeSet::new();
            paths.retain(|path| seen.insert(path.clone()));
        }
        grants
    }
}

fn read(object: &mut Object<'_, '_>, folder: &Path) -> ManifestGrants {
    let mut all = |name| -> Vec<PathBuf> {
        object.parsed(name, |written| paths::resolve(folder, written)).unwrap_or_default()
    };
    let (read, write, execute) = (all("read"), all("write"), all("execute"));
    let hosts = object.parsed("hosts", host).unwrap_or_default();
    ManifestGrants { read, write, execute, hosts }
}

fn host(written: &str) -> Result<HostGrant, Problem> {
    let grant: HostGrant =
        written.parse().map_err(|error| Problem::new(ErrorCode::OutOfRange, format!("{error}")))?;
    if grant.host.starts_with("*.") {
        let problem =
            Problem::new(ErrorCode::OutOfRange, "a cage is given hosts by their names, not by a pattern");
        return Err(problem.advise("name each host"));
    }
    Ok(grant)
}
