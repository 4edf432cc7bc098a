//! A conversation with an agent, while it is held: what it says on standard output, piece by piece, everything else beside it.

use std::collections::HashMap;
use std::time::Duration;

use ice_core::id::RunId;
use ice_core::llm::{Message, Usage};
use ice_core::path::NodePath;
use ice_core::value::Value;
use ice_orchestrator::events::{Event, EventClass};
use ice_orchestrator::journal::{RunDocument, RunStatus};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{event, text};
use crate::fault::Fault;
use crate::screen::{BOLD, DIM, GREEN, RED, Screen, YELLOW, styled};
use crate::watch::Viewer;

/// The most characters of the arguments of a call that are shown.
const LONGEST: usize = 100;

/// A call of a tool.
#[derive(Debug, Serialize)]
struct Call {
    tool: String,
    input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    at: i64,
}

/// A turn, for machines.
#[derive(Serialize)]
struct Turn<'t> {
    run: RunId,
    turn: u32,
    message: &'t str,
    response: &'t str,
    tool_calls: &'t [Call],
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'t str>,
}

/// The end of a conversation, for machines.
#[derive(Serialize)]
struct End<'t> {
    run: RunId,
    status: RunStatus,
    turns: u32,
    usage: &'t Usage,
}

/// What an agent says and does, while it does it.
#[derive(Debug)]
pub(crate) struct Speech {
    screen: Screen,
    verbose: bool,
    run: RunId,
    /// The records that were there before: what they tell was said in another process.
    since: u64,
    waiting: Option<ProgressBar>,
    turns: u32,
    /// What the person said last.
    message: String,
    /// What is shown of an answer that comes in pieces.
    streamed: String,
    /// The round that ended last: pieces that come after its end were shown with it.
    ended: Option<NodePath>,
    /// What the agent said last.
    response: String,
    failure: Option<String>,
    open: HashMap<String, Call>,
    calls: Vec<Call>,
    usage: Usage,
    is_turn: bool,
    /// What nobody reads any more.
    lost: Option<Fault>,
}

impl Speech {
    /// Of a run that has so many records already, and what the person has said to begin it.
    pub(crate) fn new(screen: &Screen, verbose: u8, run: RunId, since: u64, said: Option<String>) -> Self {
        Self {
            screen: *screen,
            verbose: verbose > 0,
            run,
            since,
            waiting: None,
            turns: 0,
            message: said.unwrap_or_default(),
            streamed: String::new(),
            ended: None,
            response: String::new(),
            failure: None,
            open: HashMap::new(),
            calls: Vec::new(),
            usage: Usage::default(),
            is_turn: false,
            lost: None,
        }
    }

    /// Whether what is asked is what comes next, rather than something in the middle of the work.
    pub(crate) const fn is_turn(&self) -> bool {
        self.is_turn
    }

    /// Takes in what the person says.
    pub(crate) fn said(&mut self, words: String) {
        self.message = words;
    }

    /// Tells what a turn took, and for machines what it was.
    ///
    /// # Errors
    /// [`Fault`] if nobody reads any more.
    pub(crate) fn turn(&mut self) -> Result<(), Fault> {
        if let Some(lost) = self.lost.take() {
            return Err(lost);
        }
        if !self.is_turn || (self.response.is_empty() && self.failure.is_none()) {
            return Ok(());
        }
        self.turns += 1;
        if self.screen.json {
            self.screen.record(&Turn {
                run: self.run,
                turn: self.turns,
                message: &self.message,
                response: &self.response,
                tool_calls: &self.calls,
                usage: self.usage,
                failure: self.failure.as_deref(),
            })?;
        } else {
            let facts = text::usage(&self.usage);
            if !facts.is_empty() {
                self.screen.note(styled(DIM, format_args!("  {}", facts.join(", "))));
            }
        }
        self.calls.clear();
        self.response.clear();
        self.failure = None;
        self.usage = Usage::default();
        Ok(())
    }

