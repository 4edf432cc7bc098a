//! What a test of a workflow needs, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ice_core::blueprint::{Format, read};
use ice_core::llm::{LlmProvider, Scripted, scripted::Script};
use ice_core::process::ProcessHost;
use ice_core::registry::{AgentDefinition, NamedBlueprint, Registry};
use ice_core::time::Moment;
use ice_core::tools::Tool;
use ice_core::value::Value;

use super::cassette::{Cassette, Deck};
use super::comparing::Ignored;
use super::fault::{Crash, Fails, StoreFault};
use super::life::{Course, Stage, Stop};
use super::ran::Ran;
use super::world::World;
use super::{fail, or_fail};
use crate::journal::{Decision, RunOptions};
use crate::workflow::{Plan, compile};

/// When time begins in tests: 2026-01-01, in milliseconds.
const BEGIN: i64 = 1_767_225_600_000;

/// The most lives of an engine in one run.
const MAX_LIVES: usize = 1_000;

/// What a test of a workflow needs. Cheap to clone; every run in it begins anew.
///
/// ```
/// use ice_core::llm::scripted::Script;
/// use ice_orchestrator::testing::Kit;
/// use serde_json::json;
///
/// let kit = Kit::new().model("vendor", Script::texts(["Good morning, Ada."]));
/// let ran = kit.run(
///     "nodes: [{id: greet, type: llm, provider: vendor, model: m, prompt: 'Greet {{ inputs.name }}.'}]",
///     json!({"name": "Ada"}),
/// );
/// ran.succeeded().has("greet.text", "Good morning, Ada.");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Kit {
    registry: Registry,
    scripts: BTreeMap<String, Script>,
    fails: BTreeMap<String, Fails>,
    answers: Vec<(String, Value)>,
    cassette: Option<Cassette>,
    crashes: Vec<Crash>,
    cancel: Option<u64>,
    pub(super) begin: Moment,
    pub(super) options: RunOptions,
    pub(super) on_disk: bool,
    pub(super) store_faults: Vec<StoreFault>,
    pub(super) in_doubt: Option<Decision>,
    pub(super) processes: Option<Arc<dyn ProcessHost>>,
    pub(super) listens: bool,
    pub(super) ignored: Ignored,
    pub(super) real_time: bool,
    doomed: Arc<[String]>,
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

impl Kit {
    /// A kit with nothing in it: stores in memory, no tools, no models.
    pub fn new() -> Self {
        Self {
            registry: Registry::default(),
            scripts: BTreeMap::new(),
            fails: BTreeMap::new(),
            answers: Vec::new(),
            cassette: None,
            crashes: Vec::new(),
            cancel: None,
            begin: Moment::from_millis(BEGIN),
            options: RunOptions::default(),
            on_disk: false,
            store_faults: Vec::new(),
            in_doubt: None,
            processes: None,
            listens: false,
            ignored: Ignored::default(),
            real_time: false,
            doomed: Arc::default(),
        }
    }

