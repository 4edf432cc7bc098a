//! Watching an agent at work: its span begins with the first step that was not done before, and counts from there.
//!
//! After a crash or an answer of a person everything that an attempt did is gone through again, agents that ended in it too.
//! Those have nothing new, and so are not seen again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ice_core::llm::Usage;
use ice_core::path::NodePath;
use tracing::Span;

use super::context::StepPort;
use crate::journal::{Failure, Intent};
use crate::telemetry::AgentCall;
use crate::workflow::model::{Agent, AgentSpent};

/// Watches one agent, in one turn after the other.
#[derive(Debug)]
pub(crate) struct Watch {
    name: Arc<str>,
    provider: Arc<str>,
    model: String,
    /// Its rounds are addressed below this.
    base: NodePath,
    /// That of the agent that lets it work.
    around: Option<Arc<Watch>>,
    turn: Mutex<Turn>,
}

/// What is known of a turn.
#[derive(Debug, Default)]
struct Turn {
    is_open: bool,
    /// Nothing before the first step that is new.
    call: Option<AgentCall>,
    has_begun: bool,
    spent: AgentSpent,
    rounds: u32,
}

impl Watch {
    pub(super) fn new(agent: &Agent, base: &NodePath, around: Option<Arc<Self>>) -> Self {
        let Agent { name, provider, request, .. } = agent;
        Self {
            name: Arc::clone(name),
            provider: Arc::clone(provider),
            model: request.model.clone(),
            base: base.clone(),
            around,
            turn: Mutex::default(),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn begins, or is gone through again.
    pub(crate) fn open(&self) {
        *self.turn() = Turn { is_open: true, ..Turn::default() };
    }

    /// A step is new: the span of the agent, which begins with it if none was before. Nothing between turns.
    pub(super) fn step(&self, port: &dyn StepPort, address: &NodePath) -> Span {
        if !self.turn().is_open {
            return Span::none();
        }
        let around = self.around.as_ref().map_or_else(Span::none, |around| around.step(port, address));
        let mut turn = self.turn();
        if !turn.has_begun {
            turn.has_begun = true;
            turn.call = around.in_scope(|| port.agent(&self.base, &self.name, (&self.provider, &self.model)));
            let is_first = address.as_str().strip_prefix(self.base.as_str()) == Some(".round[0]");
            if let Some(around) = self.around.as_ref().filter(|_| is_first) {
                around.count(AgentSpent { tool_calls: 1, ..AgentSpent::default() });
            }
        }
        turn.call.as_ref().map_or_else(Span::none, AgentCall::span)
    }

    /// A step that was new has ended: what it spent.
    pub(super) fn stepped(&self, is_model: bool, ended: Result<Usage, Usage>) {
        let (Ok(usage) | Err(usage)) = ended;
        if !is_model {
            return self.called();
        }
        if ended.is_ok() {
            let mut turn = self.turn();
            turn.rounds = turn.rounds.saturating_add(1);
        }
        self.count(AgentSpent { usage, ..AgentSpent::default() });
    }

    /// A call is made, which may be a question to a person.
    pub(super) fn called(&self) {
        self.count(AgentSpent { tool_calls: 1, ..AgentSpent::default() });
    }

    fn count(&self, spent: AgentSpent) {
        self.turn().spent += spent;
        if let Some(around) = &self.around {
            around.count(spent);
        }
    }

    /// The turn is over: how, in the words of its status. One that failed before its first step is seen as well.
    pub(crate) fn close(&self, port: &dyn StepPort, ended: Result<&str, &Failure>) {
        let first = self.base.extended(".round[0]");
        if ended.is_err()
            && let Some(first) = first.filter(|first| port.known(first).is_none())
        {
            drop(self.step(port, &first));
        }
        let Turn { call, spent, rounds, .. } = std::mem::take(&mut *self.turn());
        if let Some(call) = call {
            call.ended(ended.map(|status| (status, rounds)), spent.tool_calls, spent.usage);
        }
    }
}

/// Whether a step asks a model.
pub(super) const fn asks_model(intent: &Intent) -> bool {
    match intent {
        Intent::Llm { .. } => true,
        Intent::Tool { .. }
        | Intent::Code { .. }
        | Intent::Agent { .. }
        | Intent::Aware { .. }
        | Intent::Swarm { .. }
        | Intent::Memory { .. }
        | Intent::Alert { .. } => false,
    }
}
