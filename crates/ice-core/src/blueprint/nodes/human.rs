//! `human`: asks a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::NodeBase;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;

/// Asks a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HumanNode {
    /// The question; a template, not blank.
    #[schemars(length(min = 1))]
    pub prompt_message: String,
    /// What kind of answer is wanted.
    #[serde(default)]
    pub approval_type: ApprovalType,
    /// Approves by itself after this many seconds, with `approve_reject`; needs a longer `timeout_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub auto_approve_after: Option<u64>,
    /// What can be chosen; at least two with `choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// Who is asked when the time is up; they have as long again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_path: Option<String>,
}

impl HumanNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("prompt_message");
        Self {
            prompt_message: fields.template("prompt_message").unwrap_or_default(),
            approval_type: fields.choice("approval_type"),
            auto_approve_after: fields.whole("auto_approve_after"),
            choices: fields.texts("choices"),
            escalation_path: fields.text("escalation_path"),
        }
    }

    pub(crate) fn rules(&self, base: &NodeBase, rules: Rules<'_>) {
        rules.not_blank("prompt_message", &self.prompt_message);
        rules.positive("auto_approve_after", self.auto_approve_after);
        let choices = self.choices.as_deref().unwrap_or_default();
        match self.approval_type {
            ApprovalType::Choice if choices.len() < 2 => {
                rules.broken("choices", "there must be at least two `choices` to choose from", None);
            }
            ApprovalType::ApproveReject | ApprovalType::InputRequired if !choices.is_empty() => {
                let advice = "set `approval_type: choice`, or remove them".to_owned();
                rules.doubtful("choices", "`choices` are not offered with this `approval_type`", advice);
            }
            ApprovalType::ApproveReject | ApprovalType::InputRequired | ApprovalType::Choice => {}
        }
        for (index, choice) in choices.iter().enumerate() {
            if choices.iter().take(index).any(|before| before == choice) {
                let message = format!("the choice `{choice}` stands twice");
                rules.below("choices", |rules| rules.item(index, |rules| rules.broken_here(message, None)));
            }
        }
        let is_yes_or_no = self.approval_type == ApprovalType::ApproveReject;
        if self.auto_approve_after.is_some() && !is_yes_or_no {
            let message = "nothing is approved by itself with this `approval_type`: nobody can say what a person would have";
            let advice =
                "remove `auto_approve_after`: the question is escalated or rejected when its time is up";
            rules.doubtful("auto_approve_after", message, advice.to_owned());
        }
        let has_schema = base.output_schema.as_map().is_some_and(|schema| !schema.is_empty());
        if has_schema && self.approval_type != ApprovalType::InputRequired {
            let message =
                "`output_schema` has no effect: it is that of the data with `approval_type: input_required`";
            rules.doubtful("output_schema", message, "remove it".to_owned());
        }
        if self.escalation_path.is_some() && base.timeout_seconds.is_none() {
            let message = "nothing is escalated without a `timeout_seconds`";
            rules.doubtful("escalation_path", message, "set a `timeout_seconds`".to_owned());
        }
        match (self.auto_approve_after, base.timeout_seconds) {
            (Some(_), None) => rules.broken(
                "auto_approve_after",
                "`auto_approve_after` needs a `timeout_seconds`",
                "set a `timeout_seconds` that is longer".to_owned(),
            ),
            (Some(after), Some(timeout)) if after >= timeout => rules.broken(
                "auto_approve_after",
                format!("`auto_approve_after` ({after}) must be shorter than `timeout_seconds` ({timeout})"),
                None,
            ),
            (Some(_) | None, Some(_) | None) => {}
        }
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_text("prompt_message", &self.prompt_message, Form::Template, at, visit);
    }
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