    /// The tools, providers, agents, blueprints and channels of a registry, in the place of all that were added before.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Adds a tool.
    ///
    /// # Panics
    /// If another tool has its name and version.
    #[track_caller]
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.register(|registry| registry.tools.register(tool));
        self
    }

    /// Adds a provider of models.
    ///
    /// # Panics
    /// If another provider has its name.
    #[track_caller]
    pub fn provider(mut self, provider: impl LlmProvider + 'static) -> Self {
        self.register(|registry| registry.providers.register(Arc::new(provider) as Arc<dyn LlmProvider>));
        self
    }

    /// A provider of models that answers as a script says. A call that is made again after a crash gets the same answer
    /// again.
    ///
    /// # Panics
    /// If another provider has this name.
    #[track_caller]
    pub fn model(mut self, name: impl Into<String>, script: Script) -> Self {
        let name = name.into();
        if self.scripts.insert(name.clone(), script).is_some()
            || self.registry.providers.contains(&name, None)
        {
            fail(&format!("there are two providers named `{name}`"));
        }
        self
    }

    /// Adds an agent, as JSON or YAML.
    ///
    /// # Panics
    /// If it cannot be read, or another agent has its name.
    #[track_caller]
    pub fn agent(mut self, text: &str) -> Self {
        let reading = AgentDefinition::read(text, Format::Yaml, "agent.yaml");
        let Some(agent) = reading.value else { fail(&reading.diagnostics.to_string()) };
        self.register(|registry| registry.agents.register(Arc::new(agent)));
        self
    }

    /// Adds a blueprint that others run by this name, as JSON or YAML.
    ///
    /// # Panics
    /// If it cannot be read, or another blueprint has this name.
    #[track_caller]
    pub fn blueprint(mut self, name: &str, text: &str) -> Self {
        let reading = read(text, Format::Yaml, name);
        let Some(blueprint) = reading.blueprint else { fail(&reading.diagnostics.to_string()) };
        self.register(|registry| registry.blueprints.register(NamedBlueprint::new(name, blueprint)));
        self
    }

    #[track_caller]
    fn register<E: std::fmt::Display>(&mut self, add: impl FnOnce(&mut Registry) -> Result<(), E>) {
        or_fail(add(&mut self.registry));
    }

    /// Who runs programs, for code nodes and tools that are commands.
    pub fn processes(mut self, host: Arc<dyn ProcessHost>) -> Self {
        self.processes = Some(host);
        self
    }

    /// How runs are carried out.
    pub fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// Uses the embedded store, on a simulated disk that keeps apart what was synced and what was not. A crash is a loss of
    /// power then.
    pub const fn on_disk(mut self) -> Self {
        self.on_disk = true;
        self
    }

    /// What a person answers to the question of a node: `true`, `false`, one of the choices, or data. `node` is its path, in
    /// which `*` stands for any text. Who is not answered waits until the time of the question is up, if it has one.
    pub fn answer(mut self, node: impl Into<String>, response: impl Into<Value>) -> Self {
        self.answers.push((node.into(), response.into()));
        self
    }

    pub(super) fn answer_for(&self, node: &str) -> Option<&Value> {
        self.answers.iter().find(|(pattern, _)| fits(pattern, node)).map(|(_, response)| response)
    }

    /// What becomes of calls that may have happened before a crash and cannot be repeated. Without it such a run ends
    /// parked.
    pub const fn in_doubt(mut self, decision: Decision) -> Self {
        self.in_doubt = Some(decision);
        self
    }

    /// Lets a tool fail.
    pub fn failing(mut self, tool: impl Into<String>, fails: Fails) -> Self {
        self.fails.insert(tool.into(), fails);
        self
    }

    /// Lets the store be slow or full. The engine that a full one has ended is started anew, with room on the disk.
    pub fn store_fault(mut self, fault: StoreFault) -> Self {
        self.store_faults.push(fault);
        self
    }

    /// Ends the process at a record, and starts another one. Of several crashes each is in the life after the one before.
    pub fn crash(mut self, crash: Crash) -> Self {
        self.crashes.push(crash);
        self
    }

    /// Cancels the run once its journal has this record.
    pub const fn cancel_at(mut self, record: u64) -> Self {
        self.cancel = Some(record);
        self
    }

    /// Plays or records the answers of models, and of tools that are not pure.
    ///
    /// While one is recorded, [time is real](Self::real_time).
    pub fn cassette(mut self, cassette: Cassette) -> Self {
        self.real_time |= cassette.records();
        self.cassette = Some(cassette);
        self
    }

    /// Lets time pass as it does. For tools and models that wait for something outside of the test: a paused clock would not
    /// wait for it.
    pub const fn real_time(mut self) -> Self {
        self.real_time = true;
        self
    }

    /// A part of the output that may differ from one run to the next, such as a duration: `node.field`, in which `*` stands
    /// for one field or index. [`Kit::crash_everywhere`] does not compare it.
    pub fn ignoring(mut self, path: &str) -> Self {
        self.ignored.add(path);
        self
    }

    /// After the end of each run, an hour of its time is waited for calls, records and events that should not come any more.
    pub(super) const fn listening(mut self) -> Self {
        self.listens = true;
        self
    }

    /// Every call of these nodes, and of what is within them, fails for good.
    pub(super) fn dooming(mut self, nodes: &BTreeSet<String>) -> Self {
        self.doomed = nodes.iter().cloned().collect();
        self
    }

    /// Reads, checks and compiles a blueprint, as JSON or YAML, and sets a stage for a run of it.
    #[track_caller]
    pub(super) fn stage(&self, blueprint: &str, inputs: Value) -> Stage {
        let deck = or_fail(self.cassette.as_ref().map(Deck::open).transpose());
        let world = World::new(&self.fails, &self.doomed, deck);
        let mut registry = self.registry.clone();
        for (name, script) in &self.scripts {
            let scripted = Arc::new(Scripted::named(name, script.clone())) as Arc<dyn LlmProvider>;
            or_fail(registry.providers.register(scripted));
        }
        let registry = or_fail(world.watch(registry));
        let plan = or_fail(plan(blueprint, &registry));
        Stage::new(self, world, registry, plan, inputs)
    }

    /// Runs a blueprint, as JSON or YAML, until it has ended or goes on no further: waits, or is parked.
    ///
    /// # Panics
    /// If the blueprint has errors or the run cannot be started; if the engine fails for another reason than the test asked
    /// for; and if a [cassette](Self::cassette) that is only played lacks a call.
    #[track_caller]
    #[must_use]
    pub fn run(&self, blueprint: &str, inputs: impl Into<Value>) -> Ran {
        let mut stage = self.stage(blueprint, inputs.into());
        let mut crashes = self.crashes.iter().copied();
        let mut healed = false;
        loop {
            let crash = crashes.next();
            let seed = stage.lives as u64;
            let course = Course { crash, seed, cancel: self.cancel, healed };
            match stage.live(course) {
                Stop::Rest(rest) => return Ran::new(&stage, *rest),
                Stop::Crashed if stage.lives < MAX_LIVES => {}
                // Only a full disk is what was asked for.
                Stop::Failed(_) if !healed && self.is_full() => healed = true,
                Stop::Failed(error) => fail(&format!("the run cannot be driven on: {error}")),
                Stop::Crashed => fail(&format!("the process has ended {MAX_LIVES} times")),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.store_faults.iter().any(|fault| matches!(fault, StoreFault::Full(_)))
    }
}

fn plan(blueprint: &str, registry: &Registry) -> Result<Arc<Plan>, String> {
    let reading = read(blueprint, Format::Yaml, "blueprint");
    let checked = reading.check(&registry.catalog(crate::executable_kinds()));
    let checked = checked.map_err(|problems| problems.to_string())?;
    compile(&checked, registry).map_err(|error| error.to_string())
}

/// Whether a text fits a pattern, in which `*` stands for any text.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let fit = [
            ("a", "a"),
            ("*", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c*e", "abcde"),
            ("each[*].x", "each[12].x"),
        ];
        for (pattern, text) in fit {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*", "ba"), ("*c", "cb"), ("a*c*e", "abde"), ("aa*a", "aa")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
