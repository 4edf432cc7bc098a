//! One life of an engine: from the opening of its stores to the end of the run, or of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::registry::Registry;
use ice_core::store::disk::{SimDisk, SimFault};
use ice_core::time::{Clock, IdSource, Moment, TestIds};
use ice_core::value::Value;

use super::clock::VirtualClock;
use super::fault::Crash;
use super::ground::Ground;
use super::kit::Kit;
use super::store::TestStore;
use super::world::World;
use crate::engine::{Engine, Reply, RunEnd, RunError, RunFilter, RunHandle};
use crate::events::{Event, EventClass, RunEvents};
use crate::journal::{RunDocument, RunHead, RunStatus, keys};
use crate::replay::Divergence;
use crate::workflow::Plan;

/// How long an engine owns its runs without a sign of life: time leaps in tests.
const LEASE: Duration = Duration::from_secs(400 * 24 * 3_600);

/// How long is waited after the end of a run for what should not come any more.
const SILENCE: Duration = Duration::from_secs(3_600);

/// What a run is made of, in all lives of its engine.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) kit: Kit,
    pub(super) world: World,
    registry: Registry,
    pub(super) plan: Arc<Plan>,
    inputs: Value,
    ground: Ground,
    now: Moment,
    ids: TestIds,
    /// Whether somebody was told that the run was accepted.
    pub(super) accepted: bool,
    pub(super) lives: usize,
}

/// How a life is to go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    pub(super) crash: Option<Crash>,
    /// What the power leaves on the disk.
    pub(super) seed: u64,
    /// The run is cancelled once it has this record.
    pub(super) cancel: Option<u64>,
    /// Whether the faults of the store are over.
    pub(super) healed: bool,
}

/// How a life ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run has ended, or goes on no further.
    Rest(Box<Rest>),
    /// The process ended.
    Crashed,
    /// The engine could not drive the run on.
    Failed(RunError),
}

/// What is to be seen of a run that goes on no further.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) end: RunEnd,
    pub(super) document: RunDocument,
    pub(super) events: Vec<Event>,
    pub(super) divergence: Option<Divergence>,
    /// What came after the end of the run, if anything did.
    pub(super) noise: Option<String>,
    /// What was known as the life began.
    pub(super) found: Found,
}

/// What a life found of the ones before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    pub(super) calls: BTreeMap<String, usize>,
}

impl Stage {
    pub(super) fn new(kit: &Kit, world: World, registry: Registry, plan: Arc<Plan>, inputs: Value) -> Self {
        Self {
            ground: Ground::new(kit.on_disk),
            now: kit.begin,
            ids: TestIds::new(1),
            kit: kit.clone(),
            world,
            registry,
            plan,
            inputs,
            accepted: false,
            lives: 0,
        }
    }

