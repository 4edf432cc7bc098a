//! `ice memory stats`.

use clap::Args;
use ice_orchestrator::control::{MemoryRequest, MemoryResponse, ScopeUsage};

use super::ask;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{table, text};
use crate::shell::Shell;

/// Tells how much is remembered of each kind in each scope, and what is promised of it.
#[derive(Debug, Args)]
pub(super) struct Stats {}

impl Stats {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let usage: Vec<ScopeUsage> = if folder.exists() {
            let MemoryResponse::Usage { usage } = ask(shell, &folder, &MemoryRequest::Stats)? else {
                return Err(LinkError::astray().into());
            };
            usage
        } else {
            Vec::new()
        };
        if shell.screen.json {
            shell.screen.document(&usage)?;
            return Ok(Exit::Succeeded);
        }
        if usage.is_empty() {
            shell.screen.note("nothing is remembered yet; `ice memory put TEXT` remembers something");
            return Ok(Exit::Succeeded);
        }
        let rows = usage.iter().map(|one| {
            let used = &one.usage;
            let about = if used.estimated_tokens > 0 { "~" } else { "" };
            [
                text::line(one.scope.as_str(), 40),
                one.kind.to_string(),
                one.guarantee.to_string(),
                text::number(used.entries),
                format!("{about}{}", text::number(used.tokens)),
                text::size(used.bytes),
                format!("${}", used.cost),
                text::number(used.past_entries),
                text::size(used.past_bytes),
            ]
        });
        let headings =
            ["SCOPE", "KIND", "GUARANTEE", "ENTRIES", "TOKENS", "SIZE", "COST", "PAST", "PAST SIZE"];
        shell.screen.line(table::unbroken(shell.screen.width(), headings, rows, &FIT))?;
        Ok(Exit::Succeeded)
    }
}

/// The name of the scope is cut; before that what is past and what it cost is left out.
const FIT: table::Fit = table::Fit { cut: 0, least: 10, spare: &[8, 7, 6, 2] };
