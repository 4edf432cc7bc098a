//! What came of a run, and what a test says about it.

use ice_core::path::NodePath;
use ice_core::value::{Value, ValuePath};

use super::calls::{Call, Callee};
use super::fail;
use super::kit::fits;
use super::life::{Rest, Stage};
use crate::engine::RunEnd;
use crate::events::Event;
use crate::journal::{RunDocument, RunStatus};

/// What came of a run. Its assertions panic with what happened instead, and give it back, so that one can follow another.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended, or where it stands.
    pub end: RunEnd,
    /// All there is to know of it.
    pub document: RunDocument,
    /// Its events, one for each record of its journal.
    pub events: Vec<Event>,
    /// What was asked of tools, models and channels, in all lives of the engine.
    pub calls: Vec<Call>,
    /// How many lives the engine had: 1 without a crash.
    pub lives: usize,
    /// How many calls of the cassette were not made.
    pub unplayed: usize,
}

impl Ran {
    /// Looks at a run that goes on no further.
    #[track_caller]
    pub(super) fn new(stage: &Stage, rest: Rest) -> Self {
        let mut unplayed = 0;
        if let Some(deck) = &stage.world.deck {
            let unknown = deck.unknown_calls();
            if !unknown.is_empty() {
                fail(&unknown.join("\n"));
            }
            unplayed = deck.left();
            if let Err(what) = deck.save() {
                fail(&what);
            }
        }
        if let Some(divergence) = rest.divergence {
            fail(&format!("the journal comes out differently when it is gone through again: {divergence}"));
        }
        Self {
            end: rest.end,
            document: rest.document,
            events: rest.events,
            calls: stage.world.calls.list(),
            lives: stage.lives,
            unplayed,
        }
    }

    /// Checks the status.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn is(&self, status: RunStatus) -> &Self {
        if self.end.status != status {
            fail(&format!("the run is {}, not {status}\n{}", self.end.status, self.story()));
        }
        self
    }

    /// Checks that the run succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn succeeded(&self) -> &Self {
        self.is(RunStatus::Succeeded)
    }

    /// What stands at a path in the output: the id of a node, and fields below it, for example `fetch.rows.0.name`.
    ///
    /// # Panics
    /// If there is nothing.
    #[track_caller]
    #[must_use]
    pub fn output(&self, path: &str) -> &Value {
        match ValuePath::from(path).follow(&self.end.output) {
            Ok(value) => value,
            Err(error) => fail(&format!("{error}\noutput: {}\n{}", self.end.output, self.story())),
        }
    }

    /// Checks what stands at a path in the output.
    ///
    /// # Panics
    /// If it is something else.
    #[track_caller]
    pub fn has(&self, path: &str, expected: impl Into<Value>) -> &Self {
        let (found, expected) = (self.output(path), expected.into());
        if *found != expected {
            fail(&format!("`{path}` is {found}, not {expected}\n{}", self.story()));
        }
        self
    }

    /// Checks that these events came in this order, with any others in between. Each is the name of an event, and if need be
    /// the node or step it happened to: `node.succeeded fetch`, where `*` stands for any text.
    ///
    /// # Panics
    /// If one is missing, with a list of the events, in which those that came are marked.
    #[track_caller]
    pub fn saw(&self, expected: &[&str]) -> &Self {
        let mut wanted = expected.iter().peekable();
        let mut lines = Vec::new();
        for event in &self.events {
            let seen = wanted.next_if(|pattern| is(pattern, event)).is_some();
            lines.push(format!("{} {}", if seen { "✓" } else { " " }, line(event)));
        }
        if let Some(missing) = wanted.next() {
            lines.push(format!("✗ {missing} (missing)"));
            fail(&format!("the events do not come in this order: {expected:?}\n{}", lines.join("\n")));
        }
        self
    }

    /// Checks how often an event came; written as in [`saw`](Self::saw).
    ///
    /// # Panics
    /// If it came more or less often.
    #[track_caller]
    pub fn count(&self, pattern: &str, expected: usize) -> &Self {
        let found = self.events.iter().filter(|event| is(pattern, event)).count();
        if found != expected {
            fail(&format!("`{pattern}` came {found} times, not {expected}\n{}", self.story()));
        }
        self
    }

    /// Checks that an event never came; written as in [`saw`](Self::saw).
    ///
    /// # Panics
    /// If it did.
    #[track_caller]
    pub fn never(&self, pattern: &str) -> &Self {
        self.count(pattern, 0)
    }

    /// The calls of a tool, in the order in which they began.
    #[must_use]
    pub fn calls_of(&self, tool: &str) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.callee == Callee::Tool && call.name == tool).collect()
    }

    /// Checks how often a tool was called, in all lives of the engine.
    ///
    /// # Panics
    /// If it was called more or less often.
    #[track_caller]
    pub fn called(&self, tool: &str, expected: usize) -> &Self {
        let calls = self.calls_of(tool);
        if calls.len() != expected {
            let at: Vec<&str> = calls.iter().map(|call| call.address.as_str()).collect();
            fail(&format!(
                "`{tool}` was called {} times, not {expected}: at {at:?}\n{}",
                at.len(),
                self.story()
            ));
        }
        self
    }

    /// The events, one a line, and why the run failed or is parked.
    #[must_use]
    pub fn story(&self) -> String {
        let mut lines: Vec<String> = self.events.iter().map(|event| format!("  {}", line(event))).collect();
        lines.extend(self.end.failure.iter().map(|failure| format!("  because: {failure}")));
        lines.extend(self.end.failures.iter().map(|failed| format!("  {}: {}", failed.node, failed.failure)));
        lines.join("\n")
    }
}

/// An event in a line.
pub(super) fn line(event: &Event) -> String {
    const LONGEST: usize = 120;
    let number = event.number.unwrap_or_default();
    let node = event.node.as_ref().map_or("", NodePath::as_str);
    let mut data: String = event.data.to_string();
    if data.chars().count() > LONGEST {
        data = data.chars().take(LONGEST).chain(['…']).collect();
    }
    format!("{number:>4} {} {node} {data}", event.event)
}

fn is(pattern: &str, event: &Event) -> bool {
    match pattern.split_once(' ') {
        Some((name, node)) => {
            fits(name, &event.event) && event.node.as_ref().is_some_and(|path| fits(node, path.as_str()))
        }
        None => fits(pattern, &event.event),
    }
}
