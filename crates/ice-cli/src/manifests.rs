//! Tools that are commands, and MCP servers: where their manifests lie, and what is in them.

mod places;
mod program;
mod read;

use std::path::{Path, PathBuf};

use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_orchestrator::process::ToolManifest;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::diagnostics;
use crate::render::text::count;
use crate::screen::Screen;
use crate::servers;

pub(crate) use places::{folders, real};
pub(crate) use program::missing;
pub(crate) use read::{files, read};

/// A manifest without problems.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// The file, as its folder was named.
    pub(crate) file: PathBuf,
    /// What it says.
    pub(crate) manifest: ToolManifest,
}

/// The manifest of an MCP server, without problems.
#[derive(Clone, Debug)]
pub(crate) struct InstalledServer {
    /// The file, as its folder was named.
    pub(crate) file: PathBuf,
    /// What it says.
    pub(crate) manifest: servers::Manifest,
}

/// A manifest with problems.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    /// Its text.
    pub(crate) text: String,
    /// What is wrong with it.
    pub(crate) diagnostics: Diagnostics,
}

/// The manifests of some folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifests {
    /// The folders, absolute and without links.
    pub(crate) folders: Vec<PathBuf>,
    /// Those without problems, in the order of folders and files.
    pub(crate) installed: Vec<Installed>,
    /// Those of MCP servers, in the same order.
    pub(crate) servers: Vec<InstalledServer>,
    /// Those with problems, in the same order.
    pub(crate) broken: Vec<Broken>,
}

impl Manifests {
    /// Draws what is wrong on standard error.
    pub(crate) fn tell(&self, screen: &Screen) {
        for Broken { text, diagnostics } in &self.broken {
            screen.note(diagnostics::draw(text, diagnostics));
            screen.note("");
        }
    }

    /// The failure of a command that needs the tools, if a manifest has problems; they are told already.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let all = || self.broken.iter().flat_map(|broken| broken.diagnostics.errors());
        let errors = count(all().count() as u64, "error");
        let message = match self.broken.as_slice() {
            [] => return None,
            [one] => format!("{} is not a valid manifest of a tool: {errors}", one.shown()),
            many => format!("{} of tools are not valid: {errors}", count(many.len() as u64, "manifest")),
        };
        let is_clash = all().all(|error| error.code == ErrorCode::RegistryConflict);
        let code = if is_clash { ErrorCode::RegistryConflict } else { ErrorCode::ManifestInvalid };
        let diagnostics = self.broken.iter().map(|broken| broken.diagnostics.clone()).collect();
        let fault = Fault::new(code, message).exit(Exit::Usage).diagnostics(diagnostics);
        Some(fault.help("mend what is told above, or name other folders with `--tools DIR` or ICE_TOOLS"))
    }
}

impl Broken {
    fn shown(&self) -> &str {
        self.diagnostics.source().unwrap_or("a file")
    }
}

impl InstalledServer {
    /// The name of the server.
    pub(crate) fn name(&self) -> &str {
        &self.manifest.name
    }
}

/// A path as a person reads it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
