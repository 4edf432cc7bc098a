//! A tool as a script with a manifest, and a blueprint that calls it.

use std::path::{Path, PathBuf};

use super::folder;
use super::start::Written;
use crate::fault::Fault;

const MANIFEST: &str = include_str!("../../../templates/command/manifest.yaml");
const SCRIPT: &str = include_str!("../../../templates/command/script.py");
const BLUEPRINT: &str = include_str!("../../../templates/command/blueprint.yaml");

pub(super) fn write(name: &str, out: Option<&Path>) -> Result<Written, Fault> {
    folder::check_name(name)?;
    let folder = out.map_or_else(|| PathBuf::from(name), Path::to_owned);
    // The blueprint lies deeper: beside the manifest it would be taken for one.
    let blueprint = format!("try/{name}.yaml");
    let files = [
        (format!("{name}.yaml"), MANIFEST.replace("my_tool", name)),
        (format!("{name}.py"), SCRIPT.replace("my_tool", name)),
        (blueprint.clone(), BLUEPRINT.replace("my_tool", name)),
    ];
    let files = folder::create(&folder, &files)?;
    let (shown, blueprint) = (folder.display(), folder.join(blueprint));
    let next = format!("Run it: ice run {} --tools {shown} --input text='one two'", blueprint.display());
    Ok(Written { files, next })
}
