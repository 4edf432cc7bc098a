//! What an executor is given: the one way to the outside.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ice_core::blueprint::AlertChannel;
use ice_core::error::ErrorCode;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::process::{Denial, Report};
use ice_core::tools::Effect;
use ice_core::value::{BlobHash, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::watch::{Watch, asks_model};
use crate::journal::{Failure, Intent, Question};
use crate::telemetry::AgentCall;
use crate::workflow::model::Agent;

/// What an attempt or a step gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The output.
    pub value: Value,
    /// Tokens spent.
    pub usage: Usage,
    /// The BLAKE3 hash of everything that was streamed on the way, if anything was.
    pub stream: Option<BlobHash>,
    /// Whether it was taken from the cache of results.
    pub cached: bool,
    /// What a person is asked before the attempt can go on, instead of what it gives.
    pub asks: Option<Box<Asking>>,
}

/// A question that a step of an attempt is.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// The step.
    pub step: NodePath,
    /// The question.
    pub question: Question,
}

impl From<Value> for Completion {
    fn from(value: Value) -> Self {
        Self { value, usage: Usage::default(), stream: None, cached: false, asks: None }
    }
}

/// Something that is shown live and never journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TransientEvent {
    /// A piece of a streamed answer.
    Token {
        /// The piece.
        text: String,
    },
    /// Progress of a tool.
    Progress {
        /// What the tool reports.
        progress: Value,
    },
    /// The stream of an earlier attempt at this address is void.
    StreamReset,
}

/// Takes transient events. Must not block.
pub trait TransientSink: Send + Sync + fmt::Debug {
    /// Shows an event of an attempt at an address.
    fn emit(&self, address: &NodePath, attempt: u32, event: TransientEvent);
}

/// Something about an execution that is worth keeping, whatever becomes of its node.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// What came of an execution outside of the engine's own code.
    Report(Box<Report>),
    /// Something that was wanted and not given.
    Denial(Denial),
}

/// What an attempt needs of the engine: it carries out what an intent says, and keeps the steps.
#[async_trait]
pub(crate) trait StepPort: Send + Sync + fmt::Debug {
    /// Does what an intent says.
    async fn perform(
        self: Arc<Self>,
        ctx: &StepContext,
        address: &NodePath,
        intent: Intent,
    ) -> Result<Completion, Failure>;

    /// Sends the alert that an intent says to one channel.
    async fn alert(
        self: Arc<Self>,
        ctx: &StepContext,
        channel: AlertChannel,
        intent: &Intent,
    ) -> Result<(), Failure>;

    /// What goes instead of a step's intent, after whoever looks at prompts and calls has.
    fn inspect(&self, step: &NodePath, intent: Intent) -> Result<Intent, Failure>;

    /// Hands in a question whose answer is not known. Gives what the attempt ends with: it goes on once there is an answer.
    fn ask(&self, step: &NodePath, question: Question) -> Result<Value, Failure>;

    /// Watches an agent that begins to work, if somebody is to see that it does.
    fn agent(&self, _step: &NodePath, _name: &str, (_provider, _model): (&str, &str)) -> Option<AgentCall> {
        None
    }

    /// Whether what a model costs is known.
    fn is_priced(&self, provider: &str, model: &str) -> bool;

    /// Returns once the intent is kept; durable if the effect needs a barrier.
    async fn announce(&self, step: &NodePath, intent: &Intent, effect: Effect) -> Result<(), Failure>;

    /// Hands in what is worth keeping of an execution. It rides along with the next write.
    fn observe(&self, address: &NodePath, observation: Observation);

    /// Hands in the receipt and returns what is kept of it, which may be less than what the step gave. It rides along with
    /// the next write.
    async fn receipt(&self, step: &NodePath, result: Result<Completion, Failure>) -> Result<Value, Failure>;

    /// The receipt of a step that ended before a crash.
    fn known(&self, step: &NodePath) -> Option<Result<Value, Failure>>;
}

/// What an executor is given: the one way to the outside. Executors are deterministic between steps: after a
/// crash they run again from their first line, and a step that ended gives its recorded receipt.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The node.
    pub path: NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Fires when the attempt must end.
    pub cancel: CancellationToken,
    pub(crate) port: Arc<dyn StepPort>,
    /// What a model calls the call that is made, if one asked for it.
    pub(crate) call: Option<Arc<str>>,
    /// The agent that works, if one does.
    pub(crate) agent: Option<Arc<str>>,
    /// Who watches the agent that works.
    pub(crate) watch: Option<Arc<Watch>>,
}

