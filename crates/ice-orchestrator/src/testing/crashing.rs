//! A crash at every record of a run, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ice_core::value::Value;

use super::fail;
use super::fault::{Crash, Side};
use super::kit::Kit;
use super::life::{Course, Found, Rest, Stage, Stop};
use super::ran::{Ran, line};
use crate::events::Event;
use crate::journal::Decision;

/// The most failures that are told.
const MAX_TOLD: usize = 5;

/// Threads that try crashes side by side.
const MAX_THREADS: usize = 4;

/// What came of crashes at every record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashReport {
    /// The records of the undisturbed run.
    pub records: u64,
    /// Crashes: three for each record, and those after which a node was in doubt once more, to be given up.
    pub crashes: usize,
    /// Crashes before the run was accepted, after which it was started anew.
    pub unknown: usize,
    /// Crashes after which the run had ended already.
    pub over: usize,
    /// Crashes after which a node was in doubt, was repeated, and gave the result of the undisturbed run.
    pub repeated: usize,
    /// Crashes after which a node was in doubt, was given up, and the result was that of a run in which it fails.
    pub given_up: usize,
    /// The nodes that were in doubt after some crash.
    pub doubtful: BTreeSet<String>,
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records, {} crashes: {} before the run was accepted, {} after its end, {} in doubt and repeated, {} in \
             doubt and given up, at {:?}",
            self.records, self.crashes, self.unknown, self.over, self.repeated, self.given_up, self.doubtful
        )
    }
}

/// A crash that is tried.
#[derive(Clone, Copy, Debug)]
struct Case {
    crash: Crash,
    seed: u64,
    decision: Decision,
}

/// What came of one.
struct Outcome {
    rest: Rest,
    doubtful: BTreeSet<String>,
}

impl Kit {
    /// Runs a blueprint undisturbed, and then with a crash on each side of each record of its journal: before anything of it
    /// was written, while it is written, and after. [On the simulated disk](Kit::on_disk) each loses what was not synced, in
    /// another way. After each crash the run goes on, and
    ///
    /// - ends with the same status and output, but for what is [ignored](Kit::ignoring);
    /// - does nothing again that its journal says has succeeded;
    /// - makes no call twice that cannot be repeated, unless a person has said so;
    /// - gives, where a call was in doubt, the same result if it is repeated, and that of a run in which the node fails if
    ///   it is given up; each is tried;
    /// - is not lost if somebody was told that it was accepted;
    /// - comes out the same when its journal is gone through again.
    ///
    /// Tools must not remember anything from one run to the next. [Crashes](Kit::crash) and
    /// [decisions](Kit::in_doubt) of the kit do not count.
    ///
    /// # Panics
    /// If any of that does not hold, with the crashes after which it did not.
    #[track_caller]
    pub fn crash_everywhere(&self, blueprint: &str, inputs: impl Into<Value>) -> CrashReport {
        let matrix = Matrix::new(self, blueprint, inputs.into());
        let (report, failures) = matrix.run();
        if !failures.is_empty() {
            let many = failures.len();
            let told: Vec<String> = failures.into_iter().take(MAX_TOLD).collect();
            fail(&format!("{many} of {} crashes broke something:\n{}", report.crashes, told.join("\n\n")));
        }
        report
    }
}

/// The crashes that are tried.
struct Matrix<'k> {
    kit: &'k Kit,
    blueprint: &'k str,
    inputs: Value,
    undisturbed: Ran,
    /// Runs in which a set of nodes fails.
    failing: Mutex<HashMap<BTreeSet<String>, Ran>>,
}

impl<'k> Matrix<'k> {
    #[track_caller]
    fn new(kit: &'k Kit, blueprint: &'k str, inputs: Value) -> Self {
        let undisturbed = kit.run(blueprint, inputs.clone());
        if !undisturbed.end.status.is_final() {
            let status = undisturbed.end.status;
            fail(&format!("the undisturbed run does not end: it is {status}\n{}", undisturbed.story()));
        }
        Self { kit, blueprint, inputs, undisturbed, failing: Mutex::default() }
    }

