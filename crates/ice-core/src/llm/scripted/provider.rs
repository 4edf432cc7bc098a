//! The provider that follows a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Script, Turn};
use crate::llm::delivery;
use crate::llm::{
    ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Price,
    Request, Response, tokens,
};

/// The most requests that are remembered; the oldest are forgotten.
const MAX_REMEMBERED: usize = 10_000;

/// Follows a [`Script`]. Waits are those of tokio's clock, so that a paused clock skips them.
#[derive(Debug)]
pub struct Scripted {
    name: String,
    script: Script,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often each turn was taken.
    used: Vec<u64>,
    /// How many calls there were.
    calls: u64,
    seen: VecDeque<Request>,
}

impl Scripted {
    /// The provider `scripted`.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self::named("scripted", script)
    }

    /// A provider under another name, to stand in for a real one.
    #[must_use]
    pub fn named(name: impl Into<String>, script: Script) -> Self {
        let state = State { used: vec![0; script.turns.len()], ..State::default() };
        Self { name: name.into(), script, state: Mutex::new(state) }
    }

    /// The requests of all calls so far, oldest first; the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state().seen.iter().cloned().collect()
    }

    /// How many turns, of those with a number of times, have not been used up.
    #[must_use]
    pub fn turns_left(&self) -> usize {
        let state = self.state();
        let turns = self.script.turns.iter().zip(&state.used);
        turns
            .filter(|(turn, used)| matches!(turn.times, super::Times::Count(_)) && turn.times.allows(**used))
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn of a call.
    fn take(&self, request: &Request) -> Result<Turn, LlmError> {
        let mut state = self.state();
        state.calls += 1;
        let call = state.calls;
        if state.seen.len() == MAX_REMEMBERED {
            state.seen.pop_front();
        }
        state.seen.push_back(request.clone());
        if !self.knows(&request.model) {
            let message = format!("the script knows no model `{}`", request.model);
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, message));
        }
        if let Some(turn) = self.script.take(&mut state.used, request) {
            return Ok(turn.clone());
        }
        let message = format!(
            "the script has no turn for call {call}: of its {} turns none is left that fits; add one",
            self.script.turns.len()
        );
        Err(LlmError::new(LlmErrorKind::InvalidRequest, message))
    }

    fn knows(&self, model: &str) -> bool {
        self.script.knows(model)
    }
}

#[async_trait]
impl LlmProvider for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self, model: &str) -> Option<ModelCapabilities> {
        self.knows(model).then(|| {
            self.script.capabilities.clone().unwrap_or(ModelCapabilities {
                max_input_tokens: 1 << 20,
                max_output_tokens: 1 << 20,
                tools: true,
                json_schema: true,
                vision: true,
                price: Some(Price::FREE),
            })
        })
    }

    fn models(&self) -> Option<Vec<String>> {
        self.script.models.clone()
    }

    /// The request's `max_tokens`, else the longest answer of the script.
    fn estimate(&self, request: &Request) -> Estimate {
        let longest = || self.script.turns.iter().map(Turn::output_tokens).max().unwrap_or_default();
        Estimate {
            input_tokens: tokens::estimate_input(request),
            max_output_tokens: request.max_tokens.unwrap_or_else(longest),
        }
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let turn = self.take(&request)?;
        delivery::pause(Duration::from_millis(turn.delay_ms), &ctx.cancel).await?;
        turn.end(&request)
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let turn = self.take(&request)?;
        delivery::pause(Duration::from_millis(turn.delay_ms), &ctx.cancel).await?;
        Ok(turn.deliver(&request, ctx))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
