//! `monitor`: watches an expression and acts on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;

/// Watches an expression and acts when it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonitorNode {
    /// The expression; not blank. It sees what a template of the node does, and the metrics of the run under `run`.
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
    /// The most looks; at least 1. If absent 5, or as many as `timeout_seconds` has room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_checks: Option<u64>,
}

impl MonitorNode {
    /// The most looks of a monitor that says nothing of them.
    pub const CHECKS: u64 = 5;

    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("metric_expression");
        Self {
            metric_expression: fields.expression("metric_expression").unwrap_or_default(),
            action_on_trigger: fields.choice("action_on_trigger"),
            alert_channels: fields.choices("alert_channels"),
            check_interval_seconds: fields.whole("check_interval_seconds").unwrap_or_else(default_interval),
            max_checks: fields.whole("max_checks"),
        }
    }

    /// The most looks it takes at what it watches, if there is such a number.
    #[must_use]
    pub const fn most_checks(&self, timeout_seconds: Option<u64>) -> Option<u64> {
        match (self.max_checks, timeout_seconds) {
            (Some(most), _) => Some(most),
            (None, Some(_)) => None,
            (None, None) => Some(Self::CHECKS),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("metric_expression", &self.metric_expression);
        rules.positive("check_interval_seconds", Some(self.check_interval_seconds));
        rules.positive("max_checks", self.max_checks);
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_text("metric_expression", &self.metric_expression, Form::Expression, at, visit);
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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

impl AlertChannel {
    /// The name in blueprints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
            Self::Sms => "sms",
            Self::Dashboard => "dashboard",
        }
    }
}
