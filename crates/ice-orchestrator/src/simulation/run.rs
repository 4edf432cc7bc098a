//! One simulated run: what could happen, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::budget::Budget;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::attempts::Running;
use super::checks::Checks;
use super::event::Event;
use super::journal::{Folder, Journal};
use super::{Choices, Violation, World};
use crate::journal::{
    Body, Decision, Failure, Manifest, NodeFailure, RECORD_VERSION, Record, RunOptions, RunStatus,
};
use crate::workflow::Plan;
use crate::workflow::runtime::{Command, Input, Start, State, Ticket, apply, decide};

/// When simulated runs begin: 2026-01-01, in milliseconds.
const BEGIN: i64 = 1_767_225_600_000;
/// Events after which a run counts as endless.
const MAX_EVENTS: usize = 100_000;

/// What may go wrong, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How often the process may end.
    pub crashes: u32,
    /// How often somebody may cancel.
    pub cancels: u32,
    /// What a person may decide about nodes in doubt; a run with such nodes ends parked without.
    pub decisions: Vec<Decision>,
    /// Whether attempts may ignore their cancellation.
    pub unresponsive: bool,
    /// Whether decisions and commits may be late. If not, they follow at once.
    pub late: bool,
    /// A budget that the run draws from call by call, as if it shared it with others.
    pub shared: Option<Budget>,
}

/// How a simulated run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The status: final, or parked.
    pub status: RunStatus,
    /// Top-level node id to output, skipped and failed nodes left out.
    pub output: Value,
    /// Why it failed or is parked.
    pub failure: Option<Failure>,
    /// The nodes that failed for good, the first 100.
    pub failures: Vec<NodeFailure>,
    /// The chunks of its journal.
    pub journal: Vec<Vec<u8>>,
    /// The plan it went on over: the one it was started over, or moved to last.
    pub plan: Arc<Plan>,
    /// How often it was moved to another plan.
    pub moved: u32,
    /// Effects that were performed.
    pub performed: u64,
    /// Everything that was chosen and recorded, one line each.
    pub trace: Vec<String>,
}

/// One simulated run.
#[derive(Debug)]
pub struct Simulation<'c, W, C> {
    pub(super) plan: Arc<Plan>,
    pub(super) world: W,
    pub(super) choices: &'c mut C,
    pub(super) faults: Faults,
    pub(super) now: Moment,
    pub(super) state: State,
    pub(super) shadow: Folder,
    pub(super) journal: Journal,
    pub(super) running: BTreeMap<Ticket, Running>,
    pub(super) held: Vec<(u64, Start)>,
    pub(super) advance: bool,
    pub(super) epoch: u64,
    pub(super) by: Principal,
    pub(super) checks: Checks,
    /// The plans that somebody may move the run to, each once.
    pub(super) moves: Vec<Arc<Plan>>,
    pub(super) moved: u32,
    pub(super) trace: Vec<String>,
}

impl<'c, W: World, C: Choices> Simulation<'c, W, C> {
    /// A run that was just accepted.
    #[must_use]
    pub fn new(plan: &Arc<Plan>, inputs: Value, options: RunOptions, world: W, choices: &'c mut C) -> Self {
        let now = Moment::from_millis(BEGIN);
        let by = Principal::engine();
        let manifest = Manifest {
            version: RECORD_VERSION,
            run: RunId::from(uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001)),
            tenant: Tenant::default(),
            by: by.clone(),
            blueprint: plan.blueprint.blueprint_id.clone(),
            name: plan.blueprint.name().to_owned(),
            plan: plan.hash,
            inputs,
            options,
            not_enforced: Vec::new(),
            forked: None,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let state = State::new(Arc::new(manifest), Arc::clone(plan), now);
        Self {
            plan: Arc::clone(plan),
            world,
            choices,
            faults: Faults::default(),
            now,
            state,
            shadow: Folder::comparing(plan),
            journal: Journal::default(),
            running: BTreeMap::new(),
            held: Vec::new(),
            advance: true,
            epoch: 1,
            by,
            checks: Checks::default(),
            moves: Vec::new(),
            moved: 0,
            trace: Vec::new(),
        }
    }

