//! What a run is doing, while it does it: bars on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use ice_core::llm::Usage;
use ice_orchestrator::events::{Event, EventClass};
use ice_orchestrator::journal::RunStatus;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{event, text};
use crate::screen::{BOLD, DIM, GREEN, RED, Screen, YELLOW, styled};
use crate::watch::Viewer;

/// The most nodes that have a line of their own while they run.
const MAX_BARS: usize = 8;

/// What a run is doing.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    /// Whether every nested node is told, too.
    nested: bool,
    bars: Option<Bars>,
    started: BTreeMap<String, i64>,
    done: u64,
    failed: u64,
    usage: Usage,
}

#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    summary: ProgressBar,
    running: BTreeMap<String, ProgressBar>,
}

impl Progress {
    /// Bars if a person watches, else lines; with `--json` nothing but what must be told.
    pub(crate) fn new(screen: &Screen, verbose: u8) -> Self {
        let bars = (screen.is_watched() && !screen.json).then(Bars::new);
        Self {
            screen: *screen,
            nested: verbose > 0,
            bars,
            started: BTreeMap::new(),
            done: 0,
            failed: 0,
            usage: Usage::default(),
        }
    }

    fn end(&mut self, node: &str, at: i64, mark: &str, note: Option<String>) {
        self.done += 1;
        let took = self.started.remove(node).and_then(|started| u64::try_from(at - started).ok());
        if let Some(bars) = &mut self.bars {
            bars.end(node);
        }
        // The nested nodes of a loop may be many thousands: they are counted, and told only on request.
        if !self.nested && node.contains('.') {
            return;
        }
        let took = took.map(|took| styled(DIM, text::duration(took))).unwrap_or_default();
        let note = note.map(|note| format!("  {note}")).unwrap_or_default();
        self.say(&format!("{mark} {} {took}{note}", styled(BOLD, node)));
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.say(&self.screen, line),
            None if self.screen.json => {}
            None => self.screen.note(line),
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.summary.finish_and_clear();
            bars.running.values().for_each(ProgressBar::finish_and_clear);
        }
    }
}

impl Viewer for Progress {
    fn see(&mut self, event: &Event) -> Option<RunStatus> {
        match event.class {
            EventClass::Durable => {}
            EventClass::Transient | EventClass::Gap => return None,
        }
        self.usage += event::usage(event);
        let at = event.at.map_or(0, |at| at.as_millis());
        if let Some(node) = event.node.as_ref().map(|node| node.as_str().to_owned()) {
            match event.event.as_str() {
                "node.started" => {
                    self.started.entry(node.clone()).or_insert(at);
                    if let Some(bars) = &mut self.bars {
                        bars.start(&node);
                    }
                }
                "node.succeeded" => self.end(&node, at, &styled(GREEN, "✓"), None),
                "node.failed" => {
                    self.failed += 1;
                    self.end(&node, at, &styled(RED, "✗"), event::failure(event));
                }
                "node.cancelled" => self.end(&node, at, &styled(YELLOW, "⊘"), Some("cancelled".to_owned())),
                "node.skipped" => self.end(&node, at, &styled(DIM, "-"), Some("skipped".to_owned())),
                "node.retrying" => {
                    let why = event::failure(event).unwrap_or_default();
                    self.say(&format!(
                        "{} {} tries again after {why}",
                        styled(YELLOW, "↻"),
                        styled(BOLD, &node)
                    ));
                }
                "step.ended" if self.nested => {
                    let note = event::failure(event).map(|why| format!("  {why}")).unwrap_or_default();
                    self.say(&format!("{} {}{note}", styled(DIM, "·"), styled(DIM, &node)));
                }
                "node.asked" | "node.escalated" | "node.answered" => {
                    let what = event::people(event).unwrap_or_default();
                    self.say(&format!("{} {}  {what}", styled(YELLOW, "?"), styled(BOLD, &node)));
                }
                _ => {}
            }
        }
        if event.event == "run.parked" {
            let why = event::failure(event).unwrap_or_default();
            self.say(&format!("{} {why}", styled(YELLOW, "parked")));
        }
        if let Some(bars) = &self.bars {
            let running = self.started.len() as u64;
            bars.summary.set_message(summary(self.done, running, self.failed, &self.usage));
        }
        event::status(event)
    }

    fn note(&self, message: &str) {
        match &self.bars {
            Some(bars) => bars.say(&self.screen, message),
            None => self.screen.note(message),
        }
    }
}

fn summary(done: u64, running: u64, failed: u64, usage: &Usage) -> String {
    let mut parts =
        vec![format!("{} done", text::number(done)), format!("{} running", text::number(running))];
    if failed > 0 {
        parts.push(format!("{} failed", text::number(failed)));
    }
    parts.extend(text::usage(usage));
    parts.join(", ")
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let summary = all.add(bar("{spinner} {elapsed} · {msg}"));
        Self { all, summary, running: BTreeMap::new() }
    }

    fn start(&mut self, node: &str) {
        if self.running.len() < MAX_BARS && !self.running.contains_key(node) {
            let bar = self.all.insert_before(&self.summary, bar("  {spinner} {msg} {elapsed}"));
            bar.set_message(text::line(node, 60));
            self.running.insert(node.to_owned(), bar);
        }
    }

    fn end(&mut self, node: &str) {
        if let Some(bar) = self.running.remove(node) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    fn say(&self, screen: &Screen, line: &str) {
        self.all.suspend(|| screen.note(line));
    }
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_there_is() {
        assert_eq!(summary(0, 1, 0, &Usage::default()), "0 done, 1 running");
        let usage = Usage { input: 1, cost: "0.0012".parse().unwrap(), ..Usage::default() };
        assert_eq!(summary(1_200, 3, 2, &usage), "1,200 done, 3 running, 2 failed, 1 token, $0.0012");
    }
}
