//! `ice runs list`.

use clap::Args;
use ice_core::time::{Clock, SystemClock};
use ice_orchestrator::control::{ListQuery, Request, Response};
use ice_orchestrator::journal::{RunStatus, RunSummary};

use super::{LEFT, is_left, with_link};
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{table, text};
use crate::shell::Shell;

/// The runs that are shown without `--limit` or `--all`.
const SHOWN: u64 = 20;

/// The name is cut before an id or a time is broken, and the last two columns are left out before that.
const FIT: table::Fit = table::Fit { cut: 2, least: 8, spare: &[4, 5] };

/// The runs that are asked for at a time.
const PAGE: usize = 1_000;

/// Lists runs, the newest first.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this status
    #[arg(long, value_parser = status)]
    status: Option<RunStatus>,
    /// The most runs
    #[arg(long, value_name = "N", default_value_t = SHOWN, conflicts_with = "all",
        value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Every run there is
    #[arg(long)]
    all: bool,
}

pub(super) fn status(text: &str) -> Result<RunStatus, String> {
    RunStatus::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = RunStatus::ALL.iter().map(|status| status.as_str()).collect();
        format!("the statuses are {}", names.join(", "))
    })
}

impl List {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (runs, is_owned) =
            if folder.path().exists() { shell.block_on(self.collect(&folder))? } else { (Vec::new(), false) };
        if shell.screen.json {
            shell.screen.document(&runs)?;
        } else if runs.is_empty() {
            shell.screen.note("there are no such runs");
        } else {
            let now = SystemClock.now();
            let rows = runs.iter().map(|run| {
                let took = match is_left(run.status) {
                    // Nobody knows when a run that nobody drives will go on.
                    true if !is_owned => None,
                    true => Some(now.since(run.started_at)),
                    false => Some(run.updated_at.since(run.started_at)),
                };
                [
                    run.id.to_string(),
                    text::status(run.status),
                    text::line(&run.name, 40),
                    run.started_at.to_string().get(..19).unwrap_or_default().replace('T', " "),
                    took.map_or_else(|| "–".to_owned(), text::span),
                    run.failure.as_ref().map(|failure| failure.code.to_string()).unwrap_or_default(),
                ]
            });
            let headings = ["ID", "STATUS", "NAME", "STARTED (UTC)", "TOOK", "FAILURE"];
            shell.screen.line(table::unbroken(shell.screen.width(), headings, rows, &FIT))?;
            if !is_owned && runs.iter().any(|run| is_left(run.status)) {
                shell.screen.note(LEFT);
            }
        }
        Ok(Exit::Succeeded)
    }

    /// The runs, and whether somebody drives those that have not ended.
    async fn collect(&self, folder: &DataFolder) -> Result<(Vec<RunSummary>, bool), Fault> {
        let wanted = if self.all { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) };
        with_link(folder, async |link| {
            let mut found: Vec<RunSummary> = Vec::new();
            while found.len() < wanted {
                let query = ListQuery {
                    status: self.status,
                    before: found.last().map(|last| last.id),
                    limit: Some((wanted - found.len()).min(PAGE)),
                    ..ListQuery::default()
                };
                let Response::Runs { runs } = link.call(Request::List(query)).await? else {
                    return Err(LinkError::astray());
                };
                if runs.is_empty() {
                    break;
                }
                found.extend(runs);
            }
            Ok((found, link.is_remote()))
        })
        .await
    }
}
