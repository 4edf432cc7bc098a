//! `human`: asks a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HumanNode {
    /// The question; a template, not blank.
    #[schemars(length(min = 1))]
    pub prompt_message: String,
    /// What kind of answer is wanted.
    #[serde(default)]
    pub approval_type: ApprovalType,
    /// Approves by itself after this many seconds; needs a longer `timeout_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub auto_approve_after: Option<u64>,
    /// What can be chosen; at least two with `choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// Who is asked when the time is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_path: Option<String>,
}

/// What kind of answer a person gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalType {
    /// Yes or no.
    #[default]
    ApproveReject,
    /// Data that fits the node's `output_schema`.
    InputRequired,
    /// One of `choices`.
    Choice,
}
