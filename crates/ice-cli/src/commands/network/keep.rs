//! `ice network run --scheduled`: stays while schedules are kept, and tells what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ice_core::id::{BlueprintId, RunId};
use ice_core::time::{Clock, Moment, SystemClock};
use ice_orchestrator::control::{ListQuery, Request, Response, Start};
use ice_orchestrator::engine::ScheduleDocument;
use ice_orchestrator::journal::{RunStatus, RunSummary};
use serde::Serialize;
use tokio::time::sleep;

use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::screen::{CYAN, RED, YELLOW, styled};
use crate::shell::Shell;
use crate::signals::{Signals, Told};
use crate::stay::linger;

/// The pause between two looks at what has become of the schedules.
const PAUSE: Duration = Duration::from_millis(300);

/// The newest runs of a schedule that are looked at.
const RUNS: usize = 50;

/// What is told with `--json`, one document per line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    /// A schedule is kept.
    Scheduled { schedule: &'a ScheduleDocument },
    /// A run was started, or goes on.
    Started { entry: &'a str, run: RunId, at: Moment },
    /// A run has ended, is parked or waits.
    Reached { entry: &'a str, run: RunId, status: RunStatus },
    /// A time was passed over.
    PassedOver { entry: &'a str, skipped: u64, missed: u64 },
    /// Somebody paused it, or removed it.
    Paused { entry: &'a str },
    /// A time came for which nothing could be started.
    Refused { entry: &'a str, why: String },
}

/// Registers the schedules with the owner of the folder, which may be this process, and stays. Ctrl-C pauses them, and a
/// second one leaves the runs that are under way; SIGTERM leaves everything to whoever keeps the schedules next.
pub(super) async fn keep(
    shell: &Shell,
    folder: &DataFolder,
    start: Start,
    network: &str,
) -> Result<Exit, Fault> {
    let mut signals = Signals::listen()?;
    let begun = SystemClock.now();
    let mut teller = Teller {
        shell,
        network,
        begun,
        known: BTreeMap::new(),
        stands: BTreeMap::new(),
        kept: BTreeSet::new(),
    };
    loop {
        let link = tokio::select! {
            link = access(folder, Role::Worker) => link?,
            _ = signals.next() => return Ok(Exit::Succeeded),
        };
        let told = tokio::select! {
            kept = attend(shell, &link, &start, &mut teller) => match kept {
                Err(LinkError::Gone) if !link.is_owner() => {
                    shell.screen.note("the owner of the data folder went away");
                    continue;
                }
                Ok(never) => match never {},
                Err(error) => {
                    // The fault says more than what closing could add to it.
                    let _ = link.close().await;
                    return Err(error.into());
                }
            },
            fault = failed(&link) => {
                // Closing fails for the same reason.
                let _ = link.close().await;
                return Err(fault);
            }
            told = signals.next() => told,
        };
        match told {
            Told::Terminate => link.close().await?,
            Told::Interrupt => {
                link.call(Request::Unschedule { network: network.to_owned(), forget: false }).await?;
                shell.screen.note(format_args!(
                    "the schedules of {network} are paused: `ice network run FILE --scheduled` goes on with them"
                ));
                linger(shell, link, None, &mut signals).await?;
            }
        }
        return Ok(Exit::Succeeded);
    }
}

/// Never comes to be.
enum Never {}

/// Waits until the store fails, if this process has it open.
async fn failed(link: &Link) -> Fault {
    match link {
        Link::Owner(owner) => owner.failed().await,
        Link::Remote(_) => std::future::pending().await,
    }
}

async fn attend(
    shell: &Shell,
    link: &Link,
    start: &Start,
    teller: &mut Teller<'_>,
) -> Result<Never, LinkError> {
    if let Link::Owner(owner) = link {
        // What was under way when the process before ended goes on.
        let (going, _) = owner.take_up(|line| shell.screen.note(line)).await?;
        if going > 0 {
            shell.screen.note(format_args!("goes on with {}", text::count(going as u64, "run")));
        }
    }
    let schedules = schedules(link, Request::Schedule(Box::new(start.clone()))).await?;
    for schedule in &schedules {
        teller.kept(schedule)?;
    }
    loop {
        let request = Request::Schedules { network: Some(teller.network.to_owned()) };
        let now = self::schedules(link, request).await?;
        teller.tell_paused(&now)?;
        for schedule in now {
            let runs = runs(link, &schedule).await?;
            teller.tell(&schedule, runs)?;
        }
        sleep(PAUSE).await;
    }
}

async fn schedules(link: &Link, request: Request) -> Result<Vec<ScheduleDocument>, LinkError> {
    let Response::Schedules { schedules } = link.call(request).await? else {
        return Err(LinkError::astray());
    };
    Ok(schedules)
}

/// The newest runs of a schedule, the oldest of them first.
async fn runs(link: &Link, schedule: &ScheduleDocument) -> Result<Vec<RunSummary>, LinkError> {
    let Ok(blueprint) = BlueprintId::new(&format!("{}.{}", schedule.network, schedule.entry)) else {
        return Ok(Vec::new());
    };
    let query = ListQuery { blueprint: Some(blueprint), limit: Some(RUNS), ..ListQuery::default() };
    let Response::Runs { mut runs } = link.call(Request::List(query)).await? else {
        return Err(LinkError::astray());
    };
    runs.reverse();
    Ok(runs)
}

/// What was told so far.
struct Teller<'a> {
    shell: &'a Shell,
    network: &'a str,
    /// When this command began.
    begun: Moment,
    /// How the newest runs of each schedule stood, by entry.
    known: BTreeMap<String, BTreeMap<RunId, RunStatus>>,
    /// How the schedules stood, by entry: what was passed over, and the last problem.
    stands: BTreeMap<String, (u64, u64, Option<String>)>,
    /// The entries whose schedules are not paused.
    kept: BTreeSet<String>,
}

impl Teller<'_> {
    fn kept(&mut self, schedule: &ScheduleDocument) -> Result<(), Fault> {
        let why = schedule.problem.as_ref().map(ToString::to_string);
        self.stands.insert(schedule.entry.clone(), (schedule.skipped, schedule.missed, why));
        self.kept.insert(schedule.entry.clone());
        if self.shell.screen.json {
            return self.shell.screen.record(&Event::Scheduled { schedule });
        }
        let next = schedule.next.map_or_else(|| "never".to_owned(), |next| next.to_string());
        let (entry, timing) = (&schedule.entry, &schedule.timing);
        self.shell.screen.note(format_args!(
            "{} {entry}: {} in {}, next at {next}",
            styled(CYAN, "schedule"),
            timing.cron,
            timing.time_zone
        ));
        Ok(())
    }

    /// Tells which schedules somebody else has paused or removed: they are kept no more, here as little as elsewhere.
    fn tell_paused(&mut self, schedules: &[ScheduleDocument]) -> Result<(), Fault> {
        let is_kept = |entry: &String| schedules.iter().any(|found| found.entry == *entry && !found.paused);
        let screen = &self.shell.screen;
        for entry in self.kept.extract_if(.., |entry| !is_kept(entry)) {
            if screen.json {
                screen.record(&Event::Paused { entry: &entry })?;
            } else {
                screen.note(format_args!(
                    "{} {entry}: somebody else has paused its schedule, or removed it",
                    styled(YELLOW, "paused")
                ));
            }
        }
        Ok(())
    }

    fn tell(&mut self, schedule: &ScheduleDocument, runs: Vec<RunSummary>) -> Result<(), Fault> {
        let (entry, screen) = (schedule.entry.as_str(), &self.shell.screen);
        let stand = runs.iter().map(|summary| (summary.id, summary.status)).collect();
        // Older ones are told of no more.
        let known = self.known.insert(entry.to_owned(), stand).unwrap_or_default();
        for summary in runs {
            let (run, status) = (summary.id, summary.status);
            let before = known.get(&run).copied();
            // Of runs that were over when this command came nothing is told.
            if before.is_none() && status.is_final() && summary.started_at < self.begun {
                continue;
            }
            if before.is_none() {
                let at = summary.started_at;
                if screen.json {
                    screen.record(&Event::Started { entry, run, at })?;
                } else {
                    screen.line(format_args!("{} {entry} {run}", text::status(RunStatus::Running)))?;
                }
            }
            let goes_on = matches!(status, RunStatus::Queued | RunStatus::Running);
            if before != Some(status) && !goes_on {
                if screen.json {
                    screen.record(&Event::Reached { entry, run, status })?;
                } else {
                    screen.line(format_args!("{} {entry} {run}", text::status(status)))?;
                }
            }
        }
        let why = schedule.problem.as_ref().map(ToString::to_string);
        let stands = (schedule.skipped, schedule.missed, why);
        let before = self.stands.insert(entry.to_owned(), stands.clone());
        let Some((skipped, missed, known)) = before else { return Ok(()) };
        if (skipped, missed) != (stands.0, stands.1) {
            if screen.json {
                screen.record(&Event::PassedOver { entry, skipped: stands.0, missed: stands.1 })?;
            } else if stands.0 > skipped {
                screen.note(format_args!(
                    "{entry}: a time was passed over, as the run before is still under way"
                ));
            } else {
                screen.note(format_args!("{entry}: times were missed"));
            }
        }
        if let Some(why) = stands.2.filter(|why| known.as_ref() != Some(why)) {
            if screen.json {
                screen.record(&Event::Refused { entry, why })?;
            } else {
                screen.note(format_args!("{} {entry}: {why}", styled(RED, "not started")));
            }
        }
        Ok(())
    }
}
