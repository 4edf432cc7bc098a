//! `ice new`: something to start from.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::shell::Shell;

const BLUEPRINT: &str = include_str!("../../templates/blueprint.yaml");
const MANIFEST: &str = include_str!("../../templates/tool/Cargo.toml");
const LIBRARY: &str = include_str!("../../templates/tool/lib.rs");

/// Writes a blueprint or a tool to start from. Nothing is overwritten.
#[derive(Debug, Args)]
pub(crate) struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A blueprint that runs as it is
    Blueprint {
        /// Its name: letters, digits, `_` or `-`
        name: String,
        /// The file, or a folder for it [default: NAME.yaml]
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// A tool as a small Rust crate with a test
    Tool {
        /// Its name: lower-case letters, digits or `_`
        name: String,
        /// The folder of the crate, which must not exist [default: NAME]
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// The folder of the crate `ice-core`, `crates/ice-core` in the sources of ice: no registry has it yet
        #[arg(long, value_name = "PATH")]
        ice_core: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

impl New {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let (files, next) = match &self.what {
            What::Blueprint { name, out } => blueprint(name, out.as_deref())?,
            What::Tool { name, out, ice_core } => tool(name, out.as_deref(), ice_core.as_deref())?,
        };
        if shell.screen.json {
            shell.screen.document(&Written { files })?;
        } else {
            for file in &files {
                shell.screen.line(file.display())?;
            }
            shell.screen.note(next);
        }
        Ok(Exit::Succeeded)
    }
}

fn blueprint(name: &str, out: Option<&Path>) -> Result<(Vec<PathBuf>, String), Fault> {
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
    Ok((vec![file], next))
}

fn tool(name: &str, out: Option<&Path>, ice_core: Option<&Path>) -> Result<(Vec<PathBuf>, String), Fault> {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(rest) || name.len() > 64 {
        return Err(Fault::usage(format!("`{name}` is no name for a tool"))
            .help("a lower-case letter, then at most 63 lower-case letters, digits or `_`"));
    }
    let folder = out.map_or_else(|| PathBuf::from(name), Path::to_owned);
    let dependency = dependency(ice_core)?;
    std::fs::create_dir(&folder).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            file::exists(&folder)
        } else {
            Fault::file("make the folder", &folder, &error)
        }
    })?;
    let manifest = MANIFEST.replace("my_tool", name).replace("\"ICE_CORE\"", &dependency);
    let written = fill(&folder, &manifest, &LIBRARY.replace("my_tool", name));
    if written.is_err() {
        // Half a crate is of no use, and the next attempt would find the folder taken. What stands in the way
        // of removing it is not what the user must hear of.
        let _ = std::fs::remove_dir_all(&folder);
    }
    let next = format!("Test it: cargo test --manifest-path {}", folder.join("Cargo.toml").display());
    written.map(|files| (files, next))
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

/// Writes the files of a crate into its folder.
fn fill(folder: &Path, manifest: &str, library: &str) -> Result<Vec<PathBuf>, Fault> {
    let source = folder.join("src");
    std::fs::create_dir(&source).map_err(|error| Fault::file("make the folder", &source, &error))?;
    let files = vec![folder.join("Cargo.toml"), source.join("lib.rs")];
    for (file, text) in files.iter().zip([manifest, library]) {
        file::create(file, text)?;
    }
    Ok(files)
}