    fn run(&self) -> (CrashReport, Vec<String>) {
        let records = self.undisturbed.events.len() as u64;
        let crashes = (0..records).flat_map(|record| Side::ALL.map(|side| Crash { record, side }));
        let crashes: Vec<Crash> = crashes.collect();
        let next = AtomicUsize::new(0);
        let total = Mutex::new((CrashReport { records, ..CrashReport::default() }, Vec::new()));
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((at, crash)) = take(&crashes, &next) {
                        let tried = self.both_ways(*crash, at as u64);
                        let (report, failures) = &mut *total.lock().unwrap_or_else(PoisonError::into_inner);
                        match tried {
                            Ok(tried) => report.add(tried),
                            Err(what) => failures.push(what),
                        }
                    }
                });
            }
        });
        total.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries a crash; if something is in doubt after it, once with each decision.
    fn both_ways(&self, crash: Crash, seed: u64) -> Result<CrashReport, String> {
        let case = Case { crash, seed, decision: Decision::Repeat };
        let outcome = self.case(case)?;
        self.same(&self.undisturbed, &outcome.rest).map_err(|what| case.told(&what, &outcome.rest))?;
        let found = &outcome.rest.found.events;
        let mut report = CrashReport {
            crashes: 1,
            unknown: usize::from(found.is_empty()),
            over: usize::from(found.last().is_some_and(Event::is_last)),
            repeated: usize::from(!outcome.doubtful.is_empty()),
            doubtful: outcome.doubtful.clone(),
            ..CrashReport::default()
        };
        if outcome.doubtful.is_empty() {
            return Ok(report);
        }
        let case = Case { decision: Decision::Fail, ..case };
        let outcome = self.case(case)?;
        report.crashes += 1;
        report.given_up += usize::from(!outcome.doubtful.is_empty());
        let expected = self.failing(&outcome.doubtful);
        self.same(&expected, &outcome.rest).map_err(|what| case.told(&what, &outcome.rest))?;
        Ok(report)
    }

    /// What comes of a run in which these nodes fail.
    fn failing(&self, nodes: &BTreeSet<String>) -> Ran {
        if nodes.is_empty() {
            return self.undisturbed.clone();
        }
        let known = self.failing.lock().unwrap_or_else(PoisonError::into_inner).get(nodes).cloned();
        known.unwrap_or_else(|| {
            let ran = self.kit.clone().dooming(nodes).run(self.blueprint, self.inputs.clone());
            self.failing.lock().unwrap_or_else(PoisonError::into_inner).insert(nodes.clone(), ran.clone());
            ran
        })
    }

    fn same(&self, expected: &Ran, rest: &Rest) -> Result<(), String> {
        if rest.end.status != expected.end.status {
            return Err(format!("the run is {}, not {}", rest.end.status, expected.end.status));
        }
        match self.kit.ignored.differ(&expected.end.output, &rest.end.output) {
            Some(what) => Err(format!("the output differs: {what}")),
            None => Ok(()),
        }
    }

    /// Lets a run crash and go on, and checks what holds of every one.
    fn case(&self, case: Case) -> Result<Outcome, String> {
        let kit = self.kit.clone().in_doubt(case.decision);
        let mut stage = kit.stage(self.blueprint, self.inputs.clone());
        let Case { crash, seed, .. } = case;
        let first = stage.live(Course { crash: Some(crash), seed, ..Course::default() });
        let accepted = stage.accepted;
        let rest = match first {
            Stop::Crashed => match stage.live(Course::default()) {
                Stop::Rest(rest) => *rest,
                Stop::Crashed => return Err(format!("{case}: the process ended again")),
                Stop::Failed(error) => return Err(format!("{case}: the run cannot be driven on: {error}")),
            },
            // In this order of events the run has fewer records.
            Stop::Rest(rest) => *rest,
            Stop::Failed(error) => return Err(format!("{case}: the run cannot be driven: {error}")),
        };
        holds(&stage, &rest, accepted).map_err(|what| case.told(&what, &rest))?;
        let doubtful = rest.events.iter().filter(|event| event.event == "node.in_doubt");
        let doubtful = doubtful.filter_map(|event| Some(event.node.as_ref()?.to_string())).collect();
        Ok(Outcome { rest, doubtful })
    }
}

fn take<'c>(crashes: &'c [Crash], next: &AtomicUsize) -> Option<(usize, &'c Crash)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    crashes.get(at).map(|crash| (at, crash))
}

