//! Staying with a run until it ends, through the end of its owner if need be.

use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::events::{Cursor, Event};
use ice_orchestrator::journal::{RunDocument, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;

use crate::data::{Answers, DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::signals::{Signals, Told};

/// How long to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until the run has ended, is parked, or waits for somebody to answer.
    Parked,
    /// Until the run has ended, whatever it waits for.
    Ended,
}

/// How the watch ended.
#[derive(Debug)]
pub(crate) enum Watched {
    /// The run is final or parked, or waits for somebody to answer.
    Over(Box<RunDocument>),
    /// The person left; the run is as its journal has it.
    Left(Exit),
}

/// What a Ctrl-C means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The run is cancelled; a second one leaves it at once.
    Cancels,
    /// The run is left, and can be gone on with.
    Leaves,
}

/// Shows what becomes of a run.
pub(crate) trait Viewer: std::fmt::Debug {
    /// Takes an event in. Gives the status of the run if it goes no further for now.
    fn see(&mut self, event: &Event) -> Option<RunStatus>;

    /// Tells something that must be seen.
    fn note(&self, message: &str);
}

/// Stays with a run. Events go to `viewer`.
pub(crate) struct Watch<'a> {
    /// The data folder.
    pub(crate) folder: &'a DataFolder,
    /// The run.
    pub(crate) run: RunId,
    /// The last event that was seen.
    pub(crate) after: Option<Cursor>,
    /// The events after it, where somebody stays again: pieces of answers are not told twice.
    pub(crate) events: Option<Answers>,
    /// The records that were there before: that the run was parked then says nothing about now.
    pub(crate) since: u64,
    /// How long.
    pub(crate) until: Until,
    /// What the process is told.
    pub(crate) signals: &'a mut Signals,
    /// What Ctrl-C means.
    pub(crate) interrupt: Interrupt,
    /// Where events go.
    pub(crate) viewer: &'a mut dyn Viewer,
    /// Whether somebody was asked something.
    pub(crate) asked: bool,
}

