//! A failure as a value: what a record says of an attempt that did not succeed.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use ice_core::budget::Spend;
use ice_core::error::ErrorCode;
use ice_core::llm::{LlmError, LlmErrorKind, Usage};
use ice_core::path::NodePath;
use ice_core::schema::SchemaViolation;
use ice_core::template::TemplateError;
use ice_core::tools::{Started, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an attempt, a node or a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The code.
    #[schemars(with = "String")]
    pub code: ErrorCode,
    /// What went wrong and what to do, without secrets and payloads.
    pub message: String,
    /// Whether trying again may help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Whether the world may have been touched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_outcome: bool,
    /// How long the other side asked to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Tokens spent nevertheless.
    #[serde(default, skip_serializing_if = "is_free")]
    pub usage: Usage,
    /// What it would have taken, if a budget did not allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Box<Spend>>,
    /// The field of the node that it is about, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Box<FieldPart>>,
}

/// A field of a node, or a part of the text in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldPart {
    /// The field, keys and indices joined by dots: `tool_args.rows`.
    pub field: String,
    /// The part of the text in it, in bytes; absent if all of the field is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Range<u32>>,
}

/// The longest name of a field that is kept, in bytes.
const MAX_FIELD: usize = 1_024;

fn is_free(usage: &Usage) -> bool {
    *usage == Usage::default()
}

impl Failure {
    /// A failure that would happen again.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            unknown_outcome: false,
            retry_after_ms: None,
            usage: Usage::default(),
            wanted: None,
            about: None,
        }
    }

    /// The same about a field of the node. Nothing is said of one whose name is very long.
    #[must_use]
    pub(crate) fn about(mut self, field: impl Into<String>) -> Self {
        let field = Some(field.into()).filter(|field| field.len() <= MAX_FIELD);
        self.about = field.map(|field| Box::new(FieldPart { field, part: None }));
        self
    }

    /// The same about a part of the text in a field of the node, in bytes.
    #[must_use]
    pub(crate) fn about_part(self, field: &str, part: Range<u32>) -> Self {
        let mut failure = self.about(field);
        if let Some(about) = &mut failure.about {
            about.part = Some(part);
        }
        failure
    }

    /// The same about what values in a field do not fit a schema: about the deepest place that holds all that is wrong.
    #[must_use]
    pub(crate) fn about_violations(self, field: &str, violations: &[SchemaViolation]) -> Self {
        let steps = |violation: &SchemaViolation| {
            let steps = violation.path.split('/').skip(1);
            steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect::<Vec<_>>()
        };
        let mut all = violations.iter().map(steps);
        let mut shared = all.next().unwrap_or_default();
        for steps in all {
            let same = shared.iter().zip(&steps).take_while(|(one, other)| one == other).count();
            shared.truncate(same);
        }
        let field = std::iter::once(field).chain(shared.iter().map(String::as_str)).collect::<Vec<_>>();
        self.about(field.join("."))
    }

    /// The same about a template in a field of the node.
    #[must_use]
    pub(crate) fn about_template(self, field: &str, error: &TemplateError) -> Self {
        let small = |at: usize| u32::try_from(at).ok();
        let mut failure = match error.within_path() {
            None | Some("") => self.about(field),
            Some(within) => self.about(format!("{field}.{within}")),
        };
        if let Some(about) = &mut failure.about {
            let place = error.place();
            about.part = place.and_then(|place| Some(small(place.range.start)?..small(place.range.end)?));
        }
        failure
    }

    /// The same in the words of what failed because of it: the field is that of another node.
    #[must_use]
    pub(crate) fn told_by(&self, message: String) -> Self {
        Self { message, usage: Usage::default(), wanted: None, about: None, ..self.clone() }
    }

    /// The same without what it spent, where that is counted already.
    pub(crate) fn without_usage(self) -> Self {
        Self { usage: Usage::default(), ..self }
    }

    /// A failure that may pass, with an unknown outcome.
    #[must_use]
    pub fn passing(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retryable: true, unknown_outcome: true, ..Self::new(code, message) }
    }

    /// The failure of a node in doubt that is not to be repeated.
    pub(crate) fn given_up() -> Self {
        let message = "it is not known whether the effect of this node happened, and it was decided not to \
                       repeat it";
        Self { unknown_outcome: true, ..Self::new(ErrorCode::RunInDoubt, message) }
    }

    /// The wait the other side asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

fn millis(wait: Option<Duration>) -> Option<u64> {
    wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            retryable: error.retryable,
            unknown_outcome: match error.started {
                Started::NotStarted => false,
                Started::Unknown => true,
            },
            retry_after_ms: millis(error.retry_after),
            usage: Usage::default(),
            wanted: None,
            about: None,
        }
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        let wait =
            if let LlmErrorKind::Transient { retry_after } = &error.kind { *retry_after } else { None };
        Self {
            code: error.code(),
            retryable: error.is_retryable(),
            unknown_outcome: false,
            retry_after_ms: millis(wait),
            usage: error.usage,
            message: error.message,
            wanted: None,
            about: None,
        }
    }
}

/// A node that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeFailure {
    /// The node.
    pub node: NodePath,
    /// Why.
    #[serde(flatten)]
    pub failure: Failure,
}
/// Violations of a schema as one sentence.
pub(crate) fn list(violations: &[SchemaViolation]) -> String {
    let mut text: Vec<String> = violations.iter().take(8).map(ToString::to_string).collect();
    if violations.len() > text.len() {
        text.push(format!("and {} more", violations.len() - text.len()));
    }
    text.join("; ")
}