    /// Tells the last turn, and for machines how the conversation ended.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub(crate) fn end(&mut self, document: &RunDocument) -> Result<(), Fault> {
        self.is_turn = true;
        self.turn()?;
        if self.screen.json {
            let (status, usage) = (document.status, &document.usage);
            self.screen.record(&End { run: self.run, status, turns: self.turns, usage })?;
        }
        Ok(())
    }

    /// Takes away what says that something is under way.
    pub(crate) fn rest(&mut self) {
        if let Some(bar) = self.waiting.take() {
            bar.finish_and_clear();
        }
    }

    fn wait(&mut self, for_what: &str) {
        let for_what = text::line(for_what, 60);
        if let Some(bar) = &self.waiting {
            bar.set_message(for_what);
        } else if self.screen.is_watched() && !self.screen.json {
            let bar = ProgressBar::new_spinner().with_message(for_what);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            self.waiting = Some(bar);
        }
    }

    fn say(&mut self, line: &str) {
        self.rest();
        if !self.screen.json {
            self.screen.note(line);
        }
    }

    /// Words of the agent.
    fn speak(&mut self, words: &str) {
        self.rest();
        if self.screen.json || self.lost.is_some() {
            return;
        }
        if let Err(fault) = self.screen.raw(&text::readable(words)) {
            self.lost = Some(fault);
        }
    }

    /// Ends an answer: what was not shown of it in pieces is shown.
    fn answered(&mut self, message: &Message) {
        let words = message.joined_text();
        let streamed = std::mem::take(&mut self.streamed);
        match words.strip_prefix(&streamed) {
            Some(rest) => self.speak(rest),
            // Pieces of it were missed.
            None => self.speak(&format!("\n{words}")),
        }
        if !words.is_empty() {
            if !words.ends_with('\n') {
                self.speak("\n");
            }
            self.response = words;
        }
    }

    fn step_started(&mut self, node: &NodePath, event: &Event, is_before: bool) {
        let intent = event.data.get("intent");
        match Step::of(node) {
            // Pieces may be here before it.
            Some(Step::Round { nested }) if !is_before && self.streamed.is_empty() => {
                self.wait(if nested { "another agent works" } else { "thinking" });
            }
            Some(Step::Round { .. }) => {}
            Some(Step::Call { .. }) => {
                let part =
                    |name: &str| intent.and_then(|intent| intent.get(name)).cloned().unwrap_or_default();
                let tool = part("tool").as_str().unwrap_or_default().to_owned();
                if !is_before {
                    self.wait(&tool);
                }
                let at = event.at.map_or(0, |at| at.as_millis());
                self.open.insert(node.to_string(), Call { tool, input: part("input"), error: None, at });
            }
            None => {}
        }
    }

    fn step_ended(&mut self, node: &NodePath, event: &Event) {
        let failure = event::failure(event);
        match Step::of(node) {
            Some(Step::Round { nested: false }) => {
                self.ended = Some(node.clone());
                if let Some(failure) = failure {
                    if !std::mem::take(&mut self.streamed).is_empty() {
                        self.speak("\n");
                    }
                    self.say(&format!("{} {failure}", styled(RED, "✗")));
                    self.failure = Some(failure);
                    return;
                }
                self.failure = None;
                let message = event.data.get("output").and_then(|output| output.get("message"));
                if let Some(message) = message.and_then(|message| message.to::<Message>().ok()) {
                    self.answered(&message);
                }
            }
            Some(Step::Call { depth }) => {
                let Some(mut call) = self.open.remove(node.as_str()) else { return };
                let took = event.at.map_or(0, |at| at.as_millis()).saturating_sub(call.at);
                let took = text::duration(u64::try_from(took).unwrap_or_default());
                let mark = if failure.is_some() { styled(RED, "✗") } else { styled(GREEN, "✓") };
                let told = failure.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
                let (indent, input) = ("  ".repeat(depth), text::line(&call.input.to_string(), LONGEST));
                self.say(&format!(
                    "{indent}{mark} {} {} {}{told}",
                    styled(BOLD, text::line(&call.tool, 80)),
                    styled(DIM, input),
                    styled(DIM, took)
                ));
                call.error = failure;
                self.calls.push(call);
            }
            Some(Step::Round { nested: true }) | None => {}
        }
    }

    /// A question, and whether it is what comes next.
    fn asked(&mut self, event: &Event) {
        let step = event.data.get("step").and_then(Value::as_str);
        self.is_turn =
            step.and_then(|step| step.rsplit('.').next()).is_some_and(|last| last.starts_with("turn["));
        if self.is_turn {
            return;
        }
        let message = event.data.get("message").and_then(Value::as_str).unwrap_or_default();
        self.say(&format!("{} {}", styled(YELLOW, "?"), text::readable(message.trim_end())));
        for (at, choice) in
            event.data.get("choices").and_then(Value::as_list).into_iter().flatten().enumerate()
        {
            let choice = choice.as_str().unwrap_or_default();
            self.say(&format!("  {} {}", styled(BOLD, at + 1), text::visible(choice)));
        }
    }

    /// What was said before, or by somebody else.
    fn heard(&mut self, event: &Event, is_before: bool) {
        let words = match event.data.get("response") {
            None | Some(Value::Null) => return,
            Some(Value::String(words)) => words.to_string(),
            Some(other) => other.to_string(),
        };
        if is_before || words != self.message {
            self.say(&styled(DIM, format_args!("> {}", text::readable(&words))));
            self.message = words;
        }
    }
}

