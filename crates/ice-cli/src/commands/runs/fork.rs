//! `ice runs fork`.

use std::path::PathBuf;

use clap::Args;
use ice_core::id::RunId;
use ice_core::path::NodePath;
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::{Map, Value};
use ice_orchestrator::control::{ForkRequest, Request, Response};

use super::find;
use crate::commands::budget::SpendArgs;
use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{self, Inputs};
use crate::load;
use crate::screen::{CYAN, styled};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::{Watching, linger, stay};
use crate::watch::Until;

/// Starts a run that has behind it what another had when it came to a node, and stays until it has ended: what was done
/// before is not done again, from the node on everything is, with what is changed.
#[derive(Debug, Args)]
pub(super) struct Fork {
    /// The run
    id: String,
    /// The node before which the new run goes its own way; without indices it stands for the first one of its kind
    #[arg(long, value_name = "NODE")]
    at: NodePath,
    /// A changed field of a node: NODE.FIELD=VALUE (JSON if it parses, else text; @FILE.json reads it from a file)
    #[arg(long, value_name = "FIELD", conflicts_with = "blueprint")]
    set: Vec<String>,
    /// A changed input, as with `ice run`; the others stay
    #[arg(short, long, value_name = "INPUT")]
    input: Vec<String>,
    /// A changed blueprint
    #[arg(long, value_name = "FILE")]
    blueprint: Option<PathBuf>,
    #[command(flatten)]
    budget: SpendArgs,
    /// Stay through questions and parking, until the run has ended
    #[arg(long)]
    wait: bool,
}

impl Fork {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let documents = match &self.blueprint {
            Some(file) => load::documents(shell, file)?,
            None => Vec::new(),
        };
        let Inputs { values: inputs, pictures } = input::inputs(&self.input)?;
        let mut set = Map::default();
        for word in &self.set {
            let (path, value) = word.split_once('=').ok_or_else(|| {
                Fault::usage(format!("`--set {word}` has no `=`"))
                    .help("write it like `--set ask.prompt='Say it.'`")
            })?;
            set.insert(path.trim().into(), input::field(value)?);
        }
        let set = Value::from(set);
        let budget = Some(self.budget.budget()).filter(|budget| !budget.is_unlimited());
        let key = Some(format!("ice-fork-{}", SystemIds.uuid()));
        shell.block_on(async {
            let mut signals = Signals::listen()?;
            let (link, run, since) = loop {
                let link = access(&folder, Role::Run).await?;
                let started = async {
                    let (run, at) = (find(&link, &self.id).await?, self.at.clone());
                    pictures.bring(&link).await?;
                    let (documents, inputs, set) = (documents.clone(), inputs.clone(), set.clone());
                    let idempotency_key = key.clone();
                    start(&link, ForkRequest { run, at, documents, inputs, set, budget, idempotency_key })
                        .await
                };
                match started.await {
                    Ok((run, since)) => break (link, run, since),
                    // The key sees to it that a second try gives the same run.
                    Err(LinkError::Gone) => {}
                    Err(LinkError::Fault(fault)) => {
                        // The fault says more than what closing could add to it.
                        let _ = linger(shell, link, None, &mut signals).await;
                        return Err(fault);
                    }
                }
            };
            shell.screen.note(format_args!("{} {run}", styled(CYAN, "run")));
            let until = if self.wait { Until::Ended } else { Until::Parked };
            let watching = Watching { run, since, until, blueprint: None };
            stay(shell, &folder, link, watching, &mut signals).await
        })
    }
}

/// Starts the fork; gives the number of its first record of its own, too.
async fn start(link: &Link, fork: ForkRequest) -> Result<(RunId, u64), LinkError> {
    let answer = link.call(Request::Fork(Box::new(fork))).await?;
    let Response::Started { run } = answer else { return Err(LinkError::astray()) };
    let forked = link.show(run).await?.forked;
    Ok((run, forked.map_or(0, |forked| forked.record)))
}
