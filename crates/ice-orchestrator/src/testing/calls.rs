//! What was asked of the world in a test, over all lives of the engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ice_core::tools::Effect;
use ice_core::value::Value;

/// Whom a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Callee {
    /// A tool.
    Tool,
    /// A model.
    Model,
    /// A channel for the alerts of monitors.
    Alert,
}

/// A call of a tool or a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Whom it was for.
    pub callee: Callee,
    /// The name of the tool, the provider or the channel.
    pub name: String,
    /// The node, or the step within it: for example `guide.round[1].call[0]`.
    pub address: String,
    /// The idempotency key: the same for the same call, whenever it is made again.
    pub key: String,
    /// What it may do to the world.
    pub effect: Effect,
    /// What the tool was called with, or the model was asked.
    pub input: Value,
    /// What came of it, as text; nothing if it has not ended, because it was given up or the process ended.
    pub ended: Option<Result<Value, String>>,
}

/// The calls of a test. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call that begins, and gives its number.
    pub(super) fn begin(&self, call: Call) -> usize {
        let mut calls = self.lock();
        calls.push(call);
        calls.len() - 1
    }

    pub(super) fn end(&self, number: usize, result: Result<Value, String>) {
        if let Some(call) = self.lock().get_mut(number) {
            call.ended = Some(result);
        }
    }

    pub(super) fn list(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// How many have begun and how many have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        let calls = self.lock();
        (calls.len(), calls.iter().filter(|call| call.ended.is_some()).count())
    }

    /// How often something was called at each address.
    pub(super) fn by_address(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.lock().iter() {
            *counts.entry(call.address.clone()).or_default() += 1;
        }
        counts
    }
}
