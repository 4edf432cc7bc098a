//! `ice seal status`.

use clap::Args;
use ice_core::vault::Seal;
use ice_orchestrator::control::{Request, Response};
use serde::Serialize;

use crate::data::{DataFolder, LinkError, Remote, look, seal_fault};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Tells whether the data folder is sealed, and under which key. It takes no key to know.
#[derive(Debug, Args)]
pub(super) struct Status {}

/// How it stands with a folder.
#[derive(Serialize)]
pub(crate) struct Told {
    /// `none`, `empty`, `clear`, `sealed` or `rotating`.
    pub(crate) state: &'static str,
    /// The key it is sealed under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The key it is going to be sealed under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
}

impl Told {
    /// It in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let key = self.key.as_deref().unwrap_or_default();
        match (self.state, self.to.as_deref()) {
            ("sealed", _) => format!("sealed under the key {key}"),
            ("rotating", Some(to)) => {
                format!(
                    "sealed; its key is being changed from {key} to {to}: finish that with `ice seal rotate`"
                )
            }
            ("clear", _) => "in clear".to_owned(),
            ("none", _) => {
                "not there yet: it becomes sealed when it is first opened with `--seal-key`".to_owned()
            }
            _ => "empty: it becomes sealed when it is first opened with `--seal-key`".to_owned(),
        }
    }
}

impl Status {
    /// Carries it out.
    #[expect(clippy::unused_self, reason = "every command is carried out so")]
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let told = shell.block_on(told(&folder))?;
        if shell.screen.json {
            shell.screen.document(&told)?;
        } else {
            shell.screen.line(told.sentence())?;
        }
        Ok(Exit::Succeeded)
    }
}

/// How it stands with a folder; its owner is asked if there is one.
pub(crate) async fn told(folder: &DataFolder) -> Result<Told, Fault> {
    let plain = |state| Told { state, key: None, to: None };
    if !folder.exists() {
        return Ok(plain("none"));
    }
    let seal =
        look(folder, async |raw| Seal::of(&*raw.store).await.map_err(|error| seal_fault(folder, &error)));
    Ok(match seal.await? {
        Some(Seal::Empty) => plain("empty"),
        Some(Seal::Clear) => plain("clear"),
        Some(Seal::Sealed { key }) => Told { key: Some(key.to_string()), ..plain("sealed") },
        Some(Seal::Rotating { from, to }) => {
            Told { state: "rotating", key: Some(from.to_string()), to: Some(to.to_string()) }
        }
        None => {
            let mut client = Remote::of(folder).connect().await.map_err(LinkError::from)?;
            let answer = client.call(&Request::Info).await.map_err(LinkError::from)?;
            let Response::Info(info) = answer else { return Err(LinkError::astray().into()) };
            match info.sealed {
                Some(key) => Told { key: Some(key), ..plain("sealed") },
                None => plain("clear"),
            }
        }
    })
}
