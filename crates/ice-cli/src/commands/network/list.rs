//! `ice network list`.

use clap::Args;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::engine::ScheduleDocument;

use crate::commands::runs::with_link;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render;
use crate::shell::Shell;

/// Lists schedules, with the next time of each and its last run.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this network
    network: Option<String>,
}

impl List {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (schedules, is_owned) = if folder.path().exists() {
            shell.block_on(with_link(&folder, async |link| {
                let network = self.network.clone();
                let Response::Schedules { schedules } = link.call(Request::Schedules { network }).await?
                else {
                    return Err(LinkError::astray());
                };
                Ok((schedules, link.is_remote()))
            }))?
        } else {
            (Vec::new(), false)
        };
        if shell.screen.json {
            shell.screen.document(&schedules)?;
            return Ok(Exit::Succeeded);
        }
        if schedules.is_empty() {
            shell.screen.note("there are no such schedules");
            return Ok(Exit::Succeeded);
        }
        shell.screen.line(table(shell, &schedules))?;
        for schedule in &schedules {
            if let Some(problem) = &schedule.problem {
                shell.screen.note(format_args!("{} {}: {problem}", schedule.network, schedule.entry));
            }
        }
        if !is_owned && schedules.iter().any(|schedule| !schedule.paused) {
            shell.screen.note("nobody keeps them: `ice worker` does, and `ice network run FILE --scheduled`");
        }
        Ok(Exit::Succeeded)
    }
}

/// Schedules as a table.
pub(super) fn table(shell: &Shell, schedules: &[ScheduleDocument]) -> String {
    let rows = schedules.iter().map(|schedule| {
        let next = match schedule.next {
            _ if schedule.paused => "paused".to_owned(),
            Some(next) => next.to_string().get(..19).unwrap_or_default().replace('T', " "),
            None => "never".to_owned(),
        };
        [
            schedule.network.clone(),
            schedule.entry.clone(),
            schedule.timing.cron.to_string(),
            schedule.timing.time_zone.to_string(),
            next,
            schedule.last.as_ref().map_or_else(|| "–".to_owned(), |last| last.run.to_string()),
        ]
    });
    let headings = ["NETWORK", "ENTRY", "SCHEDULE", "TIME ZONE", "NEXT (UTC)", "LAST RUN"];
    render::table::plain(&shell.screen, headings, rows)
}
