//! A question to a person, and what came of it.

use std::time::Duration;

use ice_core::blueprint::ApprovalType;
use ice_core::id::Principal;
use ice_core::near::near_names;
use ice_core::schema::Validator;
use ice_core::time::Moment;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list;

/// The longest answer, in bytes of its JSON.
const MAX_RESPONSE: usize = 1 << 20;

/// A question to a person, as it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// What is asked.
    pub message: String,
    /// What kind of answer is wanted.
    #[serde(default)]
    pub approval_type: ApprovalType,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The JSON Schema that data must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// After how many seconds it counts as approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve_after: Option<u64>,
    /// After how many seconds it is escalated or, if it was already or there is nobody else to ask, counts as rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// Who is asked when the time is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_path: Option<String>,
}

/// What becomes of a question without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lapse {
    AutoApprove,
    Escalate,
    Reject,
}

impl Question {
    /// What happens without an answer, and how long after the question was asked or escalated.
    pub(crate) fn lapse(&self, is_escalated: bool) -> Option<(Duration, Lapse)> {
        let after = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        if let Some(span) = after(self.auto_approve_after).filter(|_| !is_escalated) {
            return Some((span, Lapse::AutoApprove));
        }
        let escalates = self.escalation_path.is_some() && !is_escalated;
        let lapse = if escalates { Lapse::Escalate } else { Lapse::Reject };
        after(self.timeout_seconds).map(|span| (span, lapse))
    }

    /// The response as it is kept, if it is one to this question: `true` or `false`, one of the choices, or data that fits
    /// the schema.
    ///
    /// # Errors
    /// What is wrong with it, and what is wanted.
    pub fn accept(&self, response: &Value) -> Result<Value, String> {
        if serde_json::to_vec(response).map_or(usize::MAX, |text| text.len()) > MAX_RESPONSE {
            return Err(format!("the answer is longer than {MAX_RESPONSE} bytes"));
        }
        match self.approval_type {
            ApprovalType::ApproveReject => {
                let word = response.as_str().map(str::to_ascii_lowercase);
                match (response.as_bool(), word.as_deref()) {
                    (Some(approved), _) => Ok(Value::from(approved)),
                    (None, Some("approve" | "approved" | "yes" | "y" | "true")) => Ok(Value::from(true)),
                    (None, Some("reject" | "rejected" | "no" | "n" | "false")) => Ok(Value::from(false)),
                    (None, Some(_) | None) => Err("the answer is `approve` or `reject`".to_owned()),
                }
            }
            ApprovalType::Choice => {
                let choices = || self.choices.iter().map(String::as_str);
                let said = response.as_str().map_or_else(|| response.to_string(), str::to_owned);
                if choices().any(|choice| choice == said) {
                    return Ok(Value::from(said));
                }
                let near = near_names(&said, choices());
                let near = near.first().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all: Vec<String> = choices().map(|choice| format!("`{choice}`")).collect();
                Err(format!("the answer is one of {}{near}", all.join(", ")))
            }
            ApprovalType::InputRequired => {
                let Some(schema) = &self.schema else { return Ok(response.clone()) };
                let validator = Validator::compile(schema).map_err(|error| error.to_string())?;
                match validator.validate(response) {
                    Ok(()) => Ok(response.clone()),
                    Err(violations) => {
                        Err(format!("the answer does not fit the schema: {}", list(&violations)))
                    }
                }
            }
        }
    }
}

/// How a question came to its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// Somebody gave it.
    #[default]
    Given,
    /// It was approved because nobody had answered.
    AutoApproved,
    /// It was rejected because nobody had answered.
    TimedOut,
}

impl AnswerKind {
    /// The name on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::AutoApproved => "auto_approved",
            Self::TimedOut => "timed_out",
        }
    }

    pub(crate) const fn is_given(&self) -> bool {
        matches!(self, Self::Given)
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// What was answered: `true` or `false`, a choice, or data; null if nobody has.
    #[serde(rename = "r", default)]
    pub response: Value,
    /// How it came.
    #[serde(rename = "k", default, skip_serializing_if = "AnswerKind::is_given")]
    pub kind: AnswerKind,
    /// Who gave it.
    pub by: Principal,
    /// What they had to say besides.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Tells it from other answers to the same question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub id: Option<Uuid>,
}

impl Answer {
    /// What a question without an answer comes to.
    pub(crate) fn lapsed(kind: AnswerKind) -> Self {
        Self { response: Value::Null, kind, by: Principal::engine(), comment: None, id: None }
    }

    /// What an agent that asked is told.
    pub(crate) fn told(&self) -> Value {
        let comment = self.comment.as_deref().map(|comment| ("comment", Value::from(comment)));
        let said = [("answer", self.response.clone()), ("answered_by", Value::from(self.by.as_str()))];
        Value::map(said.into_iter().chain(comment))
    }

    /// The output of the node that asked.
    pub(crate) fn output(&self, question: &Question, is_escalated: bool, took: Duration) -> Value {
        let (approved, response) = match (self.kind, question.approval_type) {
            (AnswerKind::AutoApproved, _) => (true, Value::from("Auto-approved after timeout")),
            (AnswerKind::TimedOut, _) => (false, Value::from("Timeout - no response received")),
            (AnswerKind::Given, ApprovalType::ApproveReject) => {
                let approved = self.response.as_bool() == Some(true);
                (approved, Value::from(if approved { "approve" } else { "reject" }))
            }
            (AnswerKind::Given, ApprovalType::Choice | ApprovalType::InputRequired) => {
                (true, self.response.clone())
            }
        };
        let seconds = Value::try_from(took.as_secs_f64()).unwrap_or_default();
        Value::map([
            ("approved", Value::from(approved)),
            ("response", response),
            ("response_received", Value::from(self.kind.is_given())),
            ("timeout_occurred", Value::from(!self.kind.is_given())),
            ("escalated", Value::from(is_escalated)),
            ("response_time_seconds", seconds),
            ("answered_by", Value::from(self.by.as_str())),
            ("comment", Value::from(self.comment.clone())),
        ])
    }
}

/// A question in the document of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionReport {
    /// What was asked.
    #[serde(flatten)]
    pub question: Question,
    /// The number of the record with which it was asked: an answer is one to this question.
    pub number: u64,
    /// When it was asked.
    pub asked_at: Moment,
    /// When it was escalated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_at: Option<Moment>,
    /// When something happens without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    /// The answer, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerReport>,
}

impl QuestionReport {
    pub(crate) fn new(question: &Question, number: u64, at: Moment) -> Self {
        let due_at = question.lapse(false).map(|(span, _)| at.plus(span));
        Self { question: question.clone(), number, asked_at: at, escalated_at: None, due_at, answer: None }
    }

    pub(crate) fn escalate(&mut self, at: Moment) {
        self.escalated_at = Some(at);
        self.due_at = self.question.lapse(true).map(|(span, _)| at.plus(span));
    }

    pub(crate) fn answer(&mut self, answer: &Answer, at: Moment) {
        let Answer { response, kind, by, comment, id } = answer.clone();
        self.due_at = None;
        self.answer = Some(AnswerReport { response, kind, by, at, comment, id });
    }
}

/// The answer to a question in the document of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerReport {
    /// What was answered; null if nobody has.
    pub response: Value,
    /// How it came.
    pub kind: AnswerKind,
    /// Who gave it.
    pub by: Principal,
    /// When.
    pub at: Moment,
    /// What they had to say besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Tells it from other answers to the same question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub id: Option<Uuid>,
}

#[cfg(test)]
mod tests;
