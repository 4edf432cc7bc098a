//! `monitor`: watches an expression and acts on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Watches an expression and acts when it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonitorNode {
    /// The expression; not blank.
    #[schemars(length(min = 1))]
    pub metric_expression: String,
    /// What happens when it holds.
    #[serde(default)]
    pub action_on_trigger: ActionOnTrigger,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert_channels: Vec<AlertChannel>,
    /// The time between two looks, in seconds; at least 1.
    #[serde(default = "default_interval")]
    #[schemars(range(min = 1))]
    pub check_interval_seconds: u64,
}

fn default_interval() -> u64 {
    5
}

/// What a monitor does when its expression holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionOnTrigger {
    /// Tells the channels.
    #[default]
    AlertOnly,
    /// Parks the run.
    Pause,
    /// Ends the run.
    Abort,
}

/// Where alerts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertChannel {
    /// Electronic mail.
    Email,
    /// Slack.
    Slack,
    /// A web hook.
    Webhook,
    /// A text message.
    Sms,
    /// The console.
    Dashboard,
}
