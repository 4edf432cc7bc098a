//! What lies outside of a run, scripted.

use std::time::Duration;

use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::Value;

use crate::journal::{Failure, Intent};

/// An attempt that begins.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// The node.
    pub path: &'c NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What it is going to do.
    pub intent: &'c Intent,
    /// What that may do to the world.
    pub effect: Effect,
}

impl Call<'_> {
    /// What the tool is called with, or the model is asked.
    #[must_use]
    pub const fn input(&self) -> &Value {
        match self.intent {
            Intent::Tool { input, .. } => input,
            Intent::Llm { request, .. } | Intent::Code { request } | Intent::Alert { request } => request,
        }
    }
}

/// How the world answers an attempt.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How long it takes.
    pub after: Duration,
    /// What the attempt does on its way, one after the other.
    pub steps: Vec<Step>,
    /// How it ends.
    pub act: Act,
}

/// How an attempt ends.
#[derive(Clone, Debug)]
pub enum Act {
    /// With a value.
    Give(Value),
    /// With a failure.
    Fail(Failure),
    /// Not at all, unless it is cancelled or its time is up.
    Never,
}

/// One of several things an attempt does.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it may do to the world.
    pub effect: Effect,
    /// What it gives.
    pub result: Result<Value, Failure>,
}

impl Reply {
    /// A value, at once.
    #[must_use]
    pub fn give(value: impl Into<Value>) -> Self {
        Self { after: Duration::ZERO, steps: Vec::new(), act: Act::Give(value.into()) }
    }

    /// A failure, at once.
    #[must_use]
    pub const fn fail(failure: Failure) -> Self {
        Self { after: Duration::ZERO, steps: Vec::new(), act: Act::Fail(failure) }
    }

    /// No answer.
    #[must_use]
    pub const fn never() -> Self {
        Self { after: Duration::ZERO, steps: Vec::new(), act: Act::Never }
    }

    /// The same after a while.
    #[must_use]
    pub const fn after(mut self, span: Duration) -> Self {
        self.after = span;
        self
    }

    /// The same after these steps.
    #[must_use]
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }
}

/// Answers attempts. The same attempt may be asked for again after the process ended.
pub trait World {
    /// The answer to an attempt that begins.
    fn reply(&mut self, call: &Call<'_>) -> Reply;
}

impl<F: FnMut(&Call<'_>) -> Reply> World for F {
    fn reply(&mut self, call: &Call<'_>) -> Reply {
        self(call)
    }
}
