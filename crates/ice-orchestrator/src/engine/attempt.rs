//! One attempt of a leaf: what it does, and what becomes of its panics.

mod caller;
mod under_way;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::AHashMap;
use async_trait::async_trait;
use futures::FutureExt;
use ice_core::blueprint::AlertChannel;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::tools::{Effect, ProgressSink};
use ice_core::value::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::ask::Asker;
use super::conversation::Conversation;
use super::perform::Call;
use super::run::{Message, RunShared};
use crate::executors::{
    Asking, Completion, Observation, StepContext, StepPort, TransientEvent, TransientSink,
    builtin::{self, monitor},
    inspected,
};
use crate::journal::{Failure, Intent, Question};
use crate::telemetry::{AgentCall, failed_tool, tool_seconds};
use crate::workflow::runtime::Start;

pub(super) use caller::Caller;
pub(super) use under_way::{Attempt, AttemptEnd};

/// How long one channel may take to send an alert.
const CHANNEL: Duration = Duration::from_secs(30);

/// What an attempt does, under way.
pub(super) type Doing = Pin<Box<dyn Future<Output = Result<Completion, Failure>> + Send>>;

/// Does what an attempt that begins now is to do, within a span. A panic is a failure, also one of what the attempt drops at its
/// end.
pub(super) fn carry_out(
    shared: Arc<RunShared>,
    start: Start,
    (began, cancel): (Instant, CancellationToken),
    span: Span,
) -> Doing {
    if start.is_call() {
        Box::pin(caught(caller::call(shared, start, (began, cancel))).instrument(span))
    } else {
        Box::pin(caught(perform(shared, start, cancel)).instrument(span))
    }
}

fn caught(
    doing: impl Future<Output = Result<Completion, Failure>> + Send,
) -> impl Future<Output = Result<Completion, Failure>> + Send {
    // No async function: it would keep its arguments beside the future that they have moved into.
    AssertUnwindSafe(doing).catch_unwind().map(|ended| ended.unwrap_or_else(panicked))
}

async fn perform(
    shared: Arc<RunShared>,
    start: Start,
    cancel: CancellationToken,
) -> Result<Completion, Failure> {
    let Start { ticket, path, attempt, intent, receipts, plan, scope, node, effect: _ } = start;
    if attempt > 1 {
        shared.transient.emit(&path, attempt, TransientEvent::StreamReset);
    }
    let Some(node) = plan.scope(scope).and_then(|scope| scope.node(node)) else {
        return Err(Failure::new(ErrorCode::RunStuck, "the node is not in its plan"));
    };
    let asker = Asker::of(&intent, node.retry.max_attempts);
    let use_cache = node.use_cache;
    let conversation = Conversation::default();
    let asks = Mutex::default();
    let receipts = receipts.into_iter().collect();
    let caller = Arc::new(Caller { shared, ticket, path: path.clone(), attempt });
    let port = Arc::new(Port { caller, receipts, use_cache, asker, conversation, asks });
    let (call, agent, watch) = (None, None, None);
    let ctx = StepContext { path, attempt, cancel, port: Arc::clone(&port) as _, call, agent, watch };
    let ended = builtin::run(&node.work, &ctx, intent).await;
    match (ended, port.asking()) {
        // It ended for want of an answer.
        (Err(_), Some(asking)) => Ok(Completion { asks: Some(Box::new(asking)), ..Value::Null.into() }),
        (ended, _) => ended,
    }
}

/// The failure of an attempt whose task was lost: what it dropped when it was given up panicked.
pub(super) fn lost() -> Failure {
    let message = "the tool or model adapter panicked when it was given up; the log has what it said";
    Failure { unknown_outcome: true, ..Failure::new(ErrorCode::NodePanicked, message) }
}

fn panicked(payload: Box<dyn std::any::Any + Send>) -> Result<Completion, Failure> {
    let said = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = %said, "a tool or model adapter panicked");
    let message = "the tool or model adapter panicked; the log has what it said";
    Err(Failure { unknown_outcome: true, ..Failure::new(ErrorCode::NodePanicked, message) })
}

/// One attempt's way to its run: tools and models, the run's task, which keeps its steps, and those who watch.
#[derive(Debug)]
struct Port {
    caller: Arc<Caller>,
    receipts: AHashMap<NodePath, Result<Value, Failure>>,
    /// Whether results of pure tools may be taken from the cache.
    use_cache: bool,
    asker: Asker,
    conversation: Conversation,
    /// The first question that has no answer.
    asks: Mutex<Option<Asking>>,
}

#[async_trait]
impl StepPort for Port {
    async fn perform(
        self: Arc<Self>,
        ctx: &StepContext,
        address: &NodePath,
        intent: Intent,
    ) -> Result<Completion, Failure> {
        let observe = |report| self.observe(address, Observation::Report(Box::new(report)));
        match intent {
            Intent::Tool { tool, input } => {
                let Some(found) = self.shared().plan.tools.get(&tool) else {
                    return Err(Failure::new(ErrorCode::UnknownTool, format!("no tool is named `{tool}`")));
                };
                let progress =
                    Arc::new(StepProgress { caller: Arc::clone(&self.caller), step: address.clone() });
                let mut context = self.caller.context(ctx.cancel.clone(), address.clone(), progress);
                context.memory = self.caller.shared.memory_for(found.spec(), address);
                let (began, id) = (Instant::now(), ctx.call.as_deref());
                let call = Call { tool: &**found, input, id, use_cache: self.use_cache, began };
                let called = self.caller.call(&context, call).await;
                match &called {
                    Ok(completion) if completion.cached => {}
                    Ok(_) => tool_seconds(&tool).record(began.elapsed().as_secs_f64()),
                    Err(failure) => failed_tool(&tool, failure.code, began.elapsed().as_secs_f64()),
                }
                called
            }
            Intent::Alert { .. } => Err(Failure::new(ErrorCode::RunStuck, "an alert was sent to no channel")),
            Intent::Code { request } => {
                Box::pin(self.shared().execute(ctx, &request, self.caller.processes(address), observe)).await
            }
            // In a box of its own: it is large, and tools need no room for it.
            Intent::Llm { provider, request } => {
                let request = self.conversation.request(&request);
                Box::pin(self.shared().ask(ctx, address, &provider, request, &self.asker)).await
            }
            Intent::Memory { request } => Box::pin(self.shared().remember(ctx, address, &request)).await,
            Intent::Agent { .. } | Intent::Swarm { .. } | Intent::Aware { .. } => {
                Err(Failure::new(ErrorCode::RunStuck, "what works in steps was to be carried out in one"))
            }
        }
    }

