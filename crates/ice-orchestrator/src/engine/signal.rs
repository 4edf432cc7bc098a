//! What anybody who reaches the store can tell a run: messages in its inbox.

use bytes::Bytes;
use ice_core::id::Principal;
use ice_core::path::NodePath;
use serde::{Deserialize, Serialize};

use crate::journal::{Answer, Decision};
use crate::workflow::runtime::Input;

/// A message to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub(crate) enum Signal {
    /// Cancel the run.
    Cancel { by: Principal, reason: Option<String> },
    /// Answer a question, which was asked with the record of this number.
    Answer { node: NodePath, question: u64, answer: Answer },
    /// Decide about a node in doubt.
    Settle { node: NodePath, decision: Decision, by: Principal },
}

impl Signal {
    pub(crate) fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    pub(crate) fn into_input(self) -> Input {
        match self {
            Self::Cancel { by, reason } => Input::Cancel { by, reason },
            Self::Answer { node, question, answer } => Input::Answer { node, question, answer },
            Self::Settle { node, decision, by } => Input::Settle { node, decision, by },
        }
    }
}
