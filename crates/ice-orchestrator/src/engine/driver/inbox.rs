//! What others have sent to a run.

use std::sync::Arc;

use ice_core::store::inbox;

use super::{Driver, PAGE};
use crate::engine::{RunError, Signal};
use crate::journal::keys;
use crate::workflow::runtime::Input;

impl Driver {
    /// Looks into the inbox before anything is done: a run that was cancelled meanwhile starts nothing.
    pub(super) async fn look_first(&mut self) -> Result<(), RunError> {
        while std::mem::take(&mut self.look) {
            self.look_into_inbox().await?;
        }
        let queue = std::mem::take(&mut self.queue);
        let (cancels, others): (Vec<_>, Vec<_>) =
            queue.into_iter().partition(|input| matches!(input, Input::Cancel { .. }));
        self.queue = cancels.into_iter().chain(others).collect();
        Ok(())
    }

    pub(super) async fn look_into_inbox(&mut self) -> Result<(), RunError> {
        let prefix = keys::inbox(&self.shared.tenant, self.shared.run);
        let store = Arc::clone(&self.shared.engine.store);
        let messages = tokio::select! {
            messages = inbox::read(&*store, &prefix, self.inbox_after, PAGE) => messages?,
            () = self.shared.engine.closing.begun() => return Err(RunError::Closing),
        };
        for message in &messages {
            self.inbox_after = message.number;
            match serde_json::from_slice::<Signal>(&message.payload) {
                Ok(signal) => self.queue.push_back(signal.into_input()),
                Err(error) => {
                    tracing::warn!(run = %self.shared.run, %error, "an unreadable message was dropped")
                }
            }
        }
        if !messages.is_empty() {
            self.consumed.push(inbox::consume(&prefix, &messages));
            self.look = messages.len() == PAGE;
        }
        Ok(())
    }
}
