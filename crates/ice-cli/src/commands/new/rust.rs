//! A tool as a small Rust crate with a test.

use std::path::{Path, PathBuf};

use super::folder;
use super::start::Written;
use crate::fault::Fault;

const MANIFEST: &str = include_str!("../../../templates/crate/Cargo.toml");
const LIBRARY: &str = include_str!("../../../templates/crate/lib.rs");

pub(super) fn write(name: &str, out: Option<&Path>, ice_core: Option<&Path>) -> Result<Written, Fault> {
    folder::check_name(name)?;
    let folder = out.map_or_else(|| PathBuf::from(name), Path::to_owned);
    let manifest = MANIFEST.replace("my_tool", name).replace("\"ICE_CORE\"", &dependency(ice_core)?);
    let library = LIBRARY.replace("my_tool", name);
    let files = [("Cargo.toml".to_owned(), manifest), ("src/lib.rs".to_owned(), library)];
    let files = folder::create(&folder, &files)?;
    let next = format!("Test it: cargo test --manifest-path {}", folder.join("Cargo.toml").display());
    Ok(Written { files, next })
}

/// What the manifest says about `ice-core`.
fn dependency(ice_core: Option<&Path>) -> Result<String, Fault> {
    const FORM: &str = "--ice-core PATH names the folder crates/ice-core in the sources of ice";
    let Some(path) = ice_core else {
        let message = "a tool is built with the crate ice-core, which is in no registry of crates yet";
        return Err(Fault::usage(message).help(FORM));
    };
    let real = path.canonicalize().map_err(|error| Fault::file("find", path, &error))?;
    let manifest = std::fs::read_to_string(real.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|line| line.trim_end() == "name = \"ice-core\"") {
        return Err(Fault::usage(format!("{} is not the crate ice-core", path.display())).help(FORM));
    }
    Ok(format!("{{ path = {:?}, default-features = false }}", real.display().to_string()))
}
