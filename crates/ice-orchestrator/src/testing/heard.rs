//! What calls have heard, so that a call that is made again after a crash hears the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::events::Event;

/// The answers to calls, by idempotency key. Clones are the same.
///
/// All attempts of a call have one key, and each may hear something else: which attempt asks follows from those that the
/// journal says have ended.
#[derive(Clone, Debug)]
pub(super) struct Heard<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    /// By key and by the number of the attempt, from 0.
    answers: HashMap<String, BTreeMap<usize, T>>,
    /// How many attempts had ended at each address as this life began.
    ended: HashMap<String, usize>,
    /// How often each key was asked for in this life.
    asked: HashMap<String, usize>,
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        let (answers, ended, asked) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self(Arc::new(Mutex::new(State { answers, ended, asked })))
    }
}

impl<T: Clone> Heard<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A life begins, of which the journal has these events.
    pub(super) fn begin(&self, events: &[Event]) {
        let mut state = self.lock();
        state.asked.clear();
        state.ended.clear();
        for event in events {
            let ends = ["step.ended", "node.succeeded", "node.failed", "node.retrying"];
            if let Some(node) = event.node.as_ref().filter(|_| ends.contains(&event.event.as_str())) {
                *state.ended.entry(node.to_string()).or_default() += 1;
            }
        }
    }

    /// Which attempt asks, and what it has heard already.
    pub(super) fn ask(&self, key: &str) -> (usize, Option<T>) {
        let mut state = self.lock();
        let ended = state.ended.get(address(key)).copied().unwrap_or_default();
        let key = call(key);
        let asked = state.asked.entry(key.to_owned()).or_default();
        let attempt = ended + *asked;
        *asked += 1;
        (attempt, state.answers.get(key).and_then(|answers| answers.get(&attempt)).cloned())
    }

    pub(super) fn keep(&self, key: &str, attempt: usize, answer: T) {
        self.lock().answers.entry(call(key).to_owned()).or_default().insert(attempt, answer);
    }
}

/// A key without the attempt, which those of models have behind the address.
fn call(key: &str) -> &str {
    match key.match_indices('/').nth(1) {
        Some((end, _)) => key.get(..end).unwrap_or(key),
        None => key,
    }
}

/// The address in an idempotency key, which comes after the run.
pub(super) fn address(key: &str) -> &str {
    key.split('/').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_hears_the_same_after_a_crash_and_the_next_attempt_something_else() {
        let heard = Heard::default();
        heard.begin(&[]);
        assert_eq!(heard.ask("run/a"), (0, None));
        heard.keep("run/a", 0, "first");
        assert_eq!(heard.ask("run/a"), (1, None));
        heard.keep("run/a", 1, "second");
        // Nothing of that was recorded.
        heard.begin(&[]);
        assert_eq!(heard.ask("run/a/1"), (0, Some("first")));
        assert_eq!(heard.ask("run/a"), (1, Some("second")));
        assert_eq!(heard.ask("run/a"), (2, None));
    }
}