impl Viewer for Speech {
    fn see(&mut self, event: &Event) -> Option<RunStatus> {
        let node = event.node.as_ref();
        match event.class {
            EventClass::Gap => return None,
            EventClass::Transient => {
                let is_own =
                    node.and_then(Step::of).is_some_and(|step| step == Step::Round { nested: false });
                if is_own && node != self.ended.as_ref() {
                    match event.event.as_str() {
                        "node.token" => {
                            let words = event.data.get("text").and_then(Value::as_str).unwrap_or_default();
                            self.streamed.push_str(words);
                            self.speak(words);
                        }
                        "stream.reset" if !std::mem::take(&mut self.streamed).is_empty() => {
                            self.speak("\n");
                            self.say(&styled(DIM, "  once more:"));
                        }
                        _ => {}
                    }
                }
                return None;
            }
            EventClass::Durable => {}
        }
        let is_before = event.number.is_some_and(|number| number < self.since);
        if !is_before {
            self.usage += event::usage(event);
        }
        match (event.event.as_str(), node) {
            ("run.started", _) if is_before => {
                let words = event.data.get("inputs").and_then(|inputs| inputs.get("message"));
                if let Some(words) = words.and_then(Value::as_str) {
                    self.say(&styled(DIM, format_args!("> {}", text::readable(words))));
                }
            }
            ("step.started", Some(node)) => self.step_started(node, event, is_before),
            ("step.ended", Some(node)) => self.step_ended(node, event),
            ("node.asked", _) => self.asked(event),
            ("node.answered", _) => self.heard(event, is_before),
            ("node.report", Some(node)) if self.verbose => {
                self.say(&styled(DIM, format_args!("  {node} ran in a cage")));
            }
            ("run.parked", _) => {
                let why = event::failure(event).unwrap_or_default();
                self.say(&format!("{} {why}", styled(YELLOW, "parked")));
            }
            _ => {}
        }
        if is_before {
            self.calls.clear();
            self.response.clear();
            self.failure = None;
        }
        event::status(event)
    }

    fn note(&self, message: &str) {
        match &self.waiting {
            Some(bar) => bar.suspend(|| self.screen.note(message)),
            None => self.screen.note(message),
        }
    }
}

/// What a step of an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A question to the model, by the agent itself or by one that it lets work.
    Round { nested: bool },
    /// A call of a tool, by so many agents that let one another work.
    Call { depth: usize },
}

impl Step {
    fn of(path: &NodePath) -> Option<Self> {
        let (around, last) = path.as_str().rsplit_once('.')?;
        let depth = around.matches(".call[").count();
        if last.starts_with("round[") {
            Some(Self::Round { nested: depth > 0 })
        } else {
            last.starts_with("call[").then_some(Self::Call { depth })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_by_their_paths() {
        let step = |path: &str| Step::of(&path.parse().unwrap());
        assert_eq!(step("chat.round[3]"), Some(Step::Round { nested: false }));
        assert_eq!(step("wf.run.n.round[3].call[0]"), Some(Step::Call { depth: 0 }));
        assert_eq!(step("n.round[3].call[0].round[1]"), Some(Step::Round { nested: true }));
        assert_eq!(step("n.round[3].call[0].round[1].call[2]"), Some(Step::Call { depth: 1 }));
        assert_eq!((step("chat"), step("chat.turn[1]"), step("chat.recalled")), (None, None, None));
    }
}
