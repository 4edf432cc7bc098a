//! `ice runs show`.

use clap::Args;
use ice_core::time::{Clock, SystemClock};
use ice_orchestrator::journal::{NodeReport, RunDocument};

use super::{LEFT, find, is_left, with_link};
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{question, run, table, text};
use crate::screen::{BOLD, styled};
use crate::shell::Shell;

/// The most nodes that are listed.
const MAX_NODES: usize = 100;

/// Shows a run with its nodes and its output.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The run
    id: String,
}

impl Show {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (document, is_owned) = shell.block_on(with_link(&folder, async |link| {
            let run = find(link, &self.id).await?;
            Ok((link.show(run).await?, link.is_remote()))
        }))?;
        if shell.screen.json {
            shell.screen.document(&document)?
        } else {
            print(shell, &document)?;
            if !is_owned && is_left(document.status) {
                shell.screen.note(LEFT);
            }
        }
        Ok(Exit::Succeeded)
    }
}

fn print(shell: &Shell, document: &RunDocument) -> Result<(), Fault> {
    let screen = &shell.screen;
    screen.line(run::headline(document))?;
    let ago = if is_left(document.status) {
        format!(" ({} ago)", text::span(SystemClock.now().since(document.started_at)))
    } else {
        String::new()
    };
    screen.line(format_args!(
        "started {}{ago} by {}, blueprint {}",
        document.started_at, document.by, document.blueprint_id
    ))?;
    if let Some(forked) = &document.forked {
        screen.line(format_args!("forked from {} at {}", forked.run, forked.at))?;
    }
    for migration in &document.migrations {
        screen.line(format_args!("moved to another blueprint at {} by {}", migration.at, migration.by))?;
    }
    if let Some(imported) = &document.imported {
        screen.line(format_args!("imported at {} by {}", imported.at, imported.by))?;
    }
    if !document.not_enforced.is_empty() {
        screen.line(format_args!("not enforced: {}", document.not_enforced.join(", ")))?;
    }
    if !document.options.waive.is_empty() {
        screen.line(format_args!("waived: {}", document.options.waive.join(", ")))?;
    }
    screen.line("")?;
    let rows = document.nodes.iter().take(MAX_NODES).map(row);
    screen.line(table::plain(
        screen,
        ["NODE", "KIND", "STATUS", "ATTEMPTS", "TOOK", "TOKENS", "FAILURE"],
        rows,
    ))?;
    for node in document.nodes.iter().filter(|node| !node.denials.is_empty()) {
        let denials = node.denials.iter();
        let told: Vec<String> =
            denials.map(|denied| format!("{}: {}", denied.kind.as_str(), denied.what)).collect();
        screen.line(format_args!("{} {}: {}", styled(BOLD, "denied"), node.node, told.join("; ")))?;
    }
    let mut open = document.questions().peekable();
    if open.peek().is_some() {
        drop(open);
        screen.line("")?;
        question::list(screen, document)?;
    }
    let more = document.nodes.len().saturating_sub(MAX_NODES);
    if more > 0 || document.nodes_truncated {
        screen.line(format_args!("… and {} more: `--json` has them", text::count(more as u64, "node")))?;
    }
    screen.line("")?;
    if let Some(failure) = &document.failure {
        screen.line(format_args!("{} {}: {}", styled(BOLD, "failure"), failure.code, failure.message))?;
    }
    screen.raw(&format!("{} ", styled(BOLD, "output")))?;
    if !run::write_output(screen, document)? {
        screen.note("the output is shortened: `--json` has all of it");
    }
    Ok(())
}

fn row(node: &NodeReport) -> [String; 7] {
    let took = match (node.started_at, node.ended_at) {
        (Some(started), Some(ended)) => text::span(ended.since(started)),
        (Some(_) | None, _) => String::new(),
    };
    let tokens = node.usage.total();
    [
        text::line(node.node.as_str(), 60),
        node.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        run::node_status(node.status),
        node.attempts.to_string(),
        took,
        if tokens > 0 { text::number(tokens) } else { String::new() },
        node.failure
            .as_ref()
            .map(|failure| format!("{}: {}", failure.code, text::line(&failure.message, 80)))
            .unwrap_or_default(),
    ]
}
