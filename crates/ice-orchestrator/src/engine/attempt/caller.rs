//! Who calls tools: an attempt as its run knows it, and the whole of one that is a single call.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::process::{Denial, DenialKind, ProcessHost};
use ice_core::tools::{ProgressSink, ToolContext};
use ice_core::value::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::perform::Call;
use crate::engine::processes::Recorder;
use crate::engine::run::{Message, RunShared};
use crate::executors::builtin::tool;
use crate::executors::{Completion, Observation, TransientEvent, TransientSink};
use crate::journal::{Failure, Intent};
use crate::workflow::model::Work;
use crate::workflow::runtime::{Start, Ticket};

/// An attempt as its run knows it.
#[derive(Debug)]
pub(in crate::engine) struct Caller {
    pub(super) shared: Arc<RunShared>,
    pub(super) ticket: Ticket,
    pub(super) path: NodePath,
    pub(super) attempt: u32,
}

/// Calls the tool of a node: nothing else is there to be kept, asked or remembered.
pub(super) async fn call(
    shared: Arc<RunShared>,
    start: Start,
    (began, cancel): (Instant, CancellationToken),
) -> Result<Completion, Failure> {
    let Start { ticket, path, attempt, intent, plan, scope, node, .. } = start;
    let node = plan.scope(scope).and_then(|scope| scope.node(node));
    let Some((node, Work::Tool(of), Intent::Tool { input, .. })) =
        node.map(|node| (node, &node.work, intent))
    else {
        return Err(Failure::new(ErrorCode::RunStuck, "the node is not in its plan"));
    };
    if attempt > 1 {
        shared.transient.emit(&path, attempt, TransientEvent::StreamReset);
    }
    let caller = Arc::new(Caller { shared, ticket, path: path.clone(), attempt });
    let mut context = caller.context(cancel, path, Arc::clone(&caller) as _);
    context.memory = caller.shared.memory_for(of.tool.spec(), &caller.path);
    let call = Call { tool: &*of.tool, input, id: None, use_cache: node.use_cache, began };
    tool::checked(of, caller.call(&context, call).await?)
}

impl Caller {
    /// What a tool is given with a call. What it reports on the way goes to `progress`.
    pub(super) fn context(
        self: &Arc<Self>,
        cancel: CancellationToken,
        address: NodePath,
        progress: Arc<dyn ProgressSink>,
    ) -> ToolContext {
        let processes = self.processes(&address);
        self.shared.tool_context(address, (self.attempt, cancel), progress, processes)
    }

    /// Calls a tool, and keeps what is to be kept of it beside what it gives.
    pub(super) async fn call(&self, context: &ToolContext, call: Call<'_>) -> Result<Completion, Failure> {
        let observe = |report| self.observe(&context.path, Observation::Report(Box::new(report)));
        let called = self.shared.call(context, call, observe).await;
        if let Some(denial) = called.as_ref().err().and_then(denial) {
            self.observe(&context.path, Observation::Denial(denial));
        }
        called
    }

    /// Hands in what is worth keeping of an execution.
    pub(in crate::engine) fn observe(&self, address: &NodePath, observation: Observation) {
        let observation = self.shared.engine.known.scrub_observation(observation);
        let message = Message::Observed { ticket: self.ticket, address: address.clone(), observation };
        if !self.shared.mailbox.send(message) {
            tracing::debug!(run = %self.shared.run, %address, "a report came after the run had ended");
        }
    }

    /// Who runs programs for the attempt, if anybody does.
    pub(super) fn processes(self: &Arc<Self>, address: &NodePath) -> Option<Arc<dyn ProcessHost>> {
        let host = self.shared.engine.processes.as_ref()?;
        let confinement = self.shared.confinement.clone();
        Some(Arc::new(Recorder::new(Arc::clone(host), confinement, Arc::clone(self), address.clone())))
    }
}

impl ProgressSink for Caller {
    fn report(&self, progress: Value) {
        self.shared.transient.emit(&self.path, self.attempt, TransientEvent::Progress { progress });
    }
}

/// What a failed call was denied, if that is why it failed.
fn denial(failure: &Failure) -> Option<Denial> {
    const GRANTS: [ErrorCode; 2] = [ErrorCode::GrantMissing, ErrorCode::PathSecurityViolation];
    let kind = if GRANTS.contains(&failure.code) {
        DenialKind::Grant
    } else if failure.code == ErrorCode::AddressRefused {
        DenialKind::Network
    } else {
        return None;
    };
    Some(Denial::new(kind, failure.message.as_str()))
}
