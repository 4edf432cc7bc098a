//! `ice seal rotate`.

use clap::Args;
use ice_core::error::ErrorCode;
use ice_core::seal::SystemEntropy;
use ice_core::store::Store as _;
use ice_core::vault::rotate;
use serde::Serialize;

use crate::data::{DataFolder, KeyPlace, look, seal_fault};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// Changes the key of the data folder: the keys in it are wrapped by another one. `--seal-key` names the present one.
///
/// Nobody else may have the folder open. If it is cut short, the same command finishes it.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Where the new key is: env:VARIABLE or file:PATH
    #[arg(long, value_name = "PLACE")]
    to: String,
}

#[derive(Serialize)]
struct Report {
    key: String,
    keys: u64,
}

impl Rotate {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let Some(place) = folder.seal_key() else {
            return Err(Fault::usage("nothing names the present key").help(
                "name its place with `--seal-key` or ICE_SEAL_KEY, and that of the new one with `--to`",
            ));
        };
        let (from, to) = (KeyPlace::read(place)?, KeyPlace::read(&self.to)?);
        let rotated = shell.block_on(async {
            let done = look(&folder, async |raw| {
                let rotated = rotate(&*raw.store, &from, &to, &SystemEntropy).await;
                let rotated = rotated.map_err(|error| seal_fault(&folder, &error))?;
                // What the old key opens is in the files until then.
                let compacted = raw.store.compact().await;
                compacted.map_err(|error| seal_fault(&folder, &error.into()))?;
                Ok(rotated)
            });
            done.await?.ok_or_else(|| {
                Fault::new(ErrorCode::StoreLocked, "another process has the data folder open")
                    .help("end it first: a key is changed while nobody uses the folder")
            })
        })?;
        let report = Report { key: to.id().to_string(), keys: rotated.keys };
        if shell.screen.json {
            shell.screen.document(&report)?;
        } else {
            shell.screen.line(&report.key)?;
            let many = text::count(report.keys, "key");
            shell.screen.note(format_args!(
                "{many} wrapped anew; the old key opens nothing any more, but copies of the folder"
            ));
        }
        Ok(Exit::Succeeded)
    }
}
