//! `ice seal key`.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_core::seal::{SealingKey, SecretKey, SystemEntropy};
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Makes a key and writes it into a new file that only its user can read. A file that is there is not touched.
#[derive(Debug, Args)]
pub(super) struct MakeKey {
    /// The file
    path: PathBuf,
}

#[derive(Serialize)]
struct Made {
    path: String,
    key: String,
}

impl MakeKey {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let key = SecretKey::generate(&SystemEntropy)
            .map_err(|error| Fault::new(ErrorCode::KeyUnavailable, error.to_string()))?;
        let write = || {
            let mut file =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
            file.write_all(format!("{}\n", key.to_hex()).as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| {
            let fault = Fault::file("write the key into", &self.path, &error);
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                fault.help(
                    "name a file that is not there: what is sealed under a key that was overwritten is lost",
                )
            } else {
                fault
            }
        })?;
        let (path, id) = (self.path.display().to_string(), SealingKey::of(key).id().to_string());
        if shell.screen.json {
            shell.screen.document(&Made { path, key: id })?;
            return Ok(Exit::Succeeded);
        }
        shell.screen.line(&id)?;
        shell.screen.note(format_args!(
            "the key is in {path}; keep a copy of it elsewhere than the data: without it nothing that is sealed can be read"
        ));
        Ok(Exit::Succeeded)
    }
}
