//! What a record is about.

use ice_core::path::NodePath;

use super::Body;

impl Body {
    /// The node the record is about; nothing if it is about the run.
    #[must_use]
    pub const fn node(&self) -> Option<&NodePath> {
        match self {
            Self::Started { node, .. }
            | Self::Step { node, .. }
            | Self::Receipt { node, .. }
            | Self::Succeeded { node, .. }
            | Self::Failed { node, .. }
            | Self::Woken { node }
            | Self::Skipped { node, .. }
            | Self::Opened { node, .. }
            | Self::Iterated { node, .. }
            | Self::Watching { node, .. }
            | Self::Checked { node, .. }
            | Self::Alerted { node, .. }
            | Self::Asked { node, .. }
            | Self::Escalated { node, .. }
            | Self::Answered { node, .. }
            | Self::Closed { node, .. }
            | Self::Reported { node, .. }
            | Self::Denied { node, .. }
            | Self::Cancelled { node, .. }
            | Self::Discarded { node, .. }
            | Self::Unresponsive { node }
            | Self::InDoubt { node }
            | Self::Settled { node, .. } => Some(node),
            Self::Manifest(_)
            | Self::Cancelling { .. }
            | Self::Exceeded { .. }
            | Self::Funded { .. }
            | Self::Migrated(_)
            | Self::Parked { .. }
            | Self::Resumed { .. }
            | Self::Ended { .. } => None,
        }
    }
}
