//! The acknowledgement of a group: one for all who wait for it.

use std::pin::Pin;
use std::sync::{Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::store::StoreError;
use crate::store::lock::lock;

/// Tells everybody who committed into a group when it is safe.
#[derive(Debug, Default)]
pub(crate) struct Ack {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    result: Option<Result<(), StoreError>>,
    wakers: Vec<Waker>,
}

impl Ack {
    /// Wakes all who wait. The first call counts.
    pub(crate) fn complete(&self, result: Result<(), StoreError>) {
        let mut state = lock(&self.state);
        state.result.get_or_insert(result);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.done.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits in a task.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        Waiting { ack: self, slot: None }
    }

    /// Waits in a thread.
    pub(crate) fn block(&self) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        loop {
            if let Some(result) = &state.result {
                return result.clone();
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Waits for an [`Ack`].
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    ack: &'a Ack,
    slot: Option<usize>,
}

impl Future for Waiting<'_> {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.ack.state);
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        match self.slot.and_then(|slot| state.wakers.get_mut(slot)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                state.wakers.push(context.waker().clone());
                let slot = state.wakers.len() - 1;
                drop(state);
                self.slot = Some(slot);
            }
        }
        Poll::Pending
    }
}
