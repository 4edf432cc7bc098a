//! The port: who takes alerts on to people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::Alert;
use crate::blueprint::AlertChannel;
use crate::tools::{ToolContext, ToolError};

/// Takes the alerts of one channel on to people.
///
/// ```
/// use ice_core::alert::{Alert, AlertSink};
/// use ice_core::tools::{ToolContext, ToolError};
///
/// #[derive(Debug)]
/// struct Console;
///
/// #[async_trait::async_trait]
/// impl AlertSink for Console {
///     async fn send(&self, _: &ToolContext, alert: &Alert) -> Result<(), ToolError> {
///         println!("{}: {}", alert.node, alert.message);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait AlertSink: Send + Sync + fmt::Debug {
    /// Sends an alert. It may be asked to send the same one again after a crash, with the same idempotency key. Ends soon after
    /// `ctx.cancel` fires; an alert is given up after 30 s.
    ///
    /// # Errors
    /// Why the alert was not sent. The run goes on without.
    async fn send(&self, ctx: &ToolContext, alert: &Alert) -> Result<(), ToolError>;
}

/// Who takes on the alerts of each channel. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Alerts(BTreeMap<AlertChannel, Arc<dyn AlertSink>>);

impl Alerts {
    /// Registers who takes on the alerts of a channel, in the place of whoever did before.
    pub fn register(&mut self, channel: AlertChannel, sink: Arc<dyn AlertSink>) {
        self.0.insert(channel, sink);
    }

    /// Who takes on the alerts of a channel, if anybody does.
    #[must_use]
    pub fn get(&self, channel: AlertChannel) -> Option<&Arc<dyn AlertSink>> {
        self.0.get(&channel)
    }

    /// The channels whose alerts reach anybody, sorted.
    pub fn channels(&self) -> impl Iterator<Item = AlertChannel> {
        self.0.keys().copied()
    }
}
