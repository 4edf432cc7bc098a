//! What is decided about monitors: what they see, whom they tell, and what they do.

use std::sync::Arc;

use ice_core::alert::Severity;
use ice_core::blueprint::ActionOnTrigger;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::tools::Effect;

use super::{Decider, shallow};
use crate::executors::Completion;
use crate::executors::builtin::monitor;
use crate::journal::{Body, Failure};
use crate::workflow::model::PlanNode;
use crate::workflow::runtime::failing::Safety;
use crate::workflow::runtime::frame::{Frame, Place};
use crate::workflow::runtime::input::{Command, Start};
use crate::workflow::runtime::scope::Frames;
use crate::workflow::runtime::watching::Watch;

impl Decider<'_> {
    /// A monitor looks.
    pub(super) fn look(&mut self, node: NodePath, place: Place, watch: &Watch, last: bool) {
        let (Some((_, plan_node)), Some(plan)) = (self.at(place), self.state.monitor(place)) else { return };
        let metrics = self.state.metrics(self.now).value();
        let holds = Frames::around(self.state, place)
            .and_then(|frames| monitor::check(plan, &frames.env()?, &metrics));
        match holds {
            Ok(holds) => self.out.records.push(Body::Checked { node, holds, last, metrics }),
            Err(failure) => self.failed(plan_node, node, watch.attempt, Safety::Safe, failure),
        }
    }

    /// Nothing but monitors goes on: each looks a last time.
    pub(super) fn look_a_last_time(&mut self) {
        let state = self.state;
        for (_, place) in &state.wakes {
            if let (Some(node), Some(watch)) = (state.path(*place), state.watch(*place)) {
                self.look(node, *place, watch, true);
            }
            if self.is_full() {
                return;
            }
        }
    }

    /// A monitor tells its channels. They may be told again after a crash, with the same key.
    pub(super) fn tell(&mut self, frame: &Frame, place: Place, watch: &Watch) {
        let (Some(path), Some(plan)) = (frame.path(place.node), self.state.monitor(place)) else { return };
        let metrics = self.state.metrics(self.now);
        let severity = Severity::of(metrics.usage.cost, metrics.elapsed);
        let intent = monitor::intent(plan, watch.tally.checks, severity, watch.metrics.clone());
        let effect = Effect::Idempotent;
        self.out.commands.push(Command::Start(Start {
            ticket: self.state.next + self.out.records.len() as u64,
            path: path.clone(),
            attempt: watch.attempt,
            intent: intent.clone(),
            effect,
            receipts: Vec::new(),
            plan: Arc::clone(&frame.plan),
            scope: frame.scope,
            node: place.node,
        }));
        self.out.records.push(Body::Started {
            node: path,
            attempt: watch.attempt,
            intent,
            effect,
            held: None,
        });
    }

    /// The channels were told, or could not be: the run goes on in either case.
    pub(super) fn told(&mut self, node: NodePath, result: Result<Completion, Failure>) {
        let (sent, failure) = match result {
            Ok(done) => (done.value, None),
            Err(failure) => (ice_core::value::Value::empty_map(), Some(failure)),
        };
        self.out.records.push(Body::Alerted { node, sent, failure });
    }

    /// A monitor acts, or is done.
    pub(super) fn acted(&mut self, frame: &Frame, node: &PlanNode, place: Place, watch: &Watch) {
        let (Some(path), Some(plan)) = (frame.path(place.node), self.state.monitor(place)) else { return };
        let said = |what: &str| {
            let number = watch.tally.checks;
            format!("the monitor `{path}` {what}: `{}` held at look {number}", plan.source)
        };
        let pauses = watch.holds && plan.action == ActionOnTrigger::Pause;
        if watch.holds && plan.action == ActionOnTrigger::Abort {
            let failure = Failure::new(ErrorCode::RunAborted, said("ended the run"));
            self.out.records.push(Body::Failed { node: path, failure, retry_at: None });
            return;
        }
        let pause = pauses.then(|| Failure::new(ErrorCode::RunPaused, said("paused the run")));
        let took = self.now.since(watch.since);
        let output = monitor::output(plan, watch.tally, took, watch.holds);
        match node.shape(output).and_then(shallow) {
            Ok(output) => self.out.records.push(Body::Closed { node: path, output }),
            Err(failure) => self.failed(node, path, watch.attempt, Safety::Safe, failure),
        }
        self.out.records.extend(pause.map(|failure| Body::Parked { failure }));
    }
}
