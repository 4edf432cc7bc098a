//! The steps in which a blueprint is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PartialNode;
use crate::diagnostic::nearest;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::value::Value;

/// One step in the making of a blueprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PartialUpdate {
    /// Adds a node at the end.
    AddNode {
        /// The node.
        node: PartialNode,
    },
    /// Removes a node.
    RemoveNode {
        /// Its id.
        node_id: NodeId,
    },
    /// Sets fields of a node; null removes one.
    UpdateNode {
        /// Its id.
        node_id: NodeId,
        /// The fields.
        updates: Value,
    },
    /// Changes nothing: checks anew and suggests.
    Suggest,
}

/// Why a step was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartialError {
    /// There is no such node.
    #[error("there is no node `{node_id}`{}", near.as_deref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownNode {
        /// The id.
        node_id: NodeId,
        /// The nearest id there is.
        near: Option<String>,
    },
    /// The updates are no fields.
    #[error("updates are an object of fields, not {found}")]
    NotFields {
        /// The type that was found.
        found: &'static str,
    },
}

impl PartialError {
    pub(super) fn unknown_node<'n>(id: &NodeId, ids: impl Iterator<Item = &'n str>) -> Self {
        Self::UnknownNode { node_id: id.clone(), near: nearest(id.as_str(), ids).map(str::to_owned) }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownNode { .. } => ErrorCode::UnknownNode,
            Self::NotFields { .. } => ErrorCode::WrongType,
        }
    }
}