    /// A run whose journal has these chunks and whose process has ended.
    ///
    /// # Errors
    /// [`Violation`] if the journal cannot be read.
    pub fn resume(
        plan: &Arc<Plan>,
        journal: &[Vec<u8>],
        world: W,
        choices: &'c mut C,
    ) -> Result<Self, Violation> {
        let wrong = |what| Violation { what, trace: Vec::new() };
        let mut journal = Journal::of(journal, plan).map_err(wrong)?;
        let state = journal.recover(plan).map_err(wrong)?;
        // What another engine decided may come out differently now.
        let shadow = journal.folder(plan, &Folder::default()).map_err(wrong)?;
        let mut simulation = Self::new(plan, Value::Null, RunOptions::default(), world, choices);
        simulation.now = state.updated_at();
        (simulation.state, simulation.shadow, simulation.journal) = (state, shadow, journal);
        Ok(simulation)
    }

    /// What may go wrong; nothing by default.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The plans that somebody may move the run to, each once; none by default. A move that the run's past does not allow
    /// changes nothing.
    #[must_use]
    pub fn moves(mut self, plans: Vec<Arc<Plan>>) -> Self {
        self.moves = plans;
        self
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`Violation`] if something came about that must never happen.
    pub fn run(mut self) -> Result<Finished, Violation> {
        match self.drive() {
            Ok(()) => Ok(Finished {
                status: self.state.status(),
                output: self.state.output(),
                failure: self.state.failure().cloned(),
                failures: self.state.failures().to_vec(),
                journal: self.journal.into_chunks(),
                plan: self.plan,
                moved: self.moved,
                performed: self.checks.performed(),
                trace: self.trace,
            }),
            Err(what) => Err(Violation { what, trace: self.trace }),
        }
    }

    /// Takes a run up, or begins with its manifest.
    pub(super) fn begin(&mut self) -> Result<(), String> {
        if self.journal.written().0 > 0 {
            if self.state.ended.is_none() {
                self.recovered()?;
            }
        } else {
            let manifest = std::sync::Arc::new(self.state.manifest().clone());
            let bytes = self.journal.push(&Record { at: self.now, body: Body::Manifest(manifest) })?;
            self.shadow.fold(&self.plan, &bytes, self.journal.blobs())?;
            self.journal.sync();
            self.begin_to_draw()?;
        }
        self.follow_up()
    }

    fn drive(&mut self) -> Result<(), String> {
        self.begin()?;
        for _ in 0..MAX_EVENTS {
            let mut events = self.possible();
            if events.is_empty() {
                return self.finish();
            }
            let chosen = self.choices.choose(events.len()).min(events.len() - 1);
            let event = events.swap_remove(chosen);
            self.step(event)?;
        }
        Err(format!("the run has not ended after {MAX_EVENTS} events"))
    }

    /// Lets something happen, and checks what must always hold.
    pub(super) fn step(&mut self, event: Event) -> Result<(), String> {
        let described = format!("{event:?}");
        self.trace.push(described.clone());
        let before = self.standing();
        self.happen(event)?;
        self.follow_up()?;
        if self.standing() == before {
            return Err(format!("{described} changes nothing, and could happen for ever"));
        }
        self.late_answers()?;
        if self.shadow.state.as_ref() != Some(&self.state) {
            return Err("the records do not fold to the state".to_owned());
        }
        Checks::state(&self.state)?;
        Checks::under_way(&self.state, self.running.len() + self.held.len())
    }

    fn finish(&self) -> Result<(), String> {
        if self.state.ended.is_none() && self.state.parked.is_none() {
            return Err("nothing can happen any more, but the run has not ended".to_owned());
        }
        if self.state.ended.is_some() {
            Checks::finished(&self.state)?;
        }
        let folded = self.journal.fold(&self.plan)?;
        if folded == self.state { Ok(()) } else { Err("the journal does not fold to the state".to_owned()) }
    }

