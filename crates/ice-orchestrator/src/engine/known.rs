//! Secrets that are known: what comes from outside is recorded without them, and what is given with one in it is refused.

use ice_core::redact::{Action, Kind, KnownSecrets, Policy, Preset, Redactor};
use ice_core::value::Value;

use super::RunError;
use crate::executors::{Completion, Observation};
use crate::journal::Failure;

/// Why something is refused that holds a secret.
pub(crate) const HOLDS_ONE: &str = "holds a secret that is known here, and would be kept with the run in clear: grant the run the \
    secret by a name instead (`--secret NAME=env:VARIABLE`)";

/// The secrets that an engine knows.
#[derive(Debug)]
pub(crate) struct Known {
    secrets: KnownSecrets,
    /// Finds nothing else.
    redactor: Redactor,
}

impl Known {
    pub(super) fn new(secrets: KnownSecrets) -> Self {
        let policy = Policy::preset(Preset::None).with(Kind::Secret, Action::Mask);
        let redactor = Redactor::builder(policy).sharing(&secrets).build();
        // It needs no table but theirs, which is there.
        let redactor = redactor.unwrap_or_else(|_| Redactor::secrets(&secrets));
        Self { secrets, redactor }
    }

    /// Whether a value holds one.
    pub(crate) fn are_in(&self, value: &Value) -> bool {
        !self.secrets.is_empty() && self.redactor.value(value).is_some()
    }

    /// Whether a text holds one.
    pub(crate) fn are_in_text(&self, text: &str) -> bool {
        self.secrets.are_in(text)
    }

    /// A text without them.
    pub(crate) fn without(&self, text: String) -> String {
        if self.secrets.are_in(&text) { self.redactor.text(&text).into_owned() } else { text }
    }

    /// Inputs that hold none.
    ///
    /// # Errors
    /// [`RunError::HoldsSecret`] that names the input which holds one.
    pub(super) fn check(&self, inputs: &Value) -> Result<(), RunError> {
        if self.secrets.is_empty() {
            return Ok(());
        }
        let mut entries = inputs.as_map().into_iter().flatten();
        match entries.find(|(name, value)| self.are_in_text(name) || self.are_in(value)) {
            Some((name, _)) if self.are_in_text(name) => {
                Err(RunError::HoldsSecret { what: "the name of an input".to_owned() })
            }
            Some((name, _)) => Err(RunError::HoldsSecret { what: format!("the input `{name}`") }),
            None => Ok(()),
        }
    }

    /// What an attempt or a step gave, as it is recorded.
    pub(super) fn scrub(&self, result: Result<Completion, Failure>) -> Result<Completion, Failure> {
        if self.secrets.is_empty() {
            return result;
        }
        match result {
            Ok(mut completion) => {
                if let Some(clean) = self.redactor.value(&completion.value) {
                    completion.value = clean;
                }
                if let Some(asking) = &mut completion.asks {
                    let message = std::mem::take(&mut asking.question.message);
                    asking.question.message = self.without(message);
                }
                Ok(completion)
            }
            Err(failure) => Err(Failure { message: self.without(failure.message), ..failure }),
        }
    }

    /// What is worth keeping of an execution, as it is recorded.
    pub(super) fn scrub_observation(&self, observation: Observation) -> Observation {
        match observation {
            Observation::Report(mut report) => {
                report.stderr = self.without(report.stderr);
                Observation::Report(report)
            }
            Observation::Denial(mut denial) => {
                denial.what = self.without(denial.what);
                Observation::Denial(denial)
            }
        }
    }
}