    /// Lets an engine live. A runtime of its own ends with it, and all tasks in it: nothing of a crash is cleaned up.
    pub(super) fn live(&mut self, course: Course) -> Stop {
        self.lives += 1;
        let opened = match self.ground.open() {
            Ok(opened) => opened,
            Err(error) => return Stop::Failed(RunError::Store(error)),
        };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all();
        let runtime = runtime.start_paused(!self.kit.real_time).build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => super::fail(&format!("no runtime can be made: {error}")),
        };
        let faults = if course.healed { &[][..] } else { self.kit.store_faults.as_slice() };
        let store = TestStore::new(&opened, keys::heads(&Tenant::default()));
        let store = store.crashing(course.crash, self.ground.disk(), course.seed).failing(faults);
        let store = Arc::new(store);
        let (stop, now) = runtime.block_on(async {
            let clock = VirtualClock::new(self.now);
            let mut builder = Engine::builder()
                .store(Arc::clone(&store) as _, Arc::clone(&opened.blobs))
                .registry(self.registry.clone())
                .time(Arc::new(clock), Arc::new(self.ids.clone()))
                .lease(LEASE);
            if let Some(host) = &self.kit.processes {
                builder = builder.processes(Arc::clone(host));
            }
            let engine = builder.build();
            let stop = tokio::select! {
                biased;
                () = store.struck() => Stop::Crashed,
                stop = self.act(&engine, course) => stop,
            };
            if !matches!(stop, Stop::Crashed) {
                engine.close().await;
                // A store that has failed says so again.
                let _failed = opened.close().await;
            }
            (stop, clock.now())
        });
        self.now = now;
        // Whatever could not be read any more after the power had gone: nobody is there to see it.
        let dark = matches!(stop, Stop::Failed(_)) && self.ground.disk().is_some_and(SimDisk::has_stopped);
        let stop = if dark { Stop::Crashed } else { stop };
        let lost = self.ground.disk().filter(|_| matches!(stop, Stop::Crashed));
        if let Some(disk) = lost {
            // What still runs of this life writes nothing any more.
            disk.inject(SimFault::Stop(0));
        }
        runtime.shutdown_timeout(Duration::from_secs(10));
        if let Some(disk) = lost {
            // Its threads end before the power is back. Outside of a runtime that is done at once; it fails, of course.
            let _failed = opened.close().now_or_never();
            disk.crash(course.seed);
        }
        stop
    }

    async fn act(&mut self, engine: &Engine, course: Course) -> Stop {
        match self.drive(engine, course).await {
            Ok(rest) => Stop::Rest(Box::new(rest)),
            Err(error) => Stop::Failed(error),
        }
    }

    async fn drive(&mut self, engine: &Engine, course: Course) -> Result<Rest, RunError> {
        let tenant = Tenant::default();
        let known =
            engine.list(&tenant, &RunFilter::default()).await?.first().map(|run| (run.id, run.status));
        let mut found = Found::default();
        if let Some((run, status)) = known {
            found = Found { events: durable(engine, run).await?, calls: self.world.calls.by_address() };
            if status.is_final() {
                let seen = found.events.clone();
                return self.rest(engine, run, found, seen).await;
            }
        }
        self.world.answers.begin(&found.events);
        self.world.given.begin(&found.events);
        let handle = match known {
            Some((run, _)) => engine.resume(&tenant, run, &somebody(), None).await?,
            None => {
                let (inputs, options) = (self.inputs.clone(), self.kit.options.clone());
                engine.start(&self.plan, inputs, options, &somebody(), &tenant).await?
            }
        };
        self.accepted = true;
        let run = handle.id();
        let events = Some(engine.events(&tenant, run, None, true).await?);
        let (seen, open) = (Vec::new(), BTreeSet::new());
        let mut people = People { stage: self, engine, handle, events, seen, open, cancel: course.cancel };
        people.attend().await?;
        let seen = std::mem::take(&mut people.seen);
        self.rest(engine, run, found, seen).await
    }

    /// Looks at a run that goes on no further, of which these events were seen.
    async fn rest(
        &self,
        engine: &Engine,
        run: RunId,
        found: Found,
        seen: Vec<Event>,
    ) -> Result<Rest, RunError> {
        let tenant = Tenant::default();
        let document = engine.show(&tenant, run).await?;
        let events =
            if seen.last().is_some_and(Event::is_last) { seen } else { durable(engine, run).await? };
        let noise = match document.status.is_final() && self.kit.listens {
            true => self.listen(engine, run, events.len()).await?,
            false => None,
        };
        let divergence = engine.replay(&tenant, run, None).await?.divergence;
        Ok(Rest { end: RunEnd::from(document.clone()), document, events, divergence, noise, found })
    }

    /// Waits for what should not come any more after the end of a run.
    async fn listen(&self, engine: &Engine, run: RunId, seen: usize) -> Result<Option<String>, RunError> {
        let before = self.world.calls.counts();
        tokio::time::sleep(SILENCE).await;
        let after = self.world.calls.counts();
        if before != after {
            let what =
                format!("calls begun and ended were {before:?} at the end of the run and {after:?} later");
            return Ok(Some(what));
        }
        let events = durable(engine, run).await?;
        if events.len() != seen || !events.last().is_some_and(Event::is_last) {
            return Ok(Some(format!("{seen} events at the end of the run, and {} later", events.len())));
        }
        Ok(engine.active().first().map(|run| format!("the run {run} is driven after its end")))
    }
}

/// Who looks after a run: answers, decides, cancels.
struct People<'s> {
    stage: &'s Stage,
    engine: &'s Engine,
    handle: RunHandle,
    events: Option<RunEvents>,
    /// The events that came and last.
    seen: Vec<Event>,
    /// Who has asked and was not answered.
    open: BTreeSet<NodePath>,
    cancel: Option<u64>,
}

