//! `ice erase`.

use clap::Args;
use ice_orchestrator::control::{EraseQuery, Request, Response};
use ice_orchestrator::engine::Erased;
use serde::Serialize;

use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::screen::Screen;
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

/// Erases a person: 0 nothing of them is left, 1 something stays, and it is told what.
///
/// Removed is what names them, as whole words whatever their case, or what `--also` gives: entries of memory, runs that have ended,
/// schedules, pinned blueprints, and the blobs that only these need. Then the files of the data folder are written anew, without what
/// was removed. A call that was cut short is finished by the next one.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// The name of the person
    #[arg(long, value_name = "NAME")]
    person: String,
    /// What else stands for them, such as an address or a number, as often as needed
    #[arg(long, value_name = "TEXT")]
    also: Vec<String>,
    /// Only tell what would be erased
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Erase without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    erased: Erased,
    dry_run: bool,
    complete: bool,
}

impl Erase {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        if !folder.exists() {
            return self.tell(&shell.screen, Erased::default());
        }
        let mut erased = shell.block_on(async {
            let mut signals = Signals::listen()?;
            let link = access(&folder, Role::Run).await?;
            let answer = self.ask(&link).await;
            let closed = linger(shell, link, None, &mut signals).await;
            let answer = answer?;
            closed?;
            Ok(answer)
        })?;
        // What could not be read once was moved there as it was.
        let damaged = folder.path().join("damaged");
        if damaged.exists() {
            erased.remains.push(format!("what is in {} is not looked through: remove it", damaged.display()));
        }
        self.tell(&shell.screen, erased)
    }

    async fn ask(&self, link: &Link) -> Result<Erased, Fault> {
        let ask = async |dry_run| {
            let query = EraseQuery { person: self.person.clone(), also: self.also.clone(), dry_run };
            let answer = link.call(Request::Erase(query)).await?;
            let Response::Erased(erased) = answer else { return Err(LinkError::astray().into()) };
            Ok::<_, Fault>(erased)
        };
        if !self.yes && !self.dry_run {
            let found = ask(true).await?;
            return Err(Fault::usage(format!("this would erase {}", amount(&found)))
                .help("say `--yes` if that is what you mean; `--dry-run` tells what it is"));
        }
        ask(self.dry_run).await
    }

    fn tell(&self, screen: &Screen, erased: Erased) -> Result<Exit, Fault> {
        let complete = erased.is_complete();
        let exit = if complete { Exit::Succeeded } else { Exit::Failed };
        if screen.json {
            screen.document(&Report { erased, dry_run: self.dry_run, complete })?;
            return Ok(exit);
        }
        for run in &erased.runs {
            screen.line(run)?;
        }
        for schedule in &erased.schedules {
            screen.line(format_args!("schedule {schedule}"))?;
        }
        let many = amount(&erased);
        if self.dry_run {
            screen.note(format_args!("{many} would be erased"));
        } else {
            let blobs = text::count(erased.blobs, "blob");
            screen.note(format_args!("erased {many} and {blobs} ({})", text::size(erased.blob_bytes)));
        }
        for run in &erased.unended {
            screen.note(format_args!(
                "the run {run} names the person and has not ended: `ice runs cancel {run}`, then erase again"
            ));
        }
        for run in &erased.unreadable {
            screen.note(format_args!("the run {run} cannot be read, and may name the person: it stays"));
        }
        for what in &erased.remains {
            screen.note(what);
        }
        Ok(exit)
    }
}

fn amount(erased: &Erased) -> String {
    let Erased { memory, runs, schedules, plans, .. } = erased;
    let entries =
        if *memory == 1 { "1 entry".to_owned() } else { format!("{} entries", text::number(*memory)) };
    format!(
        "{entries} of memory, {}, {} and {}",
        text::count(runs.len() as u64, "run"),
        text::count(schedules.len() as u64, "schedule"),
        text::count(*plans, "pinned blueprint")
    )
}