    /// Without [`Faults::late`], decisions and commits follow at once.
    fn follow_up(&mut self) -> Result<(), String> {
        if self.faults.late {
            return self.release();
        }
        loop {
            while self.advance {
                self.advance()?;
            }
            let ends = self.state.ended.is_some() || self.state.parked.is_some();
            let steps = self.running.values().any(|running| running.announced.is_some());
            if ends || steps || !self.held.is_empty() {
                self.journal.sync()
            } else {
                self.journal.write()
            }
            self.release()?;
            if !self.advance {
                return Ok(());
            }
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Advance => self.advance(),
            Event::Announce(ticket) => self.announce(ticket),
            Event::EndStep(ticket) => self.end_step(ticket),
            Event::End(ticket, ending) => self.end(ticket, ending),
            Event::Wait => {
                self.now = self.next_moment().unwrap_or(self.now);
                Ok(())
            }
            Event::Tick => self.take(Input::Tick),
            Event::Write => {
                self.journal.write();
                Ok(())
            }
            Event::Sync => {
                self.journal.sync();
                Ok(())
            }
            Event::Crash(kept) => self.crash(kept),
            Event::Cancel => {
                self.faults.cancels = self.faults.cancels.saturating_sub(1);
                self.advance = true;
                self.take(Input::Cancel { by: self.by.clone(), reason: Some("a test".to_owned()) })
            }
            Event::Answer(node, which) => self.answer(&node, which),
            Event::Settle(node, decision) => self.settle(node, decision),
            Event::Move(which) => self.move_to(which),
            Event::Resume(decision) => {
                self.recovered()?;
                for node in self.state.doubtful() {
                    if let Some(decision) = decision {
                        self.settle(node, decision)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn advance(&mut self) -> Result<(), String> {
        self.advance = false;
        self.take(Input::Advance)
    }

    /// As the engine's driver does: decides, applies, keeps, carries out.
    pub(super) fn take(&mut self, input: Input) -> Result<(), String> {
        let decided = decide(&self.state, input.clone(), self.now);
        if let Some(need) = decided.short {
            self.take(self.draw(need))?;
            return self.take(input);
        }
        let ends = matches!(decided.records.last(), Some(Body::Ended { .. }));
        if ends && !self.running.is_empty() {
            return Ok(());
        }
        for body in decided.records {
            let record = Record { at: self.now, body };
            self.trace.push(format!("    {:?}", record.body));
            Checks::record(&self.state, &record.body)?;
            apply(&mut self.state, &record).map_err(|error| error.to_string())?;
            let bytes = self.journal.push(&record)?;
            self.shadow.fold(&self.plan, &bytes, self.journal.blobs())?;
            self.advance = true;
        }
        for command in decided.commands {
            match command {
                Command::Start(start) if start.effect.needs_barrier() => {
                    self.held.push((self.state.next_number(), start));
                }
                Command::Start(start) => self.launch(start)?,
                Command::Cancel(ticket) => self.cancel(ticket)?,
            }
        }
        self.release()
    }

    /// Lets go what waited for durability that is there now.
    fn release(&mut self) -> Result<(), String> {
        let durable = self.journal.durable();
        let held = std::mem::take(&mut self.held);
        let (go, held) = held.into_iter().partition(|(upto, _)| *upto <= durable);
        self.held = held;
        for (_, start) in go {
            self.launch(start)?;
        }
        for running in self.running.values_mut() {
            if let Some(step) = &mut running.announced
                && !step.performed
                && let Some(known) = running.reply.steps.get(running.ended)
                && (!known.effect.needs_barrier() || step.upto <= durable)
            {
                step.performed = true;
                self.checks.perform(&step.path, known.effect, step.upto <= durable)?;
            }
        }
        Ok(())
    }

    fn crash(&mut self, kept: usize) -> Result<(), String> {
        self.faults.crashes = self.faults.crashes.saturating_sub(1);
        self.journal.crash(kept);
        self.running.clear();
        self.held.clear();
        self.state = self.journal.recover(&self.plan)?;
        self.shadow = self.journal.folder(&self.plan, &self.shadow)?;
        if self.state.ended.is_some() {
            self.advance = false;
            return Ok(());
        }
        self.recovered()
    }

    fn recovered(&mut self) -> Result<(), String> {
        self.epoch += 1;
        self.advance = true;
        self.take(Input::Recovered { by: self.by.clone(), epoch: self.epoch })
    }

    fn settle(&mut self, node: NodePath, decision: Decision) -> Result<(), String> {
        if decision == Decision::Repeat {
            let kept = self.state.locate(&node).and_then(|place| self.state.kept.get(&place));
            let open = kept.and_then(|steps| steps.iter().find(|step| step.receipt.is_none()));
            self.checks.repeat(open.map_or(&node, |step| &step.path));
        }
        self.take(Input::Settle { node, decision, by: self.by.clone() })
    }
}