impl CrashReport {
    fn add(&mut self, one: Self) {
        self.crashes += one.crashes;
        self.unknown += one.unknown;
        self.over += one.over;
        self.repeated += one.repeated;
        self.given_up += one.given_up;
        self.doubtful.extend(one.doubtful);
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.crash.side {
            Side::Before => "before",
            Side::During => "during",
            Side::After => "after",
        };
        let decision = match self.decision {
            Decision::Repeat => "repeated",
            Decision::Fail => "given up",
        };
        write!(f, "a crash {side} record {} (seed {}, doubts {decision})", self.crash.record, self.seed)
    }
}

impl Case {
    fn told(&self, what: &str, rest: &Rest) -> String {
        let events: Vec<String> = rest.events.iter().map(line).collect();
        let kept = rest.found.events.len();
        format!("{self}: {what}\n{kept} records were kept\n{}", events.join("\n"))
    }
}

/// What holds of every run that went on after a crash.
fn holds(stage: &Stage, rest: &Rest, accepted: bool) -> Result<(), String> {
    if accepted && rest.found.events.is_empty() && stage.lives > 1 {
        return Err("the run was accepted, and is lost".to_owned());
    }
    if let Some(divergence) = &rest.divergence {
        return Err(format!("the journal comes out differently when it is gone through again: {divergence}"));
    }
    nothing_again(&rest.found, rest, &stage.world.calls.by_address())?;
    let mut unrepeatable: BTreeMap<String, usize> = BTreeMap::new();
    for call in stage.world.calls.list() {
        if !call.effect.is_repeatable() {
            *unrepeatable.entry(call.address).or_default() += 1;
        }
    }
    for (address, calls) in unrepeatable {
        let repeated = rest.events.iter().filter(|event| {
            let of_it = event.node.as_ref().is_some_and(|node| is_within(&address, node.as_str()));
            of_it
                && event.event == "node.settled"
                && event.data.get("decision") == Some(&Value::from("repeat"))
        });
        let allowed = 1 + repeated.count();
        if calls > allowed {
            return Err(format!("{address} was called {calls} times, {allowed} at most"));
        }
    }
    Ok(())
}

/// Whatever had succeeded before the crash is not begun again, and nothing is called for it.
fn nothing_again(found: &Found, rest: &Rest, calls: &BTreeMap<String, usize>) -> Result<(), String> {
    let later = rest.events.get(found.events.len()..).unwrap_or_default();
    // What is tried again, or iterated, begins anew with all that is in it.
    let anew: BTreeSet<&str> = later
        .iter()
        .filter(|event| ["node.retrying", "node.iterated", "node.queued"].contains(&event.event.as_str()))
        .filter_map(|event| event.node.as_ref().map(ice_core::path::NodePath::as_str))
        .collect();
    let succeeded = found.events.iter().filter(|event| {
        event.event == "node.succeeded" || (event.event == "step.ended" && event.data.get("output").is_some())
    });
    for path in succeeded.filter_map(|event| event.node.as_ref()).map(ice_core::path::NodePath::as_str) {
        if anew.iter().any(|node| is_within(path, node)) {
            continue;
        }
        let begins = ["node.started", "step.started", "node.asked", "node.watching"];
        let again = later.iter().find(|event| {
            begins.contains(&event.event.as_str())
                && event.node.as_ref().is_some_and(|node| node.as_str() == path)
        });
        if let Some(event) = again {
            return Err(format!("{path} had succeeded, and begins again: {}", line(event)));
        }
        let (before, after) = (found.calls.get(path), calls.get(path));
        if before != after {
            return Err(format!(
                "{path} had succeeded, and is called again: {before:?} and then {after:?} calls"
            ));
        }
    }
    Ok(())
}

/// Whether an address is that of a node, or of something within it.
pub(super) fn is_within(address: &str, node: &str) -> bool {
    address.strip_prefix(node).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_a_node_begins_with_its_path() {
        for (address, node) in [("a", "a"), ("a.round[0]", "a"), ("a[1].body.x", "a"), ("a.b.c", "a.b")] {
            assert!(is_within(address, node), "{address} {node}");
        }
        for (address, node) in [("ab", "a"), ("a", "a.b"), ("b.a", "a")] {
            assert!(!is_within(address, node), "{address} {node}");
        }
    }
}
