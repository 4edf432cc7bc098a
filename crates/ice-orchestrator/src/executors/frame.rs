//! What containers say of the frames they run.

use std::sync::Arc;

use ice_core::value::Value;

use crate::journal::NodeFailure;
use crate::workflow::model::{Plan, ScopeIndex};

/// The index of a frame in its run. Reused after the frame is closed.
pub(crate) type FrameIndex = u32;

/// What a new frame of a container looks like.
pub(crate) struct NewFrame {
    pub(crate) plan: Arc<Plan>,
    pub(crate) scope: ScopeIndex,
    /// The text after the container's path, for example `[3].body`.
    pub(crate) suffix: String,
    pub(crate) bindings: Vec<(Arc<str>, Value)>,
    /// The inputs of a sub-workflow; nothing to keep those of the parent.
    pub(crate) inputs: Option<Value>,
}

/// One frame of a container: not yet opened, open, or what it gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Slot {
    /// Not opened.
    #[default]
    Empty,
    /// Open.
    Open(FrameIndex),
    /// Ended: for a loop the output of the last node, else the outputs of all its nodes by id.
    Ended(Value),
    /// Ended with a failed node.
    Failed(Box<NodeFailure>),
}