impl Watch<'_> {
    /// Stays until the run is over or the person leaves: Ctrl-C cancels the run, a second one leaves at once, or leaves
    /// it if that is what it means; `SIGTERM` leaves it to be resumed. If the owner goes away, this process looks for another one, or
    /// becomes it and resumes what was left.
    ///
    /// # Errors
    /// [`Fault`] if the run cannot be watched any more.
    pub(crate) async fn stay(&mut self, link: &mut Link) -> Result<Watched, Fault> {
        let mut cancelling = false;
        loop {
            let request = Request::Events { run: self.run, after: self.after, follow: true };
            let mut answers = match self.events.take() {
                Some(answers) => answers,
                None => match link.stream(request).await {
                    Ok(answers) => answers,
                    Err(error) => {
                        self.recover(link, error).await?;
                        continue;
                    }
                },
            };
            let lost = loop {
                tokio::select! {
                    answer = answers.next() => match answer {
                        Some(Ok(Response::Event { event })) => {
                            self.after = Some(event.cursor);
                            let ended = self.viewer.see(&event);
                            let is_news = event.number.is_none_or(|number| number >= self.since);
                            if ended.is_some_and(|status| self.is_over(status) && (is_news || status.is_final())) {
                                break None;
                            }
                            self.asked |= event.event == "node.asked";
                            // Of what was there before, the last is the first that may say how it stands.
                            let is_now = event.number.is_some_and(|number| number + 1 >= self.since);
                            if self.asked && is_now && self.until == Until::Parked {
                                match self.waits_for_people(link).await {
                                    Ok(None) => {}
                                    Ok(Some(document)) => {
                                        self.events = Some(answers);
                                        return Ok(Watched::Over(document));
                                    }
                                    Err(error) => break Some(error),
                                }
                            }
                        }
                        Some(Ok(Response::Refused(refusal))) => return Err(crate::data::refused(refusal)),
                        Some(Ok(_)) => break None,
                        Some(Err(error)) => break Some(error),
                        None => break Some(LinkError::Gone),
                    },
                    told = self.signals.next() => match told {
                        Told::Interrupt if self.interrupt == Interrupt::Leaves => {
                            return Ok(Watched::Left(Exit::Waiting));
                        }
                        Told::Interrupt if cancelling => return Ok(Watched::Left(Exit::Cancelled)),
                        Told::Interrupt => {
                            cancelling = true;
                            self.viewer.note("cancelling the run; Ctrl-C again leaves it at once");
                            let request = Request::Cancel { run: self.run, reason: Some("Ctrl-C".to_owned()) };
                            let asked = tokio::select! {
                                asked = link.call(request) => asked,
                                _ = self.signals.next() => return Ok(Watched::Left(Exit::Cancelled)),
                            };
                            match asked {
                                // A run that has ended meanwhile cannot be cancelled: its end is on the way.
                                Ok(_) => {}
                                Err(LinkError::Fault(fault)) if fault.code == ErrorCode::RunState => {}
                                Err(LinkError::Fault(fault)) => return Err(fault),
                                Err(LinkError::Gone) => {
                                    cancelling = false;
                                    break Some(LinkError::Gone);
                                }
                            }
                        }
                        Told::Terminate => return Ok(Watched::Left(Exit::Waiting)),
                    },
                }
            };
            if let Some(error) = lost {
                self.recover(link, error).await?;
                continue;
            }
            let document = match link.show(self.run).await {
                Ok(document) => document,
                Err(error) => {
                    self.recover(link, error).await?;
                    continue;
                }
            };
            if self.is_over(document.status) {
                return Ok(Watched::Over(document));
            }
            // The events ended, but the run has not: whoever drove it has stopped.
            self.recover(link, LinkError::Gone).await?;
        }
    }

    /// The run, if it goes no further until somebody answers.
    async fn waits_for_people(&self, link: &Link) -> Result<Option<Box<RunDocument>>, LinkError> {
        let request = Request::Find { prefix: self.run.to_string() };
        let Response::Runs { runs } = link.call(request).await? else { return Err(LinkError::astray()) };
        if runs.first().is_none_or(|summary| summary.status != RunStatus::Waiting) {
            return Ok(None);
        }
        let document = link.show(self.run).await?;
        let waiting = document.nodes.iter().filter(|node| node.status == NodeStatus::Waiting).count();
        // What waits for its next attempt goes on by itself.
        let asked = document.questions().count();
        let doubtful = document.nodes.iter().filter(|node| node.in_doubt).count();
        let is_up_to_people =
            document.status == RunStatus::Waiting && asked > 0 && asked + doubtful == waiting;
        Ok(is_up_to_people.then_some(document))
    }

    const fn is_over(&self, status: RunStatus) -> bool {
        match status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Parked => matches!(self.until, Until::Parked),
            RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => false,
        }
    }

    /// Finds another owner or becomes it, and sees to it that the run goes on.
    async fn recover(&mut self, link: &mut Link, error: LinkError) -> Result<(), Fault> {
        match error {
            LinkError::Fault(fault) => return Err(fault),
            LinkError::Gone if link.is_owner() => {
                let message = "this process does not drive the run any more";
                return Err(Fault::new(ErrorCode::RunLost, message)
                    .help(format!("`ice runs show {}` tells how it stands", self.run)));
            }
            LinkError::Gone => {}
        }
        self.viewer.note("the owner of the data folder went away");
        *link = tokio::select! {
            found = access(self.folder, Role::Run) => found?,
            _ = self.signals.next() => {
                return Err(Fault::new(ErrorCode::ControlUnavailable, "the run was left").exit(Exit::Waiting).told());
            }
        };
        if let Link::Owner(owner) = &*link {
            let (going, _) = owner.take_up(|line| self.viewer.note(&line)).await?;
            let many = crate::render::text::count(going as u64, "run");
            self.viewer.note(&format!("this process owns the data folder now and goes on with {many}"));
        }
        match link.call(Request::Resume { run: self.run, in_doubt: None }).await {
            Ok(_) | Err(LinkError::Gone) => Ok(()),
            // Another survivor was faster, or there is nothing left to do.
            Err(LinkError::Fault(fault))
                if matches!(fault.code, ErrorCode::RunState | ErrorCode::RunOwned) =>
            {
                Ok(())
            }
            Err(LinkError::Fault(fault)) => Err(fault),
        }
    }
}
