//! A blueprint to start from.

use std::path::{Path, PathBuf};

use super::start::Written;
use crate::fault::Fault;
use crate::file;

const BLUEPRINT: &str = include_str!("../../../templates/blueprint.yaml");

pub(super) fn write(name: &str, out: Option<&Path>) -> Result<Written, Fault> {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        || !name.chars().all(rest)
        || name.len() > 64
    {
        return Err(Fault::usage(format!("`{name}` is no name for a blueprint"))
            .help("a letter or `_`, then at most 63 letters, digits, `_` or `-`"));
    }
    let file = match out {
        Some(folder) if folder.is_dir() => folder.join(format!("{name}.yaml")),
        Some(file) => file.to_owned(),
        None => PathBuf::from(format!("{name}.yaml")),
    };
    file::create(&file, &BLUEPRINT.replace("my_blueprint", name))?;
    let next = format!("Run it: ice run {} --input name=Ada", file.display());
    Ok(Written { files: vec![file], next })
}