impl People<'_> {
    /// Until the run goes on no further.
    async fn attend(&mut self) -> Result<(), RunError> {
        let (mut parked, mut ended) = (None, false);
        loop {
            tokio::select! {
                biased;
                event = next(&mut self.events) => match event? {
                    Some(event) => self.see(event).await?,
                    None if ended => return Ok(()),
                    None => self.events = None,
                },
                end = self.handle.wait(), if parked.is_none() && !ended => {
                    let end = end?;
                    if end.status.is_final() && self.events.is_none() {
                        return Ok(());
                    }
                    ended = end.status.is_final();
                    parked = Some(end).filter(|_| !ended);
                }
                () = self.engine.drain(), if !ended => {
                    if let Some(end) = parked.take() {
                        if !self.decide(&end).await? {
                            return Ok(());
                        }
                    } else if self.rests().await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn see(&mut self, event: Event) -> Result<(), RunError> {
        if event.class != EventClass::Durable {
            return Ok(());
        }
        let number = event.number;
        let name = event.event.as_str();
        if let Some(node) = &event.node {
            match name {
                "node.asked" => drop(self.open.insert(node.clone())),
                "node.answered" => drop(self.open.remove(node)),
                _ => {}
            }
        }
        let is_asked = name == "node.asked";
        self.seen.push(event);
        if self.cancel.is_some_and(|record| number >= Some(record)) {
            self.cancel = None;
            match self.handle.cancel(&somebody(), Some("a test".to_owned())).await {
                Ok(()) | Err(RunError::State { .. }) => {}
                Err(error) => return Err(error),
            }
        } else if is_asked {
            self.answer().await?;
        }
        Ok(())
    }

    /// Gives the answers that there are. Says whether there was one.
    async fn answer(&mut self) -> Result<bool, RunError> {
        let mut answered = false;
        for node in self.open.clone() {
            let Some(response) = self.stage.kit.answer_for(node.as_str()) else { continue };
            let id = self.stage.ids.uuid();
            let reply = Reply { node: node.clone(), response: response.clone(), comment: None, id };
            match self.engine.answer(&Tenant::default(), self.handle.id(), reply, &somebody()).await {
                Ok(()) => {
                    answered = true;
                    self.open.remove(&node);
                }
                // It was answered before the last crash, or was cancelled.
                Err(RunError::Answered { .. } | RunError::State { .. }) => drop(self.open.remove(&node)),
                // It may be asked again.
                Err(RunError::NoQuestion { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(answered)
    }

    /// Says what becomes of a run that is parked. Nothing, unless it is in doubt and the kit knows.
    async fn decide(&mut self, end: &RunEnd) -> Result<bool, RunError> {
        let doubtful = end.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::RunInDoubt);
        let Some(decision) = self.stage.kit.in_doubt.filter(|_| doubtful && end.status == RunStatus::Parked)
        else {
            return Ok(false);
        };
        self.handle = self.engine.resume(&Tenant::default(), end.id, &somebody(), Some(decision)).await?;
        Ok(true)
    }

    /// Answers, or lets time pass until the run goes on by itself. Says whether it never does.
    async fn rests(&mut self) -> Result<bool, RunError> {
        let before = self.head().await?;
        if before.is_some_and(|(next, _)| next > self.seen.len() as u64) && self.events.is_some() {
            // What has happened is still on its way here.
            tokio::task::yield_now().await;
            return Ok(false);
        }
        if self.answer().await? {
            return Ok(false);
        }
        if let Some(at) = self.engine.next_timer(&Tenant::default()).await? {
            let span = at.since(self.engine.now()).max(Duration::from_millis(1));
            tokio::select! {
                _ = self.handle.wait() => {}
                () = tokio::time::sleep(span) => {}
            }
            return Ok(false);
        }
        // Its time may have come while all that was read.
        self.engine.drain().await;
        let after = self.head().await?;
        Ok(after == before && after.is_some_and(|(_, status)| status == RunStatus::Waiting))
    }

    /// How many records the run has, and where it stands.
    async fn head(&self) -> Result<Option<(u64, RunStatus)>, RunError> {
        let key = keys::head(&Tenant::default(), self.handle.id());
        let head = self.engine.store().get(&key).await?;
        let head = head.and_then(|head| serde_json::from_slice::<RunHead>(&head.value).ok());
        Ok(head.map(|head| (head.next, head.summary.status)))
    }
}

async fn next(events: &mut Option<RunEvents>) -> Result<Option<Event>, RunError> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// The events of a run up to now that last.
async fn durable(engine: &Engine, run: RunId) -> Result<Vec<Event>, RunError> {
    let mut stream = engine.events(&Tenant::default(), run, None, false).await?;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await? {
        if event.class == EventClass::Durable {
            events.push(event);
        }
    }
    Ok(events)
}

fn somebody() -> Principal {
    "user:tester".parse().unwrap_or_else(|_| Principal::engine())
}
