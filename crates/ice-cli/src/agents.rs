//! Agents that are files: where they lie, and which of them a blueprint needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ice_core::blueprint::{Format, MAX_TEXT_BYTES};
use ice_core::error::ErrorCode;
use ice_core::registry::AgentDefinition;
use ice_orchestrator::control::Document;

use crate::environment::Environment;
use crate::fault::Fault;
use crate::file;
use crate::manifests;

/// The name of the folder of agents beside a blueprint.
pub(crate) const BESIDE: &str = "agents";

/// The folders of agents of the command line and of `ICE_AGENTS`, absolute, without links and each once.
///
/// # Errors
/// [`Fault`] if one of them is no folder.
pub(crate) fn folders(named: &[PathBuf], environment: &Environment) -> Result<Vec<PathBuf>, Fault> {
    let given = named.iter().map(|folder| ("`--agents`", folder));
    let given = given.chain(environment.agents.iter().map(|folder| ("ICE_AGENTS", folder)));
    let mut folders = Vec::new();
    for (who, folder) in given {
        let found = manifests::real(folder).map_err(|why| {
            Fault::usage(format!("{who} names {}, in which no agents can be: {why}", folder.display()))
                .help("name a folder with agents in it, each a JSON or YAML file")
        })?;
        if !folders.contains(&found) {
            folders.push(found);
        }
    }
    Ok(folders)
}

/// A folder in which agents are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// What stands before the names of its files where they are shown.
    pub(crate) shown: PathBuf,
    /// The folders in which its files must really lie; anywhere if there are none.
    pub(crate) within: Vec<PathBuf>,
}

/// The agents of a folder that have one of these names, or none that can be read.
///
/// # Errors
/// [`Fault`] if the folder or one of its files cannot be read.
pub(crate) fn read(place: &Place, wanted: &BTreeSet<String>) -> Result<Vec<Document>, Fault> {
    let mut found = Vec::new();
    for path in manifests::files(&place.folder, "agents")? {
        let shown = path.file_name().map_or_else(|| place.shown.clone(), |name| place.shown.join(name));
        let shown = shown.display().to_string();
        let text = text(&path, &place.within, &shown)?;
        let read = AgentDefinition::read(&text, Format::of_name(&shown), &shown).value;
        if read.is_none_or(|agent| wanted.contains(&agent.name)) {
            found.push(Document::agent(shown, text));
        }
    }
    Ok(found)
}

/// The agent of a file that a person named.
///
/// # Errors
/// [`Fault`] if the file cannot be read.
pub(crate) fn named(file: &Path) -> Result<Document, Fault> {
    let shown = file.display().to_string();
    let text = text(file, &[], &shown)?;
    Ok(Document::agent(shown, text))
}

fn text(path: &Path, within: &[PathBuf], shown: &str) -> Result<String, Fault> {
    let real = path.canonicalize().map_err(|error| Fault::file("find", path, &error))?;
    if !within.is_empty() && !within.iter().any(|folder| real.starts_with(folder)) {
        let message = format!("the agent {shown} lies outside of the folder of the blueprint");
        return Err(Fault::new(ErrorCode::PathSecurityViolation, message)
            .help("name its folder with `--agents DIR`, or allow it with `--ro PATH`"));
    }
    String::from_utf8(file::read(&real, MAX_TEXT_BYTES as u64)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(ErrorCode::BlueprintSyntax, format!("{shown} is not text: byte {at} is not UTF-8"))
            .help("an agent is JSON or YAML, written in UTF-8")
    })
}