    async fn alert(
        self: Arc<Self>,
        ctx: &StepContext,
        channel: AlertChannel,
        intent: &Intent,
    ) -> Result<(), Failure> {
        let nobody = |name: &str| {
            Failure::new(ErrorCode::RuleViolation, format!("nobody takes on alerts of the channel `{name}`"))
        };
        let name = channel.as_str();
        let sink = self.shared().plan.alerts.get(channel).ok_or_else(|| nobody(name))?;
        let Intent::Alert { request } = intent else { return Err(nobody(name)) };
        let alert = monitor::alert(request, self.shared().run, ctx, name);
        let progress = Arc::new(NoProgress);
        let context = self.caller.context(ctx.cancel.clone(), ctx.path.clone(), progress);
        tokio::select! {
            // A panic of one channel keeps no other back.
            sent = AssertUnwindSafe(sink.send(&context, &alert)).catch_unwind() => match sent {
                Ok(sent) => Ok(sent?),
                Err(payload) => panicked(payload).map(drop),
            },
            () = tokio::time::sleep(CHANNEL) => {
                let message = format!("not sent within {} s", CHANNEL.as_secs());
                Err(Failure::new(ErrorCode::NodeTimeout, message))
            }
            () = ctx.cancel.cancelled() => Err(Failure::new(ErrorCode::RunCancelled, "the alert was given up")),
        }
    }

    fn inspect(&self, _step: &NodePath, intent: Intent) -> Result<Intent, Failure> {
        let read = |request: &Value| self.conversation.unseen(request);
        match inspected(&*self.shared().engine.policy, &intent, read)? {
            Some(other) => Ok(other),
            None => {
                self.conversation.pass(intent.value());
                Ok(intent)
            }
        }
    }

    fn ask(&self, step: &NodePath, question: Question) -> Result<Value, Failure> {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.get_or_insert_with(|| Asking { step: step.clone(), question });
        Err(Failure::new(ErrorCode::RunCancelled, "a person has to answer first"))
    }

    fn agent(&self, step: &NodePath, name: &str, (provider, model): (&str, &str)) -> Option<AgentCall> {
        let found = self.shared().plan.providers.get(provider);
        let vendor = found.map_or(provider, |found| found.vendor());
        Some(AgentCall::begin(self.shared().run, step, name, (vendor, model)))
    }

    fn is_priced(&self, provider: &str, model: &str) -> bool {
        let found = self.shared().plan.providers.get(provider);
        found.and_then(|found| found.capabilities(model)?.price).is_some()
    }

    async fn announce(&self, step: &NodePath, intent: &Intent, effect: Effect) -> Result<(), Failure> {
        let ended = || Failure::new(ErrorCode::RunCancelled, "the run has ended");
        let (go, wait) = oneshot::channel();
        let (step, intent) = (step.clone(), intent.clone());
        let message = Message::Announce { ticket: self.caller.ticket, step, intent, effect, go };
        if !self.shared().mailbox.send(message) {
            return Err(ended());
        }
        wait.await.unwrap_or_else(|_| Err(ended()))
    }

    fn observe(&self, address: &NodePath, observation: Observation) {
        self.caller.observe(address, observation);
    }

    async fn receipt(&self, step: &NodePath, result: Result<Completion, Failure>) -> Result<Value, Failure> {
        let (kept, wait) = oneshot::channel();
        let result = self.shared().engine.known.scrub(result);
        let message = Message::Receipt { ticket: self.caller.ticket, step: step.clone(), result, kept };
        if !self.shared().mailbox.send(message) {
            tracing::debug!(run = %self.shared().run, %step, "a receipt came after the run had ended");
        }
        // What the attempt is going to give does not count any more.
        wait.await.unwrap_or_else(|_| Err(Failure::new(ErrorCode::RunCancelled, "the attempt was given up")))
    }

    fn known(&self, step: &NodePath) -> Option<Result<Value, Failure>> {
        self.receipts.get(step).cloned()
    }
}

impl Port {
    fn shared(&self) -> &RunShared {
        &self.caller.shared
    }

    fn asking(&self) -> Option<Asking> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Alerts tell of no progress.
#[derive(Debug)]
struct NoProgress;

impl ProgressSink for NoProgress {
    fn report(&self, _: Value) {}
}

#[derive(Debug)]
struct StepProgress {
    caller: Arc<Caller>,
    step: NodePath,
}

impl ProgressSink for StepProgress {
    fn report(&self, progress: Value) {
        let event = TransientEvent::Progress { progress };
        self.caller.shared.transient.emit(&self.step, self.caller.attempt, event);
    }
}

#[cfg(test)]
mod tests;
