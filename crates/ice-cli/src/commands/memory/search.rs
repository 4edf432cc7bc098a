//! `ice memory search`.

use clap::Args;
use ice_core::memory::MemoryHit;
use ice_orchestrator::control::{MemoryRequest, MemoryResponse};

use super::ask;
use super::within::{Within, table};
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// Searches what is remembered by words, the best first.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// What is looked for
    query: String,
    /// The most entries
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    within: Within,
}

impl Search {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (hits, left_out) = if folder.exists() { self.search(shell, &folder)? } else { (Vec::new(), 0) };
        if shell.screen.json {
            shell.screen.document(&hits)?;
        } else if hits.is_empty() {
            shell.screen.note("nothing was found");
        } else {
            shell.screen.line(table(shell, hits.iter().map(|hit| &hit.entry)))?;
        }
        if left_out > 0 {
            let more = text::number(left_out);
            shell.screen.note(format_args!("{more} more are too large for one answer: narrow the search"));
        }
        Ok(Exit::Succeeded)
    }

    fn search(&self, shell: &Shell, folder: &DataFolder) -> Result<(Vec<MemoryHit>, u64), Fault> {
        let request = MemoryRequest::Search {
            query: self.query.clone(),
            within: Box::new(self.within.place()),
            limit: Some(usize::from(self.limit)),
        };
        let MemoryResponse::Found { hits, left_out } = ask(shell, folder, &request)? else {
            return Err(LinkError::astray().into());
        };
        Ok((hits, left_out))
    }
}
