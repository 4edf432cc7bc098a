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

impl MonitorNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("metric_expression");
        Self {
            metric_expression: fields.expression("metric_expression").unwrap_or_default(),
            action_on_trigger: fields.choice("action_on_trigger"),
            alert_channels: fields.choices("alert_channels"),
            check_interval_seconds: fields.whole("check_interval_seconds").unwrap_or_else(default_interval),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("metric_expression", &self.metric_expression);
        rules.positive("check_interval_seconds", Some(self.check_interval_seconds));
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
