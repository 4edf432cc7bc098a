//! The spans of a run and of its nodes: who is within whom.

use ahash::AHashMap;
use ice_core::blueprint::KindName;
use ice_core::path::NodePath;
use ice_core::telemetry::{Operation, names};
use tracing::Span;
use tracing::field::Empty;

use super::run::RunShared;
use super::{RunEnd, RunError};
use crate::journal::{Body, Failure};
use crate::telemetry::{failed, workflow_name};
use crate::workflow::runtime::{Start, State};

/// The span of a run, and those of the nodes that others are within. Nothing if nobody wants them.
#[derive(Debug, Default)]
pub(super) struct Spans(Option<Box<Wanted>>);

#[derive(Debug)]
struct Wanted {
    run: Span,
    /// Containers that are open, and nodes that wait for people or watch.
    open: AHashMap<NodePath, Span>,
}

impl Spans {
    /// The spans of a run that begins, or is taken up again, within the span that is entered.
    pub(super) fn begin(shared: &RunShared, is_resumed: bool) -> Self {
        let operation = Operation::InvokeWorkflow.as_str();
        let name = || workflow_name(shared.plan.blueprint());
        let run = tracing::info_span!(
            "invoke_workflow",
            { names::SPAN_NAME } = format!("{operation} {}", name()),
            { names::SPAN_KIND } = names::INTERNAL,
            { names::STATUS_CODE } = Empty,
            { names::OPERATION_NAME } = operation,
            { names::WORKFLOW_NAME } = name(),
            { names::RUN_ID } = %shared.run,
            { names::RUN_RESUMED } = is_resumed,
            { names::PLAN_HASH } = %shared.plan.hash(),
            { names::RUN_STATUS } = Empty,
            { names::ERROR_TYPE } = Empty,
        );
        if run.is_disabled() {
            return Self::default();
        }
        Self(Some(Box::new(Wanted { run, open: AHashMap::new() })))
    }

    /// The span of the run.
    pub(super) fn run(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |wanted| wanted.run.clone())
    }

    /// The span of an attempt that is about to begin.
    pub(super) fn attempt(&mut self, start: &Start, state: &State) -> Span {
        let (Some(wanted), Some(node)) = (&mut self.0, start.plan_node()) else { return Span::none() };
        let around = wanted.around(&start.path, state);
        node_span(&around, &start.path, node.kind, start.attempt)
    }

    /// Takes in what a record says, before it is applied.
    pub(super) fn see(&mut self, body: &Body, state: &State) {
        let Some(wanted) = &mut self.0 else { return };
        match body {
            Body::Opened { node, attempt, .. }
            | Body::Asked { node, attempt, step: None, .. }
            | Body::Watching { node, attempt } => {
                if let Some(kind) = state.kind_at(node) {
                    let around = wanted.around(node, state);
                    wanted.open.insert(node.clone(), node_span(&around, node, kind, *attempt));
                }
            }
            Body::Failed { node, failure, .. } => {
                if let Some(span) = wanted.open.remove(node) {
                    failed(&span, failure.code);
                }
            }
            Body::Succeeded { node, .. }
            | Body::Closed { node, .. }
            | Body::Cancelled { node, .. }
            | Body::Skipped { node, .. }
            | Body::Discarded { node, .. } => drop(wanted.open.remove(node)),
            Body::Manifest(_)
            | Body::Started { .. }
            | Body::Step { .. }
            | Body::Receipt { .. }
            | Body::Woken { .. }
            | Body::Iterated { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Asked { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
            | Body::Cancelling { .. }
            | Body::Unresponsive { .. }
            | Body::InDoubt { .. }
            | Body::Settled { .. }
            | Body::Exceeded { .. }
            | Body::Funded { .. }
            | Body::Migrated(_)
            | Body::Parked { .. }
            | Body::Resumed { .. }
            | Body::Ended { .. } => {}
        }
    }

    /// The run is no longer driven: how it stands.
    pub(super) fn end(&mut self, state: &State, result: Result<&RunEnd, &RunError>) {
        let Some(wanted) = self.0.take() else { return };
        let status = result.map_or_else(|_| state.status(), |end| end.status);
        wanted.run.record(names::RUN_STATUS, status.as_str());
        match result {
            Ok(RunEnd { failure: Some(failure), .. }) => failed(&wanted.run, failure.code),
            Ok(_) | Err(RunError::Closing) => {}
            Err(error) => failed(&wanted.run, error.code()),
        }
    }
}

impl Wanted {
    /// The span that a node is within: that of the nearest container around it, or of the run. Of a run that was taken up
    /// again, containers have been open for long: they have a span once something begins in them.
    fn around(&mut self, path: &NodePath, state: &State) -> Span {
        let mut rest = path.as_str();
        while let Some((outer, _)) = rest.rsplit_once('.') {
            rest = outer;
            let node =
                outer.strip_suffix(']').and_then(|outer| outer.rsplit_once('[')).map_or(outer, |it| it.0);
            let Ok(node) = node.parse::<NodePath>() else { continue };
            if let Some(span) = self.open.get(&node) {
                return span.clone();
            }
            if let Some(kind) = state.kind_at(&node) {
                let around = self.around(&node, state);
                let span = node_span(&around, &node, kind, 1);
                self.open.insert(node, span.clone());
                return span;
            }
        }
        self.run.clone()
    }
}

/// The span of one attempt at a node.
fn node_span(around: &Span, path: &NodePath, kind: KindName, attempt: u32) -> Span {
    let id = || {
        let last = path.as_str().rsplit('.').next().unwrap_or_default();
        last.split('[').next().unwrap_or_default()
    };
    tracing::info_span!(
        parent: around,
        "node",
        { names::SPAN_NAME } = format!("{} {}", kind.as_str(), id()),
        { names::SPAN_KIND } = names::INTERNAL,
        { names::STATUS_CODE } = Empty,
        { names::NODE_PATH } = path.as_str(),
        { names::NODE_KIND } = kind.as_str(),
        { names::NODE_ATTEMPT } = i64::from(attempt),
        { names::NODE_CACHED } = Empty,
        { names::ERROR_TYPE } = Empty,
    )
}

/// Writes down what came of an attempt.
pub(super) fn attempt_ended(span: &Span, ended: Result<bool, &Failure>) {
    match ended {
        Ok(true) => drop(span.record(names::NODE_CACHED, true)),
        Ok(false) => {}
        Err(failure) => failed(span, failure.code),
    }
}
