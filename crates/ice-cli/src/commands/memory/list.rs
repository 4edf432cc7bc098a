//! `ice memory list`.

use clap::Args;
use ice_core::id::RunId;
use ice_core::memory::Entry;
use ice_orchestrator::control::{MemoryList, MemoryRequest, MemoryResponse, MemoryWhere};

use super::within::{Within, table};
use super::{call, with_link};
use crate::commands::runs::find;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// The entries that are shown without `--limit` or `--all`.
const SHOWN: u64 = 20;

/// The entries that are asked for at a time.
const PAGE: usize = 1_000;

/// Lists what is remembered, the newest first.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    within: Within,
    /// Only what this run remembered
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only with this text in it, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
    /// The most entries
    #[arg(long, value_name = "N", default_value_t = SHOWN, conflicts_with = "all",
        value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Every entry there is
    #[arg(long)]
    all: bool,
}

impl List {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (entries, is_all) =
            if folder.exists() { shell.block_on(self.collect(&folder))? } else { (Vec::new(), true) };
        if shell.screen.json {
            shell.screen.document(&entries)?;
        } else if entries.is_empty() {
            shell.screen.note("nothing is remembered that is like this");
        } else {
            shell.screen.line(table(shell, &entries))?;
            if !is_all {
                shell.screen.note("there is more: `--limit N` or `--all` shows it");
            }
        }
        Ok(Exit::Succeeded)
    }

    /// The entries, and whether these are all.
    async fn collect(&self, folder: &DataFolder) -> Result<(Vec<Entry>, bool), Fault> {
        let wanted = if self.all { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) };
        with_link(folder, async |link| {
            let run: Option<RunId> = match &self.run {
                Some(run) => Some(find(link, run).await?),
                None => None,
            };
            let within = MemoryWhere { run, contains: self.contains.clone(), ..self.within.place() };
            let (mut found, mut after): (Vec<Entry>, _) = (Vec::new(), None);
            loop {
                let request = MemoryRequest::List(MemoryList {
                    within: Box::new(within.clone()),
                    limit: Some((wanted - found.len()).min(PAGE)),
                    after,
                });
                let MemoryResponse::Entries { entries, next } = call(link, request).await? else {
                    return Err(LinkError::astray());
                };
                found.extend(entries);
                match next {
                    None => return Ok((found, true)),
                    Some(_) if found.len() >= wanted => return Ok((found, false)),
                    Some(next) => after = Some(next),
                }
            }
        })
        .await
    }
}