impl StepContext {
    /// The same for a call that a model asked for.
    pub(crate) fn of_call(&self, id: &str) -> Self {
        Self { call: Some(Arc::from(id)), ..self.clone() }
    }

    /// The same for what an agent does itself.
    pub(crate) fn of_agent(&self, name: &Arc<str>) -> Self {
        Self { agent: Some(Arc::clone(name)), ..self.clone() }
    }

    /// The same for an agent, which is seen while it does something new.
    pub(crate) fn watched(&self, agent: &Agent, base: &NodePath) -> Self {
        let watch = Watch::new(agent, base, self.watch.clone());
        Self { watch: Some(Arc::new(watch)), ..self.clone() }
    }

    /// Does the one thing a node of a single step does. Its intent is already kept, with the node's start.
    pub(crate) async fn own_step(&self, intent: Intent) -> Result<Completion, Failure> {
        Arc::clone(&self.port).perform(self, &self.path, intent).await
    }

    /// Does one of several things a node does. The intent is kept before, the receipt after. What the step spends counts
    /// with its receipt, and so not once more with what the node gives or fails with.
    ///
    /// Not cancel-safe: watch [`Self::cancel`] instead of dropping the future.
    ///
    /// # Errors
    /// What the step itself failed with, now or before a crash; that it did not begin, as the attempt was cancelled.
    pub async fn step(&self, address: &NodePath, intent: Intent, effect: Effect) -> Result<Value, Failure> {
        if let Some(receipt) = self.port.known(address) {
            return receipt;
        }
        let intent = self.inspect(address, intent)?;
        self.inspected_step(address, intent, effect).await
    }

    /// What is going to be sent at an address: an intent that is about to be a step, after the policy of the engine has looked
    /// at it. One that ended before stays as it is.
    ///
    /// # Errors
    /// `POLICY_STOPPED`, if it is not to be sent.
    pub(crate) fn inspect(&self, address: &NodePath, intent: Intent) -> Result<Intent, Failure> {
        if self.port.known(address).is_some() { Ok(intent) } else { self.port.inspect(address, intent) }
    }

    /// Asks a person. Without an answer yet the attempt has to end with the failure: it begins again, with what ended in it,
    /// once there is one.
    ///
    /// # Errors
    /// That there is no answer yet.
    pub(crate) fn ask(&self, address: &NodePath, question: Question) -> Result<Value, Failure> {
        match self.port.known(address) {
            Some(receipt) => receipt,
            None => {
                if let Some(watch) = &self.watch {
                    watch.called();
                }
                self.port.ask(address, question)
            }
        }
    }

    /// As [`Self::step`], with an intent that was [looked at](Self::inspect).
    pub(crate) async fn inspected_step(
        &self,
        address: &NodePath,
        intent: Intent,
        effect: Effect,
    ) -> Result<Value, Failure> {
        if let Some(receipt) = self.port.known(address) {
            return receipt;
        }
        let never_begun = || Failure::new(ErrorCode::RunCancelled, "the attempt was cancelled before a step");
        if self.cancel.is_cancelled() {
            return Err(never_begun());
        }
        let announced = tokio::select! {
            announced = self.port.announce(address, &intent, effect) => announced,
            () = self.cancel.cancelled() => Err(never_begun()),
        };
        let result = match announced {
            // Its receipt is kept already.
            Err(refused) if refused.wanted.is_some() => return Err(refused),
            Ok(()) if self.cancel.is_cancelled() => Err(never_begun()),
            Ok(()) => self.perform(address, intent).await,
            Err(failure) => Err(failure),
        };
        self.port.receipt(address, result).await
    }

    /// Carries a step out that is new, in the span of the agent that does it.
    async fn perform(&self, address: &NodePath, intent: Intent) -> Result<Completion, Failure> {
        let Some(watch) = &self.watch else {
            return Arc::clone(&self.port).perform(self, address, intent).await;
        };
        let (span, is_model) = (watch.step(&*self.port, address), asks_model(&intent));
        let ended = Arc::clone(&self.port).perform(self, address, intent).instrument(span).await;
        let spent = ended.as_ref().map(|completion| completion.usage).map_err(|failure| failure.usage);
        watch.stepped(is_model, spent);
        ended
    }
}
